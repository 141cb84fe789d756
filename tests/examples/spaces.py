"""Spaces to test with, whose probe is a small one of random unit vectors."""

import dataclasses
from typing import Any

import numpy as np

from leaf_ray.core.space.probe import PROBE_DOCUMENTS, PROBE_QUERIES, Probe
from leaf_ray.core.space.space import Space


def unit_vectors(num_rows: int, dimension: int, *, seed: int) -> np.ndarray:
    """Random vectors of length 1, float32 [num_rows, dimension]."""
    vectors_ND = np.random.default_rng(seed).standard_normal((num_rows, dimension))
    vectors_ND /= np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    return vectors_ND.astype(np.float32)


def a_probe(*, dimension: int = 32, seed: int = 0) -> Probe:
    return Probe(unit_vectors(len(PROBE_QUERIES + PROBE_DOCUMENTS), dimension, seed=seed))


def a_space(**changes: Any) -> Space:
    """A space of 32 dimensions, of unit vectors, with other fields where `changes` says so."""
    space = Space(
        teacher="big-model",
        weights="sha256:78c0197b",
        pooling="mean",
        normalized=True,
        query_prompt="query: ",
        document_prompt="",
        max_length=48,
        dimension=32,
        probe=a_probe(),
    )
    return dataclasses.replace(space, **changes)
