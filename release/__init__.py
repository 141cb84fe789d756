"""The published leaf, and what its texts are made by."""
