"""embed: the teacher's vectors of all texts, by Ray Data."""
