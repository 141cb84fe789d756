"""The API documentation of this Python environment as a source, read without importing it."""
