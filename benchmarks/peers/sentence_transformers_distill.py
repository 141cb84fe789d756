"""sentence-transformers' trainer with EmbedDistillLoss at its defaults.

STUDENT TEXTS.parquet (text, vector) STEPS BATCH PRECISION (float32 or bfloat16) LEAF_FOLDER DEVICE
"""

import json
import statistics
import sys
import tempfile
import time
from itertools import pairwise

import numpy as np
import pyarrow.parquet as pq
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import EmbedDistillLoss
from transformers import TrainerCallback


class Clock(TrainerCallback):
    """Seconds of the steps alone, and the median of the later half of them."""

    def on_train_begin(self, *_: object, **__: object) -> None:
        self.began = time.perf_counter()
        self.ended: list[float] = []

    def on_step_end(self, *_: object, **__: object) -> None:
        self.ended.append(time.perf_counter())

    @property
    def median(self) -> float:
        later = self.ended[len(self.ended) // 2 :]
        return statistics.median(b - a for a, b in pairwise(later))

    def on_train_end(self, *_: object, **__: object) -> None:
        self.seconds = time.perf_counter() - self.began


def main() -> None:
    student, texts_file, steps, batch, precision, folder, device = sys.argv[1:8]
    rows = pq.read_table(texts_file)
    dimension = rows.schema.field("vector").type.list_size
    vectors_ND = rows["vector"].combine_chunks().flatten().to_numpy().reshape(-1, dimension)
    dataset = Dataset.from_dict(
        {"sentence": rows["text"].to_pylist(), "label": vectors_ND.astype(np.float32)}
    )
    model = SentenceTransformer(student, device=device)
    clock = Clock()
    with tempfile.TemporaryDirectory() as output:
        arguments = SentenceTransformerTrainingArguments(
            output_dir=output,
            max_steps=int(steps),
            per_device_train_batch_size=int(batch),
            bf16=precision == "bfloat16",
            use_cpu=device == "cpu",
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        SentenceTransformerTrainer(
            model=model,
            args=arguments,
            train_dataset=dataset,
            loss=EmbedDistillLoss(model),
            callbacks=[clock],
        ).train()
    model.save(folder)
    texts = int(steps) * int(batch)
    print(json.dumps({"seconds": clock.seconds, "texts": texts, "median": clock.median}))


main()
