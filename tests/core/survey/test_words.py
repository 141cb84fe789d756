from leaf_ray.core.survey.words import Lengths, num_words


def test_words_stand_between_white_space_and_han_characters_stand_alone() -> None:
    assert num_words("two words") == 2
    assert num_words("caf\u00e9 au lait") == 3
    assert num_words("\u6211\u4eec use GPUs") == 4
    assert num_words("") == num_words(" \n") == 0


def test_lengths_are_the_median_and_the_95th_percentile() -> None:
    assert Lengths.of(list(range(1, 101))) == Lengths(100, median=50, high=95)
    assert Lengths.of([]) == Lengths(0, 0, 0)
