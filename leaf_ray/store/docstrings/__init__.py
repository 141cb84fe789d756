"""The API documentation of this Python environment as a source, read without importing it."""

from leaf_ray.store.docstrings.read import docstrings_of

__all__ = ["docstrings_of"]
