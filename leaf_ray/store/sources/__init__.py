"""Readers of texts: one module per format, one function for callers."""

from leaf_ray.store.sources.canonical import Layout, Rows
from leaf_ray.store.sources.read import open_source
from leaf_ray.store.sources.source import Source

__all__ = ["Layout", "Rows", "Source", "open_source"]
