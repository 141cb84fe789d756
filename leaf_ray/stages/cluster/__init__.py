"""The Ray cluster of a command: joining, progress out of workers, errors out of Ray."""
