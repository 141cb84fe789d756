"""The leaf in release/ is small, whole, and finds what its teacher finds."""

import re
from dataclasses import replace
from pathlib import Path

from leaf_ray.core.evaluation.metrics import overlap
from leaf_ray.core.search.ranking import top_k
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.leaf_folder import leaf_probe, leaf_space
from leaf_ray.models.resolve import resolve_model
from leaf_ray.mteb.collection import read_collection

ROOT = Path(__file__).resolve().parents[1]
LEAF = ROOT / "release" / "leaf-mpnet-23m"


def test_it_is_no_larger_than_a_repository_can_bear() -> None:
    assert sum(file.stat().st_size for file in LEAF.rglob("*")) <= 50e6


def test_it_encodes_as_it_did_when_it_was_trained() -> None:
    leaf_probe(LEAF).check(EncoderSpec(folder=str(LEAF)).load(), name="the published leaf")


def test_it_finds_what_its_teacher_finds(shared_data: Path) -> None:
    space = leaf_space(LEAF)
    teacher = resolve_model(space.teacher)
    assert space.weights == f"sha256:{ModelFolder.read(teacher).weights_sha256()}"
    collection = read_collection(str(shared_data / "beir" / "cranfield"))
    # Beginnings of some, which take the teacher seconds.
    documents = list(collection.documents.values())[:200]
    short = replace(EncoderSpec.for_teacher(teacher, space), max_length=64)
    encoder = short.load()
    document_ND = encoder.encode(documents, kind=DOCUMENT)
    queries = list(collection.queries.values())[:100]
    found = [
        top_k(asked.encode(queries, kind=QUERY), document_ND, k=10).index_QK
        for asked in (EncoderSpec(folder=str(LEAF)).load(), encoder)
    ]
    assert overlap(*found, k=10).mean() > 0.6


def test_its_card_says_what_it_keeps_with_intervals_at_every_size() -> None:
    card = (LEAF / "README.md").read_text("utf-8")
    assert "Averages over 5 collections" in card
    for name in ("scifact, 5,183", "vaswani, 11,429", "cranfield, 1,398", "cisi, 1,460", "med, "):
        assert f"\n{name}" in card
    for stored in ("float32", "float16", "int8", "binary", "binary, rescored"):
        for dimension in (32, 64, 128, 256, 384, 768):
            rows = re.findall(rf"\n\| {dimension} \| {stored} \|.*% \[.*\|", card)
            assert len(rows) == 5


def test_its_card_says_what_it_is_from() -> None:
    card = (LEAF / "README.md").read_text("utf-8")
    assert "# A leaf of all-mpnet-base-v2" in card
    assert "| texts trained on | 599,568 |" in card
    assert "q-msmarco 20,795" in card
