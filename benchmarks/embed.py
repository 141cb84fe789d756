"""Embedding on the CPU: encoders side by side with their peers, then the whole stage on Ray Data.

Half an hour with nothing else running. The peers run in processes of their own, on the same texts,
one after the other; infinity-emb in a virtual environment of its own, since its needs are older.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.matrix_peak import flops_per_token, peak_flops
from benchmarks.memory import PeakMemory
from benchmarks.peers.venv import REPOSITORY, python_of
from benchmarks.shared import shared
from benchmarks.targets import Target, finish
from leaf_ray.encoders.load import automatic_backend
from leaf_ray.encoders.tokenizer import Tokenizer
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.resolve import resolve_model

TEACHER = "sentence-transformers/all-mpnet-base-v2"
NUM_TEXTS, MAX_LENGTH = 2000, 256
INFINITY = (
    "torch==2.13.0",
    "infinity-emb[torch,optimum]==0.0.77",
    "transformers<4.50",
    "optimum<1.25",
    "pyarrow<20",
    "datasets<4",
)
SMALL, LARGE = 4_000, 40_000


def documents() -> list[str]:
    """Those of vaswani and cranfield that nobody has to cut, mixed: 10 to 256 tokens."""
    texts = []
    for name in ("vaswani", "cranfield"):
        for line in shared(f"beir/{name}/corpus.jsonl").open(encoding="utf-8"):
            row = json.loads(line)
            texts.append(f"{row.get('title', '')} {row['text']}".strip())
    random.Random(0).shuffle(texts)
    folder = ModelFolder.read(resolve_model(TEACHER))
    _, cut = Tokenizer(folder, max_length=MAX_LENGTH).with_truncated(texts)
    return [text for text, is_cut in zip(texts, cut, strict=True) if text and not is_cut]


CACHE = os.environ.get("LEAF_RAY_CACHE", str(REPOSITORY / ".cache"))


class Side:
    """One encoder over the same texts: its seconds and its vectors."""

    def __init__(self, python: str | Path, program: str, folder: Path, *more: str) -> None:
        self.vectors = folder / f"{program}{'-'.join(more)}.npy"
        command = [
            str(python),
            str(Path(__file__).parent / "peers" / f"{program}.py"),
            str(resolve_model(TEACHER)),
            str(folder / "texts.json"),
            str(self.vectors),
            str(MAX_LENGTH),
            *more,
        ]
        environment = {"HF_HUB_OFFLINE": "1", "PATH": "/usr/bin:/bin", "LEAF_RAY_CACHE": CACHE}
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env=environment, cwd=REPOSITORY
        )
        self.figures: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
        self.seconds = self.figures["seconds"]
        print(f"{program} {' '.join(more)}: {self.seconds:.1f} s", flush=True)

    def cosines(self, other: "Side") -> np.ndarray:
        a_ND, b_ND = np.load(self.vectors), np.load(other.vectors)
        norms_N = np.linalg.norm(a_ND, axis=1) * np.linalg.norm(b_ND, axis=1)
        return np.einsum("nd,nd->n", a_ND, b_ND) / norms_N


def embed(folder: Path, name: str, texts: Path, *overrides: str) -> dict[str, Any]:
    """`leaf texts` and `leaf embed` in processes of their own; rate, peak memory, counts."""
    run_file = folder / f"{name}.yaml"
    run_file.write_text(
        f"root: {folder / name}\nspace: {{teacher: {TEACHER}}}\ntexts: {{path: {texts}}}\n"
    )
    leaf = [str(Path(sys.executable).parent / "leaf")]
    arguments = [str(run_file), "texts.num_test_queries=1", "texts.num_train_queries=1", *overrides]
    subprocess.run([*leaf, "texts", *arguments], check=True, stdout=subprocess.DEVNULL)
    program = str(Path(__file__).parent / "peers" / "leaf_ray_embed.py")
    with PeakMemory() as memory:
        done = subprocess.run(
            [sys.executable, program, *arguments], check=True, capture_output=True, text=True
        )
    figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    figures["peak_gib"] = round(memory.gib, 3)
    print(f"{name}: {figures}", flush=True)
    return figures


def short_texts(source: Path, folder: Path, number: int) -> Path:
    table = pq.read_table(source, columns=["text"])
    file = folder / f"short-{number}.parquet"
    pq.write_table(table.slice(0, number), file)
    return file


def main() -> None:
    short = shared("texts/documents.parquet")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        corpus = documents()
        (folder / "texts.json").write_text(json.dumps(corpus[:NUM_TEXTS]))
        (folder / "corpus.jsonl").write_text(
            "\n".join(json.dumps({"id": str(i), "text": t}) for i, t in enumerate(corpus))
        )
        infinity = python_of("infinity", INFINITY)
        backend = automatic_backend()
        has_bf16 = backend.endswith("bf16")
        ours = Side(sys.executable, "leaf_ray_encode", folder, backend)
        exact = Side(sys.executable, "sentence_transformers_encode", folder)
        int8 = Side(sys.executable, "leaf_ray_encode", folder, "openvino-int8")
        other = Side(infinity, "infinity_encode", folder)
        peak = peak_flops(torch.bfloat16 if has_bf16 else torch.float32)
        staged = embed(folder, "staged", folder / "corpus.jsonl", f"space.max_length={MAX_LENGTH}")
        again = Side(sys.executable, "leaf_ray_encode", folder, backend)
        memory = {
            number: embed(
                folder,
                f"rows-{number}",
                short_texts(short, folder, number),
                "space.teacher=sentence-transformers/all-MiniLM-L6-v2",
                "space.max_length=32",
            )
            for number in (SMALL, LARGE)
        }
        tokens = ours.figures["tokens"]
        bare = tokens / float(np.mean([ours.seconds, again.seconds]))
        counts = staged["counts"]
        through_ray = staged["texts_per_second"] * counts["tokens"] / counts["texts"]
        possible = peak / flops_per_token(resolve_model(TEACHER), tokens / NUM_TEXTS)
        bounds = (3.2, 0.9999) if has_bf16 else (1.4, 0.9999)
        targets = [
            Target(
                f"{backend}: speed / sentence-transformers",
                ">=",
                bounds[0],
                exact.seconds / ours.seconds,
            ),
            Target(
                f"{backend}: mean cosine to float32",
                ">=",
                bounds[1],
                float(ours.cosines(exact).mean()),
            ),
            Target(
                f"{backend}: tokens/s of what the matrix peak allows",
                ">=",
                0.9,
                tokens / ours.seconds / possible,
            ),
            Target("int8: speed / sentence-transformers", ">=", 4.5, exact.seconds / int8.seconds),
            Target("int8: lowest cosine to float32", ">=", 0.99, float(int8.cosines(exact).min())),
            Target(f"{backend}: speed / infinity-emb", ">=", 2.5, other.seconds / ours.seconds),
            Target(
                "through Ray Data: tokens/s of the bare encoder's",
                ">=",
                0.95,
                through_ray / bare,
            ),
            Target("through Ray Data: minutes of work", ">=", 5, staged["encoding_seconds"] / 60),
            Target(
                "peak memory with 10 times the rows",
                "<=",
                1.2,
                memory[LARGE]["peak_gib"] / memory[SMALL]["peak_gib"],
            ),
        ]
        figures = {
            "texts": NUM_TEXTS,
            "tokens": tokens,
            "tokens_per_second": {
                backend: tokens / ours.seconds,
                f"{backend}, once more": tokens / again.seconds,
                "openvino-int8": tokens / int8.seconds,
                "sentence-transformers": tokens / exact.seconds,
                "infinity-emb": tokens / other.seconds,
                "allowed by the matrix peak": possible,
            },
            "lowest_cosine": {
                backend: float(ours.cosines(exact).min()),
                "infinity-emb": float(other.cosines(exact).min()),
            },
            "peak_gflops": peak / 1e9,
            "staged": staged,
            "memory": memory,
        }
        finish("embed", targets, figures)


if __name__ == "__main__":
    main()
