"""Programs that run a peer over texts, each in an interpreter that has that peer."""
