"""Failures in plain words: what was found, what mends it, and nothing secret."""
