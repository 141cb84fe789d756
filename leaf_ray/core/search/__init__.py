"""Exact search: rankings, candidates, screening by codes, stored forms of vectors."""
