"""evaluate: what the leaf keeps of its teacher."""
