"""The HTTP surface, as FastAPI applications over services that know nothing of HTTP or Ray."""
