"""Vectors that exist already, found by the ids of their texts."""

from leaf_ray.store.given.vectors import GivenVectors

__all__ = ["GivenVectors"]
