"""The rotation of a run's vectors: fitted on what the teacher gave, and applied to all of it.

Shards are kept as the teacher gives them and rotated when they are packed. So the rotation sees
texts of the whole run, none is encoded twice for it, and encoders, endpoints and vectors that
exist already need not know of it.

Shapes: N = vectors, D = dimensions.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from leaf_ray.core.space.rotation import Rotation
from leaf_ray.core.space.space import Space
from leaf_ray.core.space.vectors import VECTOR, vectors_of, with_vectors
from leaf_ray.core.text.texts import DOCUMENT, KINDS, TRAIN
from leaf_ray.errors import EncodingError, InputError
from leaf_ray.runs import Part
from leaf_ray.runs.folder import ROTATION_FILE
from leaf_ray.runs.parts import read_rotation, write_rotation
from leaf_ray.runs.shards import ShardStats, shard_vectors
from leaf_ray.stages.embed.shard import different_texts

# Vectors to fit on, at least, where there are so many: the second moment of D dimensions needs
# several times D.
SAMPLE_ROWS, SAMPLE_TIMES_D = 20_000, 8
# With fewer documents for each dimension, queries are fitted on too.
FEWEST_TIMES_D = 2


def fitted_rotation(
    work: Part, stats: Sequence[ShardStats], space: Space, *, num_documents: int
) -> Rotation:
    """The rotation of the shards that `stats` counts, fitted once and kept beside them.

    space: the teacher's own. num_documents: among the texts, with vectors or without.

    Raises:
        InputError: no text to train on has a vector.
    """
    kept = work.read(ROTATION_FILE)
    if kept is not None:
        return Rotation.from_npy(kept)
    wanted = max(SAMPLE_ROWS, SAMPLE_TIMES_D * space.dimension)
    # Documents alone where there are enough: it is they that are told apart. Queries among them
    # cost 0.02 nDCG@10 by 64 and by 128 dimensions, and gain no overlap (benchmarks/rotation.py).
    enough = num_documents >= FEWEST_TIMES_D * space.dimension
    sample = list(_sample(work, stats, kinds=(DOCUMENT,) if enough else KINDS, wanted=wanted))
    if not sample:
        raise InputError(
            "space.rotation=pca is fitted on the teacher's vectors of texts to train on, and there "
            "are none: add texts, or leave space.rotation out"
        )
    rotation = Rotation.fit(np.concatenate(sample))
    write_rotation(work, rotation)
    return rotation


def _sample(
    work: Part, stats: Sequence[ShardStats], *, kinds: Sequence[str], wanted: int
) -> Iterator[np.ndarray]:
    """Vectors of different texts, of whole shards from anywhere, until there are enough."""
    for place in np.random.default_rng(0).permutation(len(stats)):
        if wanted <= 0:
            return
        shard = shard_vectors(work, stats[place].shard)
        # Test queries must not shape the space that it is used to judge.
        shard = shard.filter((pc.field("split") == TRAIN) & pc.field("kind").isin(kinds))
        if len(shard):
            first_U, _ = different_texts(shard)
            wanted -= len(first_U)
            yield vectors_of(shard.take(pa.array(first_U)))


class RotateShard:
    """A table with the teacher's vectors in; out comes the same with rotated ones.

    part: where the rotation lies. space: the rotated one. dtype: of the vectors that come out.
    """

    def __init__(self, part: Part, space: Space, dtype: str) -> None:
        self.part = part
        self.space = space
        self.dtype = dtype

    @cached_property
    def _rotation(self) -> Rotation:
        # Each actor reads it, since it has megabytes and would be sent along with each task.
        rotation = read_rotation(self.part, self.space)
        assert rotation is not None, "a rotated space"
        return rotation

    def __call__(self, shard: pa.Table) -> pa.Table:
        """Rotate the vectors of one table, which may have no rows.

        Raises:
            EncodingError: a rotated vector is too large for `dtype`.
        """
        with np.errstate(over="ignore"):
            vectors_ND = self._rotation.apply(vectors_of(shard)).astype(self.dtype)
        if not np.isfinite(vectors_ND).all():
            raise EncodingError(
                f"a rotated vector is too large for {self.dtype}: set embed.dtype=float32"
            )
        return with_vectors(shard.drop_columns([VECTOR]), vectors_ND, self.space)
