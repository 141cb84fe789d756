"""The README.md of a leaf's folder."""

from collections.abc import Mapping
from typing import Any

from leaf_ray.core.space import Space

_CARD = """---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
tags: [sentence-transformers, feature-extraction, distillation, leaf]
---
# A leaf of {teacher}

A small encoder whose vectors lie in the space of **{teacher}** ({dimension} dimensions): embed
queries with this model and search documents that the teacher embedded, with no re-indexing.

```python
from sentence_transformers import SentenceTransformer

leaf = SentenceTransformer("path/to/this/folder")
vectors = leaf.encode_query(["how do I read a parquet file"])  # ({count}, {dimension}) float32
```

| | |
|---|---|
| space | `{fingerprint}` |
| longest text | {max_length} tokens |
| query prompt | {query_prompt!r} |
| document prompt | {document_prompt!r} |
| distance | {distance} |
| started from | {init} |
| mean cosine to the teacher on held-out texts | {before} before the first step, {after} after |

Trained by [LEAF](https://arxiv.org/abs/2509.12539): the distance to the teacher's vector of the
same text, one text at a time, from a head fitted in closed form. `training.json` holds the
settings and the curve. What the leaf keeps of its teacher in retrieval is in its run's report.
The licences of the teacher, of the starting encoder and of the texts apply.
"""


def model_card(space: Space, training: Mapping[str, Any]) -> str:
    """Markdown with the front matter that model hubs read."""
    cosines = [f"{look['cosine']:.3f}" for look in training["curve"]]
    return _CARD.format(
        teacher=space.teacher,
        dimension=space.dimension,
        count=1,
        fingerprint=space.fingerprint,
        max_length=space.max_length,
        query_prompt=space.query_prompt,
        document_prompt=space.document_prompt,
        distance="cosine (vectors have unit length)" if space.normalized else "dot product",
        init=training["settings"]["init"],
        before=cosines[0] if cosines else "not measured",
        after=cosines[-1] if cosines else "not trained yet",
    )
