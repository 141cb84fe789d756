"""The leaf: a small encoder with a head into its teacher's space.

leaf(x) = normalise(W . meanpool(transformer(x)) + b), with W inside the model, so that the saved
folder is a plain sentence-transformers model (arXiv 2509.12539).
"""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import (
    Dense,
    Normalize,
    Pooling,
    Transformer,
)

from leaf_ray.core.encoding.sentence import SentenceVectors
from leaf_ray.core.space.space import Space
from leaf_ray.core.training.ridge import Head
from leaf_ray.errors import ConfigError

# Transformer and Pooling: what comes before the head.
NUM_FEATURE_MODULES = 2


def build_leaf(init: Path, space: Space, *, layers: Sequence[int] = ()) -> SentenceTransformer:
    """A leaf of `space` from the encoder in `init`, mean pooled, its head not fitted yet.

    The prompts of the space become the model's own, so that whoever loads the folder encodes
    queries and documents as the teacher does.

    layers: of the encoder, from 1, that become the leaf's, in this order; all where none is named.

    Raises:
        ConfigError: the encoder has no such layer, or cannot do with these alone; or it does not
            begin with a transformer.
    """
    transformer = _transformer(init)
    transformer.max_seq_length = space.max_length
    if layers:
        _keep_layers(transformer.auto_model, layers)
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
    ).eval()


def _transformer(init: Path) -> Transformer:
    """The encoder with its tokenizer, as its folder's settings load it."""
    # A model that is stored in half precision would be trained in it.
    first = SentenceTransformer(str(init), device="cpu", model_kwargs={"dtype": "float32"})[0]
    if not isinstance(first, Transformer):
        raise ConfigError(
            f"distill.init {init.name} begins with a {type(first).__name__}, but it has to begin "
            "with a transformer: name another model"
        )
    # A bare model with a chat template would put texts into messages, which it is not trained on.
    first.modality_config = {"text": first.modality_config["text"]}
    return first


def _keep_layers(encoder: torch.nn.Module, layers: Sequence[int]) -> None:
    """Leave only these of an encoder's layers, as DistilBERT was begun (arXiv 1910.01108)."""
    config: Any = encoder.config
    number = getattr(config, "num_hidden_layers", 0)
    stacks = [
        (parent, name)
        for parent in encoder.modules()
        for name, child in parent.named_children()
        if isinstance(child, torch.nn.ModuleList) and len(child) == number
    ]
    if len(stacks) != 1:
        raise ConfigError(
            f"distill.init_layers: the layers of a {type(encoder).__name__} cannot be recognised; "
            "leave init_layers out, or name another model"
        )
    if beyond := [layer for layer in layers if not 1 <= layer <= number]:
        raise ConfigError(
            f"distill.init_layers names layer {beyond[0]}, but the encoder has layers 1 to {number}"
        )
    ((parent, name),) = stacks
    stack = getattr(parent, name)
    # Copies, because a layer may be named twice, and two that share weights cannot be saved.
    kept = torch.nn.ModuleList(deepcopy(stack[layer - 1]) for layer in layers)
    setattr(parent, name, kept)
    config.num_hidden_layers = len(layers)
    if kinds := getattr(config, "layer_types", None):
        config.layer_types = [kinds[layer - 1] for layer in layers]
    # A T5's first layer holds what all others use, a ModernBERT's has no norm.
    with torch.device("meta"):
        loaded = type(encoder)(config)
    if loaded.state_dict().keys() != encoder.state_dict().keys():
        raise ConfigError(
            f"distill.init_layers: in a {type(encoder).__name__} layer {layers[0]} cannot come "
            "first, and its first layer only there; begin with layer 1, and name it once"
        )


def set_head(leaf: SentenceTransformer, head: Head) -> None:
    """Write a fitted head into the leaf, in place."""
    linear = leaf[NUM_FEATURE_MODULES].linear
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(head.weight_FD.T))
        linear.bias.copy_(torch.from_numpy(head.bias_D))


def take_head(leaf: SentenceTransformer, other: Path) -> None:
    """Write the head of the leaf in the folder `other` into this one, in place.

    Raises:
        ConfigError: it has no head of this size.
    """
    dense = [m for m in SentenceTransformer(str(other), device="cpu") if isinstance(m, Dense)]
    ours = leaf[NUM_FEATURE_MODULES]
    theirs = [] if len(dense) != 1 else [tuple(w.shape) for w in dense[0].state_dict().values()]
    if theirs != [tuple(w.shape) for w in ours.state_dict().values()]:
        raise ConfigError(
            f"distill.head is init, but {other.name} has no head from its features to the space: "
            "name a leaf of this space as distill.init, or leave distill.head out"
        )
    ours.load_state_dict(dense[0].state_dict())


def word_embeddings(leaf: SentenceTransformer) -> torch.nn.Embedding:
    """The table of the tokens' vectors."""
    table: torch.nn.Embedding = leaf[0].auto_model.get_input_embeddings()
    return table


def freeze_unused(leaf: SentenceTransformer) -> None:
    """Freeze the weights that do not reach the vector, such as BERT's unused pooler.

    DDP waits for the gradient of every trainable weight, and would wait for these forever; and
    torch refuses to compute a gradient that there is not.
    """
    ids = torch.ones((1, 2), dtype=torch.long, device=leaf.device)
    SentenceVectors(leaf)(ids, torch.ones_like(ids)).sum().backward()
    for weight in leaf.parameters():
        weight.requires_grad_(weight.grad is not None)
        weight.grad = None
