"""An export that encodes otherwise is refused, however it does so."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.encoders.sentence import SentenceEncoder
from leaf_ray.errors import SpaceMismatch
from leaf_ray.exports.check import ByKind, require_same
from tests.examples.tiny_models import TEXTS


@dataclass
class Changed:
    """An encoder with something done to some of its vectors."""

    encoder: SentenceEncoder
    what: str

    def encode(self, texts: Sequence[str], *, kind: str) -> np.ndarray:
        vectors_ND = self.encoder.encode(texts, kind=kind)
        if self.what == "scale":
            return 3 * vectors_ND
        if self.what == "dimensions":
            return vectors_ND[:, :-1]
        if kind == DOCUMENT and len(texts) > 8:
            # The last of the real texts only, so that the probe alone would not show it.
            vectors_ND[-1] = np.nan if self.what == "NaN" else -vectors_ND[-1]
        return vectors_ND


TEXTS_BY_KIND = {QUERY: TEXTS[:2], DOCUMENT: TEXTS}


def test_the_same_encoder_agrees_and_every_text_counts(original: SentenceEncoder) -> None:
    checked = require_same(original, original, TEXTS_BY_KIND, lowest_cosine=0.99999, name="it")
    assert checked.num_texts == 16 + 2 + len(TEXTS)
    assert checked.lowest_cosine == pytest.approx(1)
    assert require_same(original, original, {}, lowest_cosine=0.9, name="it").num_texts == 16


def test_another_length_is_refused_even_where_every_direction_is_right(
    original: SentenceEncoder,
) -> None:
    with pytest.raises(SpaceMismatch, match=r"a length that is off by 200\.0 % .*at most 0\.4 %"):
        require_same(
            original, Changed(original, "scale"), {}, lowest_cosine=0.99999, name="my export"
        )


@pytest.mark.parametrize("what", ["one text", "NaN", "dimensions"])
def test_one_wrong_text_is_enough_to_refuse(original: SentenceEncoder, what: str) -> None:
    with pytest.raises(
        SpaceMismatch,
        match=r"my export gives other vectors than the leaf: lowest cosine -1.00000 over",
    ):
        require_same(
            original,
            Changed(original, what),
            TEXTS_BY_KIND,
            lowest_cosine=0.9,
            name="my export",
        )


def test_queries_and_documents_may_have_encoders_of_their_own(original: SentenceEncoder) -> None:
    pair = ByKind(original, Changed(original, "one text"))
    texts = {QUERY: TEXTS}
    assert require_same(original, pair, texts, lowest_cosine=0.9999, name="it")
    with pytest.raises(SpaceMismatch):
        require_same(original, pair, {DOCUMENT: TEXTS}, lowest_cosine=0.9999, name="it")
