"""Tiny models of the families that people embed with: random weights, one small tokenizer each.

Each is written as sentence-transformers saves it, loads in a tenth of a second and reads 64 tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

WIDTH = 32
LENGTH = 64
# Attention windows are this wide, so that a text of LENGTH tokens is several of them.
WINDOW = 16
# Large enough for a wrong mask, position or padding to show, small enough for bfloat16.
SPREAD = 0.15
LETTERS = "".join(chr(code) for code in range(33, 127))


@dataclass(frozen=True, slots=True)
class Special:
    """Special tokens in the order of their ids, and the form that each text is put into.

    form: in the notation of tokenizers' TemplateProcessing, $A being the text.
    """

    tokens: Sequence[str]
    pad: str
    unknown: str
    form: str


BERT = Special(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"), "[PAD]", "[UNK]", "[CLS] $A [SEP]")
ROBERTA = Special(("<s>", "<pad>", "</s>", "<unk>", "<mask>"), "<pad>", "<unk>", "<s> $A </s>")
T5 = Special(("<pad>", "</s>", "<unk>"), "<pad>", "<unk>", "$A </s>")
GEMMA = Special(("<pad>", "<eos>", "<bos>", "<unk>"), "<pad>", "<unk>", "<bos> $A <eos>")
QWEN = Special(("<unk>", "<|endoftext|>"), "<|endoftext|>", "<unk>", "$A <|endoftext|>")


@dataclass(frozen=True, slots=True)
class Family:
    """How a tiny model of a family is made.

    kind: the names of its classes in transformers, without Config and Model.
    model: its class, where the family has several. settings: of its configuration.
    dense: widths of the layers behind the pooling. tokenizer: settings of its tokenizer.
    """

    kind: str
    special: Special
    settings: dict[str, Any]
    pooling: str = "mean"
    model: str = ""
    dense: Sequence[int] = ()
    tokenizer: dict[str, Any] = field(default_factory=dict)


def _sized(**other: Any) -> dict[str, Any]:
    return {
        "hidden_size": WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 2 * WIDTH,
        "initializer_range": SPREAD,
        "max_position_embeddings": LENGTH,
        **other,
    }


# These families count positions from behind their padding token's id.
_OFFSET = {"max_position_embeddings": LENGTH + 2, "pad_token_id": 1}
_DECODER = {"num_key_value_heads": 2, "head_dim": 8, "use_cache": False}

FAMILIES: dict[str, Family] = {
    "bert": Family("Bert", BERT, _sized()),
    "roberta": Family("Roberta", ROBERTA, _sized(**_OFFSET), pooling="cls"),
    "xlm-roberta": Family("XLMRoberta", ROBERTA, _sized(**_OFFSET)),
    "mpnet": Family("MPNet", ROBERTA, _sized(**_OFFSET)),
    "distilbert": Family(
        "DistilBert",
        BERT,
        {
            "dim": WIDTH,
            "n_layers": 2,
            "n_heads": 4,
            "hidden_dim": 2 * WIDTH,
            "initializer_range": SPREAD,
            "max_position_embeddings": LENGTH,
        },
    ),
    "electra": Family("Electra", BERT, _sized(embedding_size=16), pooling="max"),
    "albert": Family("Albert", BERT, _sized(embedding_size=16)),
    "deberta-v2": Family(
        "DebertaV2",
        BERT,
        _sized(
            relative_attention=True,
            position_buckets=8,
            max_relative_positions=-1,
            pos_att_type=["p2c", "c2p"],
            norm_rel_ebd="layer_norm",
            share_att_key=True,
            position_biased_input=False,
        ),
    ),
    "modernbert": Family(
        "ModernBert",
        BERT,
        _sized(
            num_hidden_layers=4,
            local_attention=WINDOW,
            global_attn_every_n_layers=3,
            pad_token_id=0,
            cls_token_id=2,
            sep_token_id=3,
            bos_token_id=2,
            eos_token_id=3,
        ),
        pooling="cls",
    ),
    "t5": Family(
        "T5",
        T5,
        {
            "d_model": WIDTH,
            "d_kv": 8,
            "d_ff": 2 * WIDTH,
            "num_layers": 2,
            "num_heads": 4,
            "relative_attention_num_buckets": 8,
            "relative_attention_max_distance": WINDOW,
            "pad_token_id": 0,
            "eos_token_id": 1,
            "decoder_start_token_id": 0,
        },
        model="T5EncoderModel",
        dense=(24,),
    ),
    "gemma3": Family(
        "Gemma3Text",
        GEMMA,
        _sized(
            **_DECODER,
            sliding_window=WINDOW,
            layer_types=["sliding_attention", "full_attention"],
            use_bidirectional_attention=True,
            query_pre_attn_scalar=8,
            pad_token_id=0,
            eos_token_id=1,
            bos_token_id=2,
        ),
        dense=(2 * WIDTH, WIDTH),
    ),
    "qwen3": Family(
        "Qwen3",
        QWEN,
        _sized(**_DECODER, pad_token_id=1, eos_token_id=1, bos_token_id=1),
        pooling="lasttoken",
        tokenizer={"padding_side": "left"},
    ),
}


# Models whose vectors padding changes: a convolution and a transform of all tokens read it.
SEE_PADDING: dict[str, Family] = {
    "convbert": Family("ConvBert", BERT, _sized(embedding_size=WIDTH, conv_kernel_size=5)),
    "fnet": Family("FNet", BERT, _sized()),
}

# OpenVINO's conversion of this one computes, and returns no vector.
NOT_CONVERTED: dict[str, Family] = {
    "mamba": Family(
        "Mamba",
        QWEN,
        {
            "hidden_size": WIDTH,
            "num_hidden_layers": 2,
            "state_size": 4,
            "use_cache": False,
            "pad_token_id": 1,
            "eos_token_id": 1,
            "bos_token_id": 1,
        },
    ),
}
# Its first short text turns its sparse attention off, so that later vectors are others.
KEEPS_STATE: dict[str, Family] = {
    "bigbird": Family(
        "BigBird",
        BERT,
        _sized(attention_type="block_sparse", block_size=4, num_random_blocks=1, pad_token_id=0),
    ),
}


def write_family(
    name: str, folder: Path, *, seed: int = 3, letters: str = LETTERS, **settings: Any
) -> Path:
    """Write the tiny model of a family as a sentence-transformers folder.

    letters: that its tokenizer knows. settings: of the transformer's configuration, in place of
        those of the family.
    """
    import torch
    import transformers
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules

    family = {**FAMILIES, **SEE_PADDING, **NOT_CONVERTED, **KEEPS_STATE}[name]
    tokenizer = _tokenizer(family.special, letters)
    torch.manual_seed(seed)
    config = getattr(transformers, f"{family.kind}Config")(
        **{"vocab_size": tokenizer.get_vocab_size(), **family.settings, **settings}
    )
    transformer = getattr(transformers, family.model or f"{family.kind}Model")(config)
    _spread(transformer)
    folder.mkdir(parents=True, exist_ok=True)
    transformer.save_pretrained(str(folder))
    _save_tokenizer(tokenizer, family, folder)
    pooling = modules.Pooling(WIDTH, pooling_mode=family.pooling)
    dense, width = [], WIDTH
    for out in family.dense:
        dense.append(modules.Dense(width, out, bias=False, activation_function=torch.nn.Identity()))
        width = out
    chain = [modules.Transformer(str(folder), max_seq_length=LENGTH), pooling, *dense]
    model = SentenceTransformer(modules=[*chain, modules.Normalize()], device="cpu")
    model.save(str(folder), create_model_card=False)
    return folder


def _spread(transformer: Any) -> None:
    """Random biases, norms and vectors of padding: a fault would not show where they are 0 or 1."""
    import torch

    with torch.no_grad():
        for parameter in transformer.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.05)
        words = transformer.get_input_embeddings().weight
        words[words.norm(dim=1) == 0] = words[-1].clone()


def _tokenizer(special: Special, letters: str) -> "Tokenizer":
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = [*special.tokens, *letters, *(f"##{letter}" for letter in letters)]
    ids = {token: number for number, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token=special.unknown))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    around = [(token, ids[token]) for token in special.form.split() if token != "$A"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=special.form, special_tokens=around
    )
    return tokenizer


def _save_tokenizer(tokenizer: "Tokenizer", family: Family, folder: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    special = family.special
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=LENGTH,
        pad_token=special.pad,
        unk_token=special.unknown,
        **family.tokenizer,
    ).save_pretrained(str(folder))
