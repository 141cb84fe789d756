"""The grid relates every size to the teacher at full size."""

import dataclasses

import pytest

from leaf_ray.core.evaluation.bootstrap import Sampling
from leaf_ray.core.evaluation.comparison import Collection, compare
from leaf_ray.core.evaluation.grid import STORED, grid
from leaf_ray.core.evaluation.results import Cell, Role
from leaf_ray.core.search.stored import Stored
from tests.examples.systems import JUDGED, TEACHER, UNJUDGED, a_system, own_documents

SAMPLING = Sampling(50, 0)
LEAF = a_system("asymmetric", noise=0.3)


def cells_of(collection: Collection, *dimensions: int) -> dict[tuple[Role, int, Stored], Cell]:
    systems = [TEACHER, LEAF, a_system("untrained", noise=1)]
    compared = compare(collection, systems, SAMPLING)
    found = grid(collection, systems, compared, SAMPLING, dimensions=dimensions, normalized=True)
    return {(cell.role, cell.dimensions, cell.stored): cell for cell in found}


def test_every_role_of_the_leaf_has_every_size_and_baselines_have_none() -> None:
    cells = cells_of(JUDGED, 4, 8, 16, 32)
    wanted = {(r, d, s) for r in ("teacher", "asymmetric") for d in (4, 8, 16) for s in STORED}
    assert set(cells) == wanted


def test_at_full_size_the_grid_says_what_the_rows_say() -> None:
    compared = compare(JUDGED, [TEACHER, LEAF], SAMPLING)
    row, cell = compared.rows[1], cells_of(JUDGED)["asymmetric", 16, "float32"]
    assert (cell.ndcg, cell.overlap, cell.kept) == (row.ndcg, row.overlap, row.kept)


@pytest.mark.parametrize("num_documents", [60, 9])
def test_own_documents_are_left_out_of_the_grid_as_of_the_rows(num_documents: int) -> None:
    collection, systems = own_documents(num_documents)
    compared = compare(collection, systems, SAMPLING)
    found = list(grid(collection, systems, compared, SAMPLING, dimensions=(8,), normalized=False))
    rows = {row.role: row for row in compared.rows}
    for cell in found:
        row = rows[cell.role]
        if (cell.dimensions, cell.stored) == (16, "float32"):
            assert (cell.ndcg, cell.overlap) == (row.ndcg, row.overlap)
    # Bits are a poor guess; but they too find no query's own document, whose overlap is nil.
    plain = grid(
        dataclasses.replace(collection, own_Q=None),
        systems,
        compared,
        SAMPLING,
        dimensions=(8,),
        normalized=False,
    )
    for cell, with_own in zip(found, plain, strict=True):
        assert cell.ndcg is not None and with_own.ndcg is not None
        assert cell.ndcg.mean > with_own.ndcg.mean


def test_the_reference_is_compared_with_nothing() -> None:
    cells = cells_of(JUDGED, 4)
    reference = cells["teacher", 16, "float32"]
    assert reference.ndcg is not None
    assert (reference.overlap, reference.kept) == (None, None)
    assert cells["teacher", 4, "float32"].kept is not None


def test_fewer_dimensions_and_bits_overlap_less() -> None:
    cells = cells_of(JUDGED, 2, 8)

    def overlap(d: int, stored: Stored) -> float:
        interval = cells["teacher", d, stored].overlap
        return 1.0 if interval is None else interval.mean

    assert overlap(2, "float32") < overlap(8, "float32") < overlap(16, "float32")
    assert overlap(16, "binary") < overlap(16, "int8")


def test_without_judgments_overlap_alone_is_measured() -> None:
    cell = cells_of(UNJUDGED)["asymmetric", 16, "int8"]
    assert (cell.ndcg, cell.kept) == (None, None)
    assert cell.overlap is not None and 0 < cell.overlap.mean <= 1


@pytest.mark.parametrize("d", [3, 16])
def test_bytes_are_those_of_the_documents(d: int) -> None:
    cells = cells_of(UNJUDGED, d)
    assert cells["teacher", d, "float32"].bytes == 4 * d
    assert cells["teacher", d, "binary"].bytes == -(-d // 8)
