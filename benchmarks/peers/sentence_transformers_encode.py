"""sentence-transformers' encode at its defaults: MODEL TEXTS.json VECTORS.npy MAX_LENGTH."""

import json
import sys
import time
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer


def main() -> None:
    folder, texts_file, vectors_file, max_length = sys.argv[1:5]
    texts = json.loads(Path(texts_file).read_text())
    model = SentenceTransformer(folder, device="cpu")
    model.max_seq_length = int(max_length)
    model.encode(texts[:32])
    began = time.perf_counter()
    vectors_ND = model.encode(texts)
    seconds = time.perf_counter() - began
    np.save(vectors_file, vectors_ND)
    print(json.dumps({"seconds": seconds}))


main()
