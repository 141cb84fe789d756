"""All commands of `leaf`, in the order in which its help lists them."""

# Each import adds its commands to the application.
from leaf_ray.cli import stage_commands, run_commands, result_commands  # noqa: F401, I001
from leaf_ray.cli.app import app as app
