"""A small collection, and models that encode it more or less like the teacher."""

import dataclasses

import numpy as np

from leaf_ray.core.evaluation.comparison import Collection, System
from leaf_ray.core.evaluation.own_documents import NO_ROW
from leaf_ray.core.evaluation.results import Role
from tests.examples.spaces import unit_vectors

QUERY_QD, DOCUMENT_ND = unit_vectors(30, 16, seed=1), unit_vectors(60, 16, seed=2)


IDS = [f"d{row:02d}" for row in range(60)]


TEACHER = System("teacher", "big", "big", QUERY_QD, DOCUMENT_ND, query_ms=13.7)


# Each query's answer is the document that the teacher has third.
ANSWERS = np.argsort(-(QUERY_QD @ DOCUMENT_ND.T), axis=1)[:, 2]


JUDGED = Collection(IDS, [{IDS[row]: 1} for row in ANSWERS])


UNJUDGED = Collection(IDS, None)


def a_system(role: Role, *, noise: float) -> System:
    """The teacher's own documents, and its queries with noise."""
    noisy_QD = QUERY_QD + noise * unit_vectors(30, 16, seed=3)
    return dataclasses.replace(TEACHER, role=role, queries_by="small", query_QD=noisy_QD)


def own_documents(num_documents: int) -> tuple[Collection, list[System]]:
    """As many queries as documents, each one but the last three near its own; and their systems."""
    document_ND = DOCUMENT_ND[:num_documents]
    teacher_QD = document_ND + 0.5 * unit_vectors(num_documents, 16, seed=4)
    leaf_QD = teacher_QD + 0.3 * unit_vectors(num_documents, 16, seed=5)
    own_Q = np.arange(num_documents)
    own_Q[-3:] = NO_ROW
    ids = IDS[:num_documents]
    # One judgment names the query's own document, as none that is left out should.
    judgments = [{ids[(row + 1) % num_documents]: 2, ids[row - 7]: 1} for row in own_Q]
    judgments[0][ids[0]] = 1
    systems = [
        System("teacher", "big", "big", teacher_QD, document_ND, None),
        System("asymmetric", "small", "big", leaf_QD, document_ND, None),
    ]
    return Collection(ids, judgments, [1] * num_documents, own_Q), systems
