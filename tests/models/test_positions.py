"""Limits on positions are those at which the models of a family really fail."""

from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModel

from leaf_ray.models.positions import max_positions, stated_positions

NUMBER = 20
SMALL = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": NUMBER,
}
DISTILBERT = {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 16}
T5 = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
GPT2 = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": NUMBER, "pad_token_id": 0}
DECODER = {"num_key_value_heads": 1, "head_dim": 8, "pad_token_id": 0}

TABLES: dict[str, dict[str, Any]] = {
    "bert": {},
    "distilbert": DISTILBERT,
    "electra": {"embedding_size": 16},
    "albert": {"embedding_size": 16},
    "deberta-v2": {"position_biased_input": True},
    "gpt2": GPT2,
    "roberta": {"pad_token_id": 1},
    "xlm-roberta": {"pad_token_id": 1},
    "xlm-roberta-xl": {"pad_token_id": 1},
    "camembert": {"pad_token_id": 1},
    "mpnet": {"pad_token_id": 1},
    "roberta-prelayernorm": {"pad_token_id": 1},
    "data2vec-text": {"pad_token_id": 1},
    "ibert": {"pad_token_id": 1},
    "xmod": {"pad_token_id": 1, "languages": ["en_XX"], "default_language": "en_XX"},
    "esm": {"pad_token_id": 1, "position_embedding_type": "absolute"},
}
PADDED_BY: dict[str, int] = {"roberta": 3, "xlm-roberta": 0, "camembert": 5, "mpnet": 3}
NO_TABLES: dict[str, dict[str, Any]] = {
    "t5": T5,
    "deberta-v2": {"position_biased_input": False, "relative_attention": True},
    "modernbert": {"pad_token_id": 0},
    "qwen3": DECODER,
    "gemma3_text": DECODER,
    "esm": {"pad_token_id": 1, "position_embedding_type": "rotary"},
}


def a_config(family: str, fields: dict[str, Any]) -> Any:
    own = fields is DISTILBERT or fields is T5 or fields is GPT2
    sizes = {"vocab_size": 40, "max_position_embeddings": NUMBER} if own else SMALL
    if fields is GPT2 or fields is T5:
        sizes = {"vocab_size": 40}
    return AutoConfig.for_model(family, **{**sizes, **fields})


def reads(config: Any, num_tokens: int) -> bool:
    torch.manual_seed(0)
    ids = torch.randint(10, 40, (1, num_tokens))
    model = AutoModel.from_config(config).eval()
    encoder = getattr(model, "encoder", model) if config.model_type == "t5" else model
    try:
        with torch.inference_mode():
            encoder(input_ids=ids, attention_mask=torch.ones_like(ids))
    except (IndexError, RuntimeError):
        return False
    return True


@pytest.mark.parametrize("family", TABLES)
def test_a_table_of_positions_is_read_to_its_end_and_no_further(family: str) -> None:
    config = a_config(family, TABLES[family])
    limit = max_positions(config.to_dict())
    assert limit is not None
    assert (reads(config, limit), reads(config, limit + 1)) == (True, False)


@pytest.mark.parametrize("family", PADDED_BY)
def test_the_padding_token_says_where_positions_begin(family: str) -> None:
    config = a_config(family, {"pad_token_id": PADDED_BY[family]})
    limit = max_positions(config.to_dict())
    assert limit is not None
    assert (reads(config, limit), reads(config, limit + 1)) == (True, False)


@pytest.mark.parametrize("family", NO_TABLES)
def test_without_a_table_any_number_is_read(family: str) -> None:
    config = a_config(family, NO_TABLES[family])
    assert max_positions(config.to_dict()) is None
    assert reads(config, 3 * NUMBER)


@pytest.mark.parametrize(
    ("config", "limit", "stated"),
    [
        ({"model_type": "xlm-roberta", "max_position_embeddings": 514}, 512, 514),
        ({"model_type": "xlm-roberta", "max_position_embeddings": 8194}, 8192, 8194),
        ({"model_type": "mpnet", "max_position_embeddings": 514, "pad_token_id": 1}, 512, 514),
        ({"model_type": "longformer", "max_position_embeddings": 4098}, 4096, 4098),
        ({"model_type": "bert", "max_position_embeddings": 512}, 512, 512),
        # What the family has is meant where a configuration leaves it out.
        ({"model_type": "bert"}, 512, 512),
        ({"model_type": "modernbert", "rope_parameters": {}}, None, 8192),
        ({"model_type": "some-code-of-its-own"}, None, None),
        ({}, None, None),
        ({"model_type": "xlnet", "max_position_embeddings": -1}, None, None),
        ({"model_type": "bert", "position_embedding_type": "alibi", "n_positions": 9}, None, 9),
        ({"model_type": "gemma3", "text_config": {"max_position_embeddings": 77}}, 77, 77),
    ],
)
def test_what_configurations_say_is_read(
    config: dict[str, Any], limit: int | None, stated: int | None
) -> None:
    assert (max_positions(config), stated_positions(config)) == (limit, stated)
