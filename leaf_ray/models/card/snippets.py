"""How each form of a leaf is used: the Python blocks of its card, which its tests run."""

from typing import Literal

Form = Literal["sentence-transformers", "router", "router-reference", "onnx", "openvino"]
"""The formats of `leaf export`; a Router that names its teacher is used in another way."""

# What a reader puts a path in place of.
FOLDER = "path/to/this/folder"

_SENTENCE_TRANSFORMERS = """With sentence-transformers:

```python
from sentence_transformers import SentenceTransformer

leaf = SentenceTransformer("{folder}")
queries = leaf.encode_query(["how do I read a parquet file"])  # (1, {dimension}) float32
# One space: documents by the teacher, as in an index of it, or by the leaf, as here.
documents = leaf.encode_document(["pyarrow.parquet.read_table reads a Parquet file."])
print(leaf.similarity(queries, documents))
```
"""

_ROUTER = """With sentence-transformers; queries go through the leaf, documents through the teacher,
which is in this folder:

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("{folder}")
queries = model.encode_query(["how do I read a parquet file"])  # (1, {dimension}) float32
documents = model.encode_document(["pyarrow.parquet.read_table reads a Parquet file."])
print(model.similarity(queries, documents))
```
"""

_ROUTER_REFERENCE = """This folder holds the leaf; `router.json` names the teacher. The modules of
a Router are loaded from one folder only, so the two are put together when they are loaded, and
`SentenceTransformer("{folder}")` alone gives the leaf for both.

With sentence-transformers:

```python
import json
from pathlib import Path

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Router

folder = Path("{folder}")
reference = json.loads((folder / "router.json").read_text())
leaf = SentenceTransformer(str(folder))
teacher = SentenceTransformer(reference["teacher"])
teacher.max_seq_length = reference["max_length"]
documents = list(teacher.children())
if reference["similarity_fn_name"] == "cosine":
    documents.append(Normalize())  # where it scales already, once more changes nothing
router = Router.for_query_document(list(leaf.children()), documents)
model = SentenceTransformer(
    modules=[router], prompts=leaf.prompts, similarity_fn_name=reference["similarity_fn_name"]
)

queries = model.encode_query(["how do I read a parquet file"])  # (1, {dimension}) float32
documents = model.encode_document(["pyarrow.parquet.read_table reads a Parquet file."])
print(model.similarity(queries, documents))
```

With leaf_ray, which also refuses a teacher whose weights are not those of the space:

```python
from leaf_ray import load_router

model = load_router("{folder}")
queries = model.encode_query(["how do I read a parquet file"])
```
"""

_RUNTIME = """With {runtime} and `tokenizers`, and no deep-learning framework. The tokenizer's file
says where texts are cut and how they are padded:

```python
import json
from pathlib import Path

import numpy as np
{import_runtime}
from tokenizers import Tokenizer

folder = Path("{folder}")
export = json.loads((folder / "export.json").read_text())
tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
{load}

def encode(texts, kind):
    encodings = tokenizer.encode_batch([export["prompts"][kind] + text for text in texts])
    inputs = {{
        "input_ids": np.array([e.ids for e in encodings], dtype=np.int64),
        "attention_mask": np.array([e.attention_mask for e in encodings], dtype=np.int64),
    }}
    return {run}


queries = encode(["how do I read a parquet file"], "query")  # (1, {dimension}) float32
```
"""

_ONNX = {
    "runtime": "ONNX Runtime",
    "import_runtime": "import onnxruntime",
    "load": """session = onnxruntime.InferenceSession(
    str(folder / "model.onnx"), providers=["CPUExecutionProvider"]
)
""",
    "run": 'session.run(["sentence_embedding"], inputs)[0]',
}
_OPENVINO = {
    "runtime": "OpenVINO",
    "import_runtime": "import openvino",
    "load": """wanted = export["compile"]
compiled = openvino.Core().compile_model(
    folder / "model.xml", wanted["device"], wanted["config"]
)
""",
    "run": 'compiled(inputs)["sentence_embedding"]',
}


def usage(form: Form, *, dimension: int) -> str:
    """Markdown with one or more Python blocks; FOLDER stands for the folder's path."""
    runtime = {"onnx": _ONNX, "openvino": _OPENVINO}.get(form)
    if runtime is not None:
        return _RUNTIME.format(folder=FOLDER, dimension=dimension, **runtime)
    template = {
        "sentence-transformers": _SENTENCE_TRANSFORMERS,
        "router": _ROUTER,
        "router-reference": _ROUTER_REFERENCE,
    }[form]
    return template.format(folder=FOLDER, dimension=dimension)
