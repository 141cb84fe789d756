"""Our own encoder in a process of its own: MODEL TEXTS.json VECTORS.npy MAX_LENGTH BACKEND."""

import json
import sys
import time
from pathlib import Path

import numpy as np

from leaf_ray.core.text.texts import DOCUMENT
from leaf_ray.encoders.load import EncoderSpec


def main() -> None:
    folder, texts_file, vectors_file, max_length, backend = sys.argv[1:6]
    texts = json.loads(Path(texts_file).read_text())
    spec = EncoderSpec(folder=folder, backend=backend, max_length=int(max_length), streams=0)
    encoder = spec.load()
    encoder.encode(texts[:32], kind=DOCUMENT)
    began = time.perf_counter()
    vectors_ND = encoder.encode(texts, kind=DOCUMENT)
    seconds = time.perf_counter() - began
    np.save(vectors_file, vectors_ND)
    tokens = sum(len(ids) for ids in encoder.tokenizer(texts))
    print(json.dumps({"seconds": seconds, "tokens": tokens}))


main()
