"""The leaf: a small encoder with a head into its teacher's space.

leaf(x) = normalise(W . meanpool(transformer(x)) + b), with W inside the model, so that the saved
folder is a plain sentence-transformers model (arXiv 2509.12539).
"""

from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import (
    Dense,
    Normalize,
    Pooling,
    Transformer,
)

from leaf_ray.core.ridge import Head
from leaf_ray.core.sentence import SentenceVectors
from leaf_ray.core.space import Space

# Transformer and Pooling: what comes before the head.
NUM_FEATURE_MODULES = 2


def build_leaf(init: Path, space: Space) -> SentenceTransformer:
    """A leaf of `space` from the encoder in `init`, mean pooled, its head not fitted yet.

    The prompts of the space become the model's own, so that whoever loads the folder encodes
    queries and documents as the teacher does.
    """
    transformer = Transformer(str(init), max_seq_length=space.max_length)
    _without_dropout(transformer)
    width = transformer.get_embedding_dimension()
    head = Dense(
        in_features=width,
        out_features=space.dimension,
        bias=True,
        activation_function=torch.nn.Identity(),
    )
    modules = [transformer, Pooling(width, pooling_mode="mean"), head]
    if space.normalized:
        modules.append(Normalize())
    return SentenceTransformer(
        modules=modules,
        prompts={"query": space.query_prompt, "document": space.document_prompt},
        similarity_fn_name=space.similarity,
        device="cpu",
    )


def _without_dropout(transformer: torch.nn.Module) -> None:
    # The target is exact for every text: noise in the features would only have to be unlearned.
    for module in transformer.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0


def set_head(leaf: SentenceTransformer, head: Head) -> None:
    """Write a fitted head into the leaf, in place."""
    linear = leaf[NUM_FEATURE_MODULES].linear
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(head.weight_FD.T))
        linear.bias.copy_(torch.from_numpy(head.bias_D))


def freeze_unused(leaf: SentenceTransformer) -> None:
    """Freeze the weights that do not reach the vector, such as BERT's unused pooler.

    DDP waits for the gradient of every trainable weight, and would wait for these forever.
    """
    ids = torch.ones((1, 2), dtype=torch.long, device=leaf.device)
    SentenceVectors(leaf)(ids, torch.ones_like(ids)).sum().backward()
    for weight in leaf.parameters():
        weight.requires_grad_(weight.grad is not None)
        weight.grad = None
