from leaf_ray.core.survey.row_count import RowCount, rounded


def test_a_known_number_is_said_as_it_is() -> None:
    assert RowCount(10, 12_345).in_words() == "12,345"


def test_an_unknown_number_is_what_was_read_and_what_that_lets_expect() -> None:
    rows = RowCount(1_000, None, size_read=2e6, size=9e6)
    assert rows.estimate == 4_500 and rows.scaled(10) == 45
    assert rows.in_words() == "at least 1,000 in 2.0 MB of 9.0 MB, about 4,500 in all"


def test_without_sizes_there_is_no_estimate() -> None:
    assert RowCount(2_000, None).in_words() == "at least 2,000"
    assert RowCount(0, None).scaled(3) == 0


def test_an_estimate_is_never_below_what_was_read() -> None:
    assert RowCount(1_949, None, size_read=10, size=10).in_words().endswith("about 1,949 in all")


def test_modules_are_counted_as_such() -> None:
    assert "199 modules of 18,812 modules" in RowCount(4, None, 199, 18_812, "modules").in_words()


def test_an_estimate_has_two_digits() -> None:
    assert [rounded(n) for n in (7, 42, 123, 98_765)] == [7, 42, 120, 99_000]
