"""A table of Markdown stays one, whatever its cells hold."""

from leaf_ray.core.markdown import table


def test_the_header_is_told_from_the_lines_below() -> None:
    assert table([["a", "b"], ["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_no_name_ends_its_cell_or_its_line() -> None:
    assert table([["a"], ["b|c\n d"]]).splitlines()[2:] == ["| b\\|c d |"]
