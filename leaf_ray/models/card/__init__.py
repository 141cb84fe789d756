"""The model card that an exported leaf comes with."""
