"""The `leaf` command."""
