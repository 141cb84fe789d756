"""A teacher behind an OpenAI-compatible endpoint."""
