"""Documents that come one request at a time, embedded as those of the run were.

The steps are the ones that `leaf embed` maps over its shards, in this process: the same windows,
the same encoder, the same rounding and the same rotation give the same rows.
"""

import pyarrow as pa
import pyarrow.compute as pc

from leaf_ray.api.documents import EmbeddedDocuments
from leaf_ray.config import RunConfig
from leaf_ray.core.space.space import Space
from leaf_ray.core.text.texts import DOCUMENT, KIND_FIELD
from leaf_ray.encoders.prepare import TRUNCATED
from leaf_ray.encoders.protocol import Encoder
from leaf_ray.encoders.rotated import RotatedEncoder
from leaf_ray.runs import Run
from leaf_ray.runs.parts import read_rotation
from leaf_ray.stages.embed.rotation import RotateShard
from leaf_ray.stages.embed.shard import REASON, EncodeShard, divided
from leaf_ray.stages.embed.stage import prepare


class EmbedDocuments:
    """Turns rows of documents into the same rows, or windows of them, with vectors."""

    def __init__(self, config: RunConfig, space: Space, encoder: Encoder) -> None:
        """Prepare the run's steps of embedding.

        space: the space of the run's table. encoder: the teacher in that space.

        Raises:
            SpaceMismatch: the space is rotated, and the vectors part does not hold that rotation.
        """
        dtype = config.embed.dtype
        vectors = Run.open(config.root).vectors
        rotation = read_rotation(vectors, space)
        own = space if rotation is None else rotation.unrotated(space)
        # Vectors that exist already belong to the run's texts and cannot stand for these.
        embed = config.embed.model_copy(update={"vectors": None})
        self._prepare = prepare(config.model_copy(update={"embed": embed}), own)
        teacher = encoder.encoder if isinstance(encoder, RotatedEncoder) else encoder
        self._encode = EncodeShard(lambda: teacher, own, dtype)
        self._rotate = None if rotation is None else RotateShard(vectors, space, dtype)

    def __call__(self, documents: pa.Table) -> EmbeddedDocuments:
        """Embed rows (id, text and any metadata).

        Raises:
            InputError: an id is one that only windows have.
            EncodingError, EndpointError: the teacher answers for none of them.
        """
        kinds = pa.array([DOCUMENT] * len(documents), pa.string())
        rows = documents.append_column(KIND_FIELD, kinds)
        if self._prepare is not None:
            rows = self._prepare(rows)
        encoded = self._encode(rows)
        vectors, rejected = divided(encoded)
        if self._rotate is not None:
            vectors = self._rotate(vectors)
        names = [name for name in vectors.column_names if name != KIND_FIELD.name]
        return EmbeddedDocuments(
            vectors.select(names),
            dict(zip(rejected["id"].to_pylist(), rejected[REASON].to_pylist(), strict=True)),
            num_truncated=(
                int(pc.sum(encoded[TRUNCATED]).as_py() or 0)
                if TRUNCATED in encoded.column_names
                else None
            ),
        )
