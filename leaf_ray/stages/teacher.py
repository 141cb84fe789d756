"""The teacher that a run names, as the stages need it: its space, and what loads it anywhere."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa

from leaf_ray.config import RunConfig
from leaf_ray.core.encoding.backend import LOWEST_COSINE
from leaf_ray.core.space.rotation import Rotation
from leaf_ray.core.space.space import Space
from leaf_ray.core.uri import redacted
from leaf_ray.encoders.endpoint.address import USUAL_HEADER, USUAL_SCHEME
from leaf_ray.encoders.endpoint.encoder import EndpointSpec
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.protocol import Encoder, EncoderSource
from leaf_ray.encoders.rotated import RotatedEncoder
from leaf_ray.encoders.teacher import describe_endpoint, describe_given, describe_space
from leaf_ray.errors import ConfigError, ModelNotFound, SpaceMismatch
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.resolve import cache_folder, resolve_model
from leaf_ray.runs import Run
from leaf_ray.runs.parts import read_rotation
from leaf_ray.sources.precomputed.vectors import PrecomputedVectors

# Vectors that exist already are compared with the teacher's for so many texts.
COMPARED = 8


@dataclass(frozen=True, slots=True)
class _Rotated:
    """A teacher, and the rotation that the run's vectors have."""

    teacher: EncoderSource
    rotation: Rotation

    def load(self) -> RotatedEncoder:
        """Load the teacher, or connect to it."""
        return RotatedEncoder(self.teacher.load(), self.rotation)


def describe_teacher(config: RunConfig) -> Space:
    """The space of the run's teacher as it is, with a probe from the teacher itself.

    Raises:
        ModelNotFound, ConfigError: there is no such model, or it cannot be used as configured.
        EndpointError, EncodingError: the endpoint does not answer, or not as one.
    """
    wanted = config.space
    if wanted.endpoint is not None:
        return describe_endpoint(endpoint_spec(config), max_length=wanted.max_length)
    return describe_space(
        resolve_model(wanted.teacher, trust_remote_code=wanted.trust_remote_code),
        name=wanted.teacher,
        max_length=wanted.max_length,
        query_prompt=wanted.query_prompt,
        document_prompt=wanted.document_prompt,
        normalize=wanted.normalize is not None,
        trust_remote_code=wanted.trust_remote_code,
    )


def remarks_on_teacher(config: RunConfig, space: Space) -> list[str]:
    """What people should know of a teacher's folder though it is used as it is. space: its own."""
    wanted = config.space
    if wanted.endpoint is not None or space.normalized:
        return []
    folder = ModelFolder.read(
        resolve_model(wanted.teacher, trust_remote_code=wanted.trust_remote_code)
    )
    if folder.similarity == "dot":
        return []
    return [
        f"{space.teacher} is compared by {folder.similarity} (similarity_fn_name in its folder; "
        "cosine where it does not say) and does not scale its vectors: they are compared by inner "
        "product here, which ranks otherwise. Set space.normalize: true for the ranking by "
        "cosine"
    ]


def describe_known(config: RunConfig, path: str, *, sample: pa.Table) -> Space:
    """The space of vectors that exist already: with the teacher's probe where it can be loaded.

    sample: texts (id, kind, text), some of which the teacher then embeds, to see whether the
        vectors are its own.

    Raises:
        InputError: the vectors cannot be read.
        ConfigError: they would have to be scaled.
        SpaceMismatch: they are not the teacher's.
    """
    given = PrecomputedVectors.open(path, scratch=cache_folder())
    wanted = config.space
    if wanted.normalize and not given.normalized:
        raise ConfigError(
            f"{redacted(path)} holds vectors that are not of unit length, and vectors that exist "
            "already are not changed: scale them first, or leave space.normalize out"
        )
    try:
        space = describe_teacher(config)
    except ModelNotFound:
        return describe_given(
            name=wanted.teacher,
            dimension=given.dimension,
            normalized=given.normalized,
            max_length=wanted.max_length,
            prompts=(wanted.query_prompt or "", wanted.document_prompt or ""),
        )
    if space.dimension != given.dimension:
        raise SpaceMismatch(
            f"{redacted(path)} holds vectors of {given.dimension} dimensions, but {wanted.teacher} "
            f"has {space.dimension}: set space.teacher to the model that they were made with"
        )
    _require_own(teacher_spec(config, space).load(), given, sample, path=redacted(path))
    return space


def _require_own(
    encoder: Encoder, given: PrecomputedVectors, sample: pa.Table, *, path: str
) -> None:
    ids, kinds, texts = (sample[name].to_pylist() for name in ("id", "kind", "text"))
    given_ND, found_N = given.lookup(ids, kinds)
    usable = np.flatnonzero(found_N & np.isfinite(given_ND).all(axis=1))
    for row in usable[:COMPARED]:
        own_D = encoder.encode([texts[row]], kind=kinds[row])[0]
        scale = float(np.linalg.norm(own_D) * np.linalg.norm(given_ND[row]))
        cosine = float(own_D @ given_ND[row]) / max(scale, 1e-12)
        if cosine < LOWEST_COSINE["int8"]:
            raise SpaceMismatch(
                f"{path} has a vector of {ids[row]!r} that is not the teacher's: cosine "
                f"{cosine:.3f} to what it gives for that text. Describe in `space` the teacher "
                "that the vectors were made with, with its prompts and max_length"
            )


def teacher_spec(
    config: RunConfig, space: Space, *, threads: int = 0, streams: int = 1
) -> EncoderSource:
    """What loads the run's teacher as its space declares it, rotated where that is.

    threads, streams: of a local model on the CPU; 0 takes all cores, and a stream for each.

    Raises:
        SpaceMismatch: the space is rotated, and the vectors part does not hold that rotation.
    """
    teacher = _own_spec(config, space, threads=threads, streams=streams)
    rotation = read_rotation(Run.open(config.root).vectors, space)
    return teacher if rotation is None else _Rotated(teacher, rotation)


def _own_spec(config: RunConfig, space: Space, *, threads: int, streams: int) -> EncoderSource:
    if config.space.endpoint is not None:
        return endpoint_spec(config)
    return EncoderSpec.for_teacher(
        portable_name(config),
        space,
        backend=config.embed.backend,
        threads=threads,
        streams=streams,
        batch_tokens=config.embed.batch_tokens or 0,
        trust_remote_code=config.space.trust_remote_code,
    )


def portable_name(config: RunConfig) -> str:
    """The teacher as any process finds it: a folder by its whole path, or a model id."""
    folder = Path(config.space.teacher).expanduser()
    return str(folder.absolute()) if folder.is_dir() else config.space.teacher


def endpoint_spec(config: RunConfig) -> EndpointSpec:
    """The endpoint that the run names, with its share of requests for each actor.

    Raises:
        ConfigError: there are more actors than requests at once.
    """
    wanted, asked = config.space, config.embed.endpoint
    actors = config.embed.max_actors or config.embed.actors or 1
    if actors > asked.concurrency:
        raise ConfigError(
            f"{actors} actors cannot share embed.endpoint.concurrency={asked.concurrency} "
            "requests: raise it, or lower embed.actors"
        )
    rate = asked.requests_per_minute
    return EndpointSpec(
        url=wanted.endpoint or "",
        model=wanted.teacher,
        key_variable=asked.key_variable or _usual_key(wanted.endpoint or ""),
        key_header=asked.key_header,
        key_scheme=_usual_scheme(asked.key_header)
        if asked.key_scheme is None
        else asked.key_scheme,
        concurrency=asked.concurrency // actors,
        batch_texts=asked.batch_texts,
        requests_per_minute=None if rate is None else rate / actors,
        timeout_seconds=asked.timeout_seconds,
        attempts=asked.attempts,
        dimensions=wanted.dimensions,
        query_prompt=wanted.query_prompt or "",
        document_prompt=wanted.document_prompt or "",
    )


def _usual_scheme(header: str) -> str:
    return USUAL_SCHEME if header.lower() == USUAL_HEADER.lower() else ""


def _usual_key(endpoint: str) -> str:
    # A key for one company's machines must not be sent to another's unasked.
    is_openai = urlsplit(endpoint).hostname == "api.openai.com"
    return "OPENAI_API_KEY" if is_openai else "LEAF_RAY_ENDPOINT_KEY"
