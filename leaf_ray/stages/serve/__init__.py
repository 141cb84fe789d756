"""serve: the search service on Ray Serve."""
