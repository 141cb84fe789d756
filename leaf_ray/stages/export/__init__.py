"""export: a finished leaf for others to load."""
