"""Texts before they are vectors: their contract, ids, queries, splits and windows."""
