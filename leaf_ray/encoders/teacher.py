"""The space of a local teacher, as its folder and the run's settings declare it."""

from pathlib import Path

from leaf_ray.core.probe import Probe
from leaf_ray.core.space import Space
from leaf_ray.encoders.folder import ModelFolder
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.errors import ConfigError


def describe_space(
    path: Path,
    *,
    name: str,
    max_length: int | None,
    query_prompt: str | None,
    document_prompt: str | None,
) -> Space:
    """Describe the teacher in `path` and take its probe in float32, the precision of record.

    name: for people; the last part of it is kept. None takes what the folder says.

    Raises:
        ModelNotFound: `path` is no model.
        ConfigError: `max_length` is more than the model was made for.
    """
    folder = ModelFolder.read(path)
    if max_length is not None and max_length > folder.max_length:
        raise ConfigError(
            f"space.max_length is {max_length}, but {path.name} reads at most "
            f"{folder.max_length} tokens: choose that or less"
        )
    spec = EncoderSpec(
        folder=str(path),
        backend="openvino-f32",
        max_length=max_length or folder.max_length,
        query_prompt=query_prompt,
        document_prompt=document_prompt,
    )
    encoder = spec.load()
    return Space(
        teacher=name.rstrip("/").rpartition("/")[2],
        weights=f"sha256:{folder.weights_sha256()}",
        pooling=folder.pooling,
        normalized=folder.normalized,
        query_prompt=folder.query_prompt if query_prompt is None else query_prompt,
        document_prompt=folder.document_prompt if document_prompt is None else document_prompt,
        max_length=max_length or folder.max_length,
        dimension=encoder.dimension,
        probe=Probe.take(encoder),
    )
