"""Forms in which leaf_ray keeps and shows what it made."""
