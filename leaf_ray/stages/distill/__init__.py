"""distill: the leaf, trained into the teacher's space by Ray Train."""
