"""infinity-emb through its engine, at its defaults: MODEL TEXTS.json VECTORS.npy.

It reads as much of a text as the model can: the texts have to be short enough for all sides.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import numpy as np
from infinity_emb import AsyncEmbeddingEngine, EngineArgs


async def main() -> None:
    model, texts_file, vectors_file = sys.argv[1:4]
    texts = json.loads(Path(texts_file).read_text())
    engine = AsyncEmbeddingEngine.from_args(
        EngineArgs(model_name_or_path=model, device="cpu", model_warmup=False)
    )
    async with engine:
        await engine.embed(sentences=texts[:32])
        began = time.perf_counter()
        vectors, _ = await engine.embed(sentences=texts)
        seconds = time.perf_counter() - began
    np.save(vectors_file, np.asarray(vectors, dtype=np.float32))
    print(json.dumps({"seconds": seconds}))


asyncio.run(main())
