"""What lies beside a graph of ONNX or OpenVINO, and running the graph with nothing else.

    tokenizer.json          cuts at the longest text and pads: `encode_batch` gives what the
                            graph takes
    tokenizer_config.json   the same for `transformers`
    export.json             prompts, longest text, dimension, space, how to compile

Shapes: N = texts, B = batch, L = tokens, D = dimensions.
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from leaf_ray.core.space.space import Space
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.json_file import read_json_file
from leaf_ray.models.loaded_tokenizer import LoadedTokenizer

Ids = npt.NDArray[np.int64]
Graph = Callable[[Ids, Ids], npt.NDArray[np.float32]]
"""[B, L] ids and mask -> [B, D]."""

INPUTS, OUTPUT = ("input_ids", "attention_mask"), "sentence_embedding"
EXPORT_FILE, TOKENIZER_FILE = "export.json", "tokenizer.json"
BATCH_TEXTS = 16


def write_beside(leaf: ModelFolder, space: Space, into: Path, **facts: Any) -> None:
    """Write the tokenizer's files and export.json. facts: what else export.json is to say."""
    loaded = LoadedTokenizer.of(leaf)
    tokenizer = loaded.fast
    # Here and not in the reader's code, where it would be forgotten.
    tokenizer.enable_truncation(leaf.max_length, direction=loaded.side)
    tokenizer.enable_padding(pad_id=leaf.pad_id, pad_token=tokenizer.id_to_token(leaf.pad_id))
    tokenizer.save(str(into / TOKENIZER_FILE))
    shutil.copyfile(leaf.transformer / "tokenizer_config.json", into / "tokenizer_config.json")
    description = {
        **facts,
        "inputs": list(INPUTS),
        "output": OUTPUT,
        "dimension": space.dimension,
        "normalized": space.normalized,
        "max_length": leaf.max_length,
        "prompts": {"query": leaf.query_prompt, "document": leaf.document_prompt},
        "space": space.fingerprint,
        "teacher": space.teacher,
    }
    (into / EXPORT_FILE).write_text(json.dumps(description, indent=2), "utf-8")


def read_export(folder: Path) -> Mapping[str, Any]:
    """What export.json says."""
    fields: Mapping[str, Any] = read_json_file(folder / EXPORT_FILE)
    return fields


class ExportedLeaf:
    """A leaf as the folder's own files say: its tokenizer, its prompts, its graph."""

    def __init__(self, folder: Path, graph: Graph) -> None:
        self._prompts = read_export(folder)["prompts"]
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
        self._graph = graph

    def encode(self, texts: Sequence[str], *, kind: str) -> npt.NDArray[np.float32]:
        """[N texts] -> [N, D] float32, in the order given."""
        prompted = [self._prompts[kind] + text for text in texts]
        batches = (prompted[i : i + BATCH_TEXTS] for i in range(0, len(prompted), BATCH_TEXTS))
        return np.concatenate([self._encode(batch) for batch in batches])

    def _encode(self, batch: list[str]) -> npt.NDArray[np.float32]:
        encodings = self._tokenizer.encode_batch(batch)
        ids_BL = np.array([encoding.ids for encoding in encodings], dtype=np.int64)
        mask_BL = np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64)
        return self._graph(ids_BL, mask_BL)
