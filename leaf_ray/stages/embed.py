"""embed: the teacher over all texts, by Ray Data, into Parquet.

Shapes: N = texts, D = dimensions.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import ray
import ray.data

from leaf_ray.core.schema import with_vectors
from leaf_ray.core.space import Space
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.protocol import Encoder
from leaf_ray.encoders.resolve import resolve_model
from leaf_ray.encoders.teacher import describe_space
from leaf_ray.errors import EncodingError
from leaf_ray.run.folder import TEXTS_FILE
from leaf_ray.run.parts import read_table, write_space
from leaf_ray.stages.cluster import cores_per_node
from leaf_ray.stages.failures import own_errors
from leaf_ray.stages.stage import Job, Made, Stage
from leaf_ray.stages.ticker import watched

# The window inside which texts are sorted by length; larger gains little and delays progress.
WINDOW_ROWS = 512
FILE_BYTES = 128 << 20


class EncodeBatch:
    """A table of texts in, the same table with its vectors out. Ray maps it; tests call it."""

    def __init__(
        self, load: Callable[[], Encoder], space: Space, dtype: str, ticker: Any = None
    ) -> None:
        self.encoder = load()
        self.space = space
        self.dtype = dtype
        self.ticker = ticker
        space.probe.check(self.encoder, name=f"the teacher on {self.encoder.name}")

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Encode one batch of texts, of queries and documents mixed."""
        vectors_ND = np.empty((len(batch), self.encoder.dimension), dtype=np.float32)
        kinds, texts = np.asarray(batch["kind"]), np.asarray(batch["text"])
        for kind in np.unique(kinds):
            rows = np.flatnonzero(kinds == kind)
            # Equal texts have equal vectors: each is computed once.
            unique, inverse = np.unique(texts[rows], return_inverse=True)
            vectors_ND[rows] = self._encode(unique.tolist(), kind=str(kind))[inverse]
            self._tick(len(rows) - len(unique))
        self._check(batch, vectors_ND)
        return with_vectors(batch, vectors_ND.astype(self.dtype), self.space)

    def _encode(self, texts: list[str], *, kind: str) -> np.ndarray:
        vectors_ND = np.empty((len(texts), self.encoder.dimension), dtype=np.float32)
        for rows, vectors_BD in self.encoder.batches(texts, kind=kind):
            vectors_ND[rows] = vectors_BD
            self._tick(len(rows))
        return vectors_ND

    def _tick(self, num_texts: int) -> None:
        if self.ticker is not None:
            self.ticker.add.remote({"texts": num_texts})

    def _check(self, batch: pa.Table, vectors_ND: np.ndarray) -> None:
        norms_N = np.linalg.norm(vectors_ND, axis=1)
        wrong = np.flatnonzero(~np.isfinite(norms_N) | (norms_N == 0))
        if len(wrong):
            text_id = batch["id"][int(wrong[0])]
            raise EncodingError(
                f"the teacher gave {len(wrong)} of {len(batch)} texts a vector that is zero or "
                f"not finite, the first for id {text_id}: look at that text, or choose "
                "embed.backend=torch-f32 if others are right in float32"
            )


def _make(job: Job) -> Made:
    settings = job.config.embed
    teacher = resolve_model(job.config.space.teacher)
    space = describe_space(
        teacher,
        name=job.config.space.teacher,
        max_length=job.config.space.max_length,
        query_prompt=job.config.space.query_prompt,
        document_prompt=job.config.space.document_prompt,
    )
    texts = job.run.texts
    total = read_table(texts, TEXTS_FILE, columns=["id"]).num_rows
    job.part.clear()
    write_space(job.part, space)
    spec = EncoderSpec.for_teacher(
        teacher,
        space,
        backend=settings.backend,
        threads=max(1, cores_per_node() // settings.actors),
    )
    notes = "{rate:.0f} texts/s"
    job.cluster.connect()
    with own_errors(), watched(job.progress, done="texts", total=total, notes=notes) as ticker:
        encoded = ray.data.read_parquet(
            texts.file(TEXTS_FILE), filesystem=texts.filesystem
        ).map_batches(
            EncodeBatch,
            fn_constructor_args=(spec.load, space, settings.dtype, ticker),
            batch_size=WINDOW_ROWS,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=settings.actors),
            num_cpus=1,
        )
        row_bytes = space.dimension * np.dtype(settings.dtype).itemsize
        encoded.write_parquet(
            job.part.path,
            filesystem=job.part.filesystem,
            min_rows_per_file=max(1, FILE_BYTES // row_bytes),
        )
    return Made(
        counts={"texts": total, "dimension": space.dimension, "dtype": settings.dtype},
        summary=f"{total:,} texts in the space {space}",
        space=space.fingerprint,
    )


EMBED = Stage(
    name="embed",
    part="vectors",
    about="the teacher's vectors of all texts",
    sections=("space", "embed"),
    make=_make,
)
