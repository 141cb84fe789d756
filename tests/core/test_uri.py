"""What may be a key in a URI is not shown."""

import pytest

from leaf_ray.core.uri import redacted


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("s3://KEY:SECRET@bucket/folder?endpoint=x&secret=y", "s3://bucket/folder"),
        ("https://host/v1?api-key=SECRET", "https://host/v1"),
        ("s3://bucket/folder", "s3://bucket/folder"),
        ("runs/a?b@c", "runs/a?b@c"),
        ("hf:org/name?split=train", "hf:org/name?split=train"),
    ],
)
def test_uris_lose_their_user_and_query_and_paths_lose_nothing(path: str, wanted: str) -> None:
    assert redacted(path) == wanted
