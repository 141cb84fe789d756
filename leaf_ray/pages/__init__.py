"""Reports and plots that people look at."""
