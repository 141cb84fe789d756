"""The space of a teacher: a local model, an endpoint, or one that is known by its vectors only."""

from pathlib import Path

import numpy as np

from leaf_ray.core.space.probe import Probe
from leaf_ray.core.space.space import Space
from leaf_ray.encoders.endpoint.encoder import EndpointSpec
from leaf_ray.encoders.load import EncoderSpec, search_device
from leaf_ray.encoders.reference_check import require_as_reference
from leaf_ray.errors import ConfigError
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.reference import load_reference

# Tokens that a leaf reads of a text where nobody says how many the teacher reads.
UNKNOWN_LENGTH = 512
UNKNOWN = "unknown"


def describe_space(
    path: Path,
    *,
    name: str,
    max_length: int | None,
    query_prompt: str | None,
    document_prompt: str | None,
    normalize: bool = False,
    trust_remote_code: bool = False,
) -> Space:
    """Describe the teacher in `path` and take its probe in float32 torch, the precision of record.

    name: for people; the last part of it is kept. max_length, prompts: None takes what the folder
        says. normalize: to unit length, where the folder does not do so.

    Raises:
        ModelNotFound: `path` is no model.
        ConfigError: `max_length` is more than the model was made for, or its folder has a setting
            that cannot be honoured.
        EncodingError: it gives plain short texts no usable vectors.
        SpaceMismatch: sentence-transformers gives other vectors.
    """
    folder = ModelFolder.read(path)
    if max_length is not None and folder.limit is not None and max_length > folder.limit:
        raise ConfigError(
            f"space.max_length is {max_length}, but {path.name} reads at most "
            f"{folder.limit} tokens: choose that or less"
        )
    prompts = folder.prompts(query=query_prompt, document=document_prompt)
    spec = EncoderSpec(
        folder=str(path),
        backend="torch-f32",
        max_length=max_length or folder.max_length,
        query_prompt=prompts[0],
        document_prompt=prompts[1],
        normalize=normalize,
        trust_remote_code=trust_remote_code,
    )
    reference = load_reference(path, device=search_device(), trust_remote_code=trust_remote_code)
    encoder = spec.load(reference=reference)
    probe = Probe.take(encoder)
    probe.require_usable(name=f"the teacher {path.name} in float32")
    require_as_reference(encoder, reference, name=path.name, normalize=normalize)
    return Space(
        teacher=name.rstrip("/").rpartition("/")[2],
        weights=f"sha256:{folder.weights_sha256()}",
        pooling=folder.pooling,
        normalized=folder.normalized or normalize,
        query_prompt=prompts[0],
        document_prompt=prompts[1],
        max_length=max_length or folder.max_length,
        dimension=encoder.dimension,
        probe=probe,
    )


def describe_endpoint(spec: EndpointSpec, *, max_length: int | None) -> Space:
    """Describe the teacher behind an endpoint by its answers; its probe is taken from it.

    Raises:
        ConfigError, EndpointError, EncodingError: as the endpoint's encoder does.
    """
    encoder = spec.load()
    probe = Probe.take(encoder)
    probe.require_usable(name=f"the endpoint's model {spec.model}")
    return Space(
        teacher=spec.model,
        weights=f"endpoint:{spec.shown_url} {spec.model}",
        pooling=UNKNOWN,
        normalized=probe.normalized,
        query_prompt=spec.query_prompt,
        document_prompt=spec.document_prompt,
        max_length=max_length or UNKNOWN_LENGTH,
        dimension=encoder.dimension,
        probe=probe,
    )


def describe_given(
    *, name: str, dimension: int, normalized: bool, max_length: int | None, prompts: tuple[str, str]
) -> Space:
    """Describe a teacher that cannot be asked: its name and prompts are all that ties parts to it.

    prompts: of queries and documents, as the vectors were made.
    """
    return Space(
        teacher=name.rstrip("/").rpartition("/")[2],
        weights=f"given:{name}",
        pooling=UNKNOWN,
        normalized=normalized,
        query_prompt=prompts[0],
        document_prompt=prompts[1],
        max_length=max_length or UNKNOWN_LENGTH,
        dimension=dimension,
        probe=Probe(np.empty((0, dimension), dtype=np.float32)),
    )
