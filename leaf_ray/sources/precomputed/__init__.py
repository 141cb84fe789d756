"""Vectors that exist already, found by the ids of their texts."""
