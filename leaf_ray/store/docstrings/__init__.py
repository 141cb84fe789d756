"""The API documentation of this Python environment as a corpus, read without importing it."""

from leaf_ray.store.docstrings.read import read_docstrings

__all__ = ["read_docstrings"]
