"""A leaf in forms that other programs load, each compared with the original."""
