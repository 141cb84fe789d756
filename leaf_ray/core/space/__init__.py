"""The vector space of one teacher: its identity, probe, rotation and tables of vectors."""
