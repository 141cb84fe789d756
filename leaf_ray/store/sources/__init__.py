"""Readers of texts: one module per format, one function for callers."""

from leaf_ray.store.sources.corpus import Corpus
from leaf_ray.store.sources.read import read_corpus

__all__ = ["Corpus", "read_corpus"]
