"""The probe tells an encoder from every other one, and from itself put together wrongly."""

import json
from collections.abc import Sequence

import numpy as np
import pytest

from leaf_ray.core.space.probe import PROBE_DOCUMENTS, PROBE_QUERIES, Probe
from leaf_ray.core.text.texts import DOCUMENT, QUERY, normalise
from leaf_ray.errors import EncodingError, SpaceMismatch
from tests.examples.spaces import a_probe


class LetterCounts:
    """A real, if simple, encoder: how often each letter occurs in the prompted text."""

    lowest_cosine = 0.999

    def __init__(self, *, query_prompt: str = "", shift: int = 0, dimension: int = 64) -> None:
        self.query_prompt = query_prompt
        self.shift = shift
        self.dimension = dimension

    def encode(self, texts: Sequence[str], *, kind: str) -> np.ndarray:
        prompt = self.query_prompt if kind == QUERY else ""
        vectors_ND = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            for letter in prompt + text:
                vectors_ND[row, (ord(letter) + self.shift) % self.dimension] += 1
        return vectors_ND


class NotANumber(LetterCounts):
    def encode(self, texts: Sequence[str], *, kind: str) -> np.ndarray:
        return np.full((len(texts), self.dimension), np.nan, dtype=np.float32)


class OneNaN(LetterCounts):
    def encode(self, texts: Sequence[str], *, kind: str) -> np.ndarray:
        vectors_ND = super().encode(texts, kind=kind)
        if kind == DOCUMENT:
            vectors_ND[3, 0] = np.nan
        return vectors_ND


def test_the_probe_is_eight_queries_and_eight_documents_all_different() -> None:
    assert len(PROBE_QUERIES) == len(PROBE_DOCUMENTS) == 8
    assert len({*PROBE_QUERIES, *PROBE_DOCUMENTS}) == 16


def test_no_text_of_the_probe_would_be_changed_on_its_way_to_an_encoder() -> None:
    assert all(normalise(text) == text for text in PROBE_QUERIES + PROBE_DOCUMENTS)


def test_a_probe_holds_the_queries_first_then_the_documents() -> None:
    encoder = LetterCounts(query_prompt="query: ")
    vectors_PD = Probe.take(encoder).vectors_PD
    assert np.array_equal(vectors_PD[:8], encoder.encode(PROBE_QUERIES, kind=QUERY))
    assert np.array_equal(vectors_PD[8:], encoder.encode(PROBE_DOCUMENTS, kind=DOCUMENT))


@pytest.mark.parametrize("dimension", [1, 32, 768])
def test_a_probe_survives_json_to_the_last_bit(dimension: int) -> None:
    probe = a_probe(dimension=dimension)
    again = Probe.from_json(json.loads(json.dumps(probe.to_json())))
    assert again.vectors_PD.dtype == np.float32
    assert again.vectors_PD.tobytes() == probe.vectors_PD.tobytes()


def test_the_same_encoder_passes_with_a_cosine_of_one() -> None:
    encoder = LetterCounts()
    assert Probe.take(encoder).check(encoder, name="teacher") == pytest.approx(1.0)


class Longer(LetterCounts):
    """As long again by a share, the same directions."""

    def __init__(self, share: float, dtype: type = np.float32) -> None:
        super().__init__()
        self.share, self.dtype = share, dtype

    def encode(self, texts: Sequence[str], *, kind: str) -> np.ndarray:
        return ((1 + self.share) * super().encode(texts, kind=kind)).astype(self.dtype)


def test_other_lengths_are_refused_though_no_cosine_sees_them() -> None:
    probe = Probe.take(LetterCounts())
    assert probe.lowest_cosine(Probe.take(Longer(6.0))) == pytest.approx(1.0)
    for share in (6.0, -0.5, 0.1):
        with pytest.raises(SpaceMismatch, match=r"^leaf does not encode .* a length that is off"):
            probe.check(Longer(share), name="leaf")


def test_lengths_may_be_off_by_what_rounding_explains() -> None:
    probe = Probe.take(LetterCounts())
    assert probe.check(Longer(0.02), name="leaf") == pytest.approx(1.0)
    assert probe.check(Longer(0.001, np.float16), name="leaf") == pytest.approx(1.0, abs=1e-5)


def test_vectors_rounded_to_bfloat16_pass() -> None:
    probe = a_probe(dimension=768)
    rounded = (probe.vectors_PD.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    assert Probe(rounded).lowest_cosine(probe) > 0.9999


def test_the_lowest_of_the_sixteen_cosines_decides() -> None:
    probe = a_probe()
    one_is_off = probe.vectors_PD.copy()
    one_is_off[11] *= -1
    assert Probe(one_is_off).lowest_cosine(probe) == pytest.approx(-1.0)


@pytest.mark.parametrize(
    "other",
    [
        LetterCounts(shift=1),
        LetterCounts(query_prompt="query: "),
        LetterCounts(dimension=63),
        NotANumber(),
        OneNaN(),
    ],
    ids=["another model", "a wrong prompt", "another dimension", "all NaN", "one NaN"],
)
def test_any_other_encoder_is_refused_by_name_with_the_cosine_and_the_fix(
    other: LetterCounts,
) -> None:
    with pytest.raises(SpaceMismatch, match=r"^leaf does not encode as recorded: .*make the part"):
        Probe.take(LetterCounts()).check(other, name="leaf")


@pytest.mark.parametrize("other", [NotANumber(), OneNaN()], ids=["all", "one"])
def test_a_vector_that_is_not_finite_is_told_of_as_such_and_not_as_another_model(
    other: LetterCounts,
) -> None:
    with pytest.raises(SpaceMismatch, match="that is not finite") as refused:
        Probe.take(LetterCounts()).check(other, name="leaf")
    assert "choose another backend" in str(refused.value)
    assert "cosine" not in str(refused.value)


def test_vectors_of_another_dimension_are_told_of_as_such() -> None:
    with pytest.raises(SpaceMismatch, match="have 63 dimensions, and those recorded have 64"):
        Probe.take(LetterCounts()).check(LetterCounts(dimension=63), name="leaf")


class Failing(LetterCounts):
    def encode(self, texts: Sequence[str], *, kind: str) -> np.ndarray:
        raise EncodingError("the model failed on 8 texts: index out of range")


def test_an_encoder_that_fails_on_a_probe_text_is_named_with_what_it_failed_by() -> None:
    with pytest.raises(EncodingError, match=r"^leaf fails on .*index out of range\. Its model"):
        Probe.take(LetterCounts()).check(Failing(), name="leaf")


@pytest.mark.parametrize(("value", "fault"), [(np.nan, "not finite"), (0, "zero")])
def test_a_probe_without_a_direction_is_no_probe_of_a_teacher(value: float, fault: str) -> None:
    probe = a_probe()
    probe.require_usable(name="the teacher")
    probe.vectors_PD[11] = value
    with pytest.raises(EncodingError, match=f"the teacher gives .*'A' a vector that is {fault}"):
        probe.require_usable(name="the teacher")


def test_nan_never_passes_even_against_itself() -> None:
    broken = Probe.take(NotANumber())
    assert broken.lowest_cosine(broken) == -1.0
    with pytest.raises(SpaceMismatch):
        broken.check(NotANumber(), name="teacher")


def test_zero_vectors_do_not_pass() -> None:
    zeros = Probe(np.zeros((16, 4), dtype=np.float32))
    assert zeros.lowest_cosine(zeros) == 0.0


def test_an_encoder_may_be_off_by_what_its_precision_explains() -> None:
    rough = LetterCounts(query_prompt="q ")
    rough.lowest_cosine = 0.5
    assert 0.5 <= Probe.take(LetterCounts()).check(rough, name="teacher") < 0.999


def test_a_probe_without_vectors_lets_nothing_pass() -> None:
    unknown = Probe(np.empty((0, 64), dtype=np.float32))
    with pytest.raises(SpaceMismatch, match="known by its vectors only"):
        unknown.check(LetterCounts(), name="teacher")
