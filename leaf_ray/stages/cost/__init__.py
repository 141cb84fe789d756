"""cost: what teacher and leaf cost, timed on this machine."""
