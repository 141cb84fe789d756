"""Options that open object storage."""

import os


def storage_options(uri: str) -> dict[str, str] | None:
    """What the usual S3 variables say, in LanceDB's names; secrets stay in the environment."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if not uri.startswith("s3://") or not endpoint:
        return None
    return {"endpoint": endpoint, "allow_http": str(endpoint.startswith("http:")).lower()}
