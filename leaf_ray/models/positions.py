"""How many tokens a model can read, by its configuration and by how its family counts positions.

A limit is the length of a table of positions. Families with rotary or relative positions, or with
ALiBi, have no table and thereby no limit, only a length that they were made for.
"""

import re
from collections.abc import Mapping
from typing import Any

# The position of a first token in these families is the padding token's id plus one.
_BEHIND_PADDING = frozenset(
    {
        "altclip_text_model",
        "camembert",
        "clap_text_model",
        "data2vec-text",
        "esm",
        "ibert",
        "layoutlmv3",
        "lilt",
        "longformer",
        "luke",
        "markuplm",
        "mpnet",
        "roberta",
        "roberta-prelayernorm",
        "xlm-roberta",
        "xlm-roberta-xl",
        "xmod",
    }
)
_PADDING_ID = 1
# Families with relative positions, whose configuration may state a number that is no limit.
_RELATIVE = frozenset(
    {"t5", "mt5", "umt5", "longt5", "switch_transformers", "xlnet", "transfo-xl", "funnel", "bloom"}
)
_NAMES = ("max_position_embeddings", "n_positions", "max_seq_len")
_DEBERTA = frozenset({"deberta", "deberta-v2"})
# Their configurations speak of rotary positions whether or not there is a table.
_TABLE_BESIDE_ROTARY = frozenset({"esm", "roformer"})
_NO_TABLE = re.compile(r"(^|_)(rope|rotary|alibi)(_|$)")


def max_positions(config: Mapping[str, Any]) -> int | None:
    """The most tokens that a text may have, special ones included; None if there is no limit.

    config: the model's config.json.
    """
    text = _of_texts(config)
    family = text.get("model_type")
    if family in _RELATIVE or _has_no_table(text):
        return None
    number = stated_positions(config)
    if number is None or family not in _BEHIND_PADDING:
        return number
    padding = text.get("pad_token_id")
    # MPNet's code ignores the padding token of its configuration.
    if padding is None or family == "mpnet":
        padding = _PADDING_ID
    return number - int(padding) - 1


def stated_positions(config: Mapping[str, Any]) -> int | None:
    """The number of positions that the configuration states, or else its family's default."""
    text = _of_texts(config)
    if text.get("model_type") in _RELATIVE:
        return None
    for name in _NAMES:
        number: int | None = text.get(name)
        if number is not None:
            return number if number > 0 else None
    return _positions_of_family(text.get("model_type"))


def _of_texts(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The text part of a configuration, which models that read images too keep apart."""
    text: Mapping[str, Any] = config.get("text_config") or config
    return text


def _has_no_table(text: Mapping[str, Any]) -> bool:
    family, kind = text.get("model_type"), str(text.get("position_embedding_type") or "")
    if family in _DEBERTA:
        # Its positions are relative, and a table is added to them unless this says no.
        return text.get("position_biased_input") is False
    names = [kind] if family in _TABLE_BESIDE_ROTARY else [kind, *text]
    return any(_NO_TABLE.search(name) for name in names)


def _positions_of_family(family: str | None) -> int | None:
    if family is None:
        return None
    # This import takes seconds, and only configurations without the number need it.
    from transformers import CONFIG_MAPPING

    if family not in CONFIG_MAPPING:
        return None
    number = getattr(CONFIG_MAPPING[family](), "max_position_embeddings", None)
    return int(number) if number and number > 0 else None
