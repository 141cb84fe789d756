"""A corpus larger than memory, divided into texts to train with and texts to test with."""
