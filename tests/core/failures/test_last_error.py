"""Of a traceback as text, people want the last error."""

from leaf_ray.core.failures.last_error import last_error

FAILED = """The deployment failed to start 3 times in a row. See controller logs for details. Error:
ray::ServeReplica:queries.initialize_and_get_metadata() (pid=24448, ip=192.0.2.2)
  File "serve/replica.py", line 1928, in initialize
    raise RuntimeError(traceback.format_exc()) from None
RuntimeError: Traceback (most recent call last):
  File "runs/folder.py", line 136, in read_whole
    yield
ValueError: it has other fields than a manifest

The above exception was the direct cause of the following exception:

  File "runs/folder.py", line 142, in read_whole
    raise DamagedPart(
leaf_ray.errors.DamagedPart: run/leaf/manifest.json is damaged: make it again
"""


def test_the_error_at_the_end_is_told() -> None:
    assert last_error(FAILED) == "DamagedPart: run/leaf/manifest.json is damaged: make it again"


def test_an_error_that_holds_a_traceback_is_not_the_last_one() -> None:
    assert last_error("RuntimeError: Traceback (most recent call last):\nKeyError: 'a'") == (
        "KeyError: 'a'"
    )


def test_a_text_without_an_error_has_none() -> None:
    assert last_error("") is None
    assert last_error("Failed to update the deployments ['queries'].") is None
