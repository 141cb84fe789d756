"""Nouns of leaf_ray: pure functions and values, without Ray, LanceDB or configuration."""
