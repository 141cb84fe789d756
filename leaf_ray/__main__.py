"""`python -m leaf_ray` is the `leaf` command."""

from leaf_ray.cli.main import main

main()
