"""The page of what teacher and leaf cost beside what they find."""
