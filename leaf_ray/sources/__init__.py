"""Readers of texts, one module for each format; `read.open_source` chooses one."""
