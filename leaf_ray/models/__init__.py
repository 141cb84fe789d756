"""Model folders: what they say of themselves, where they are found, and leaves among them."""
