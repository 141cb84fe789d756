"""Small real models, for tests of this package and of programs that use it."""

from pathlib import Path


def write_tiny_model(folder: Path, *, dimension: int, seed: int, max_length: int = 64) -> Path:
    """Write a two-layer BERT with random weights as a sentence-transformers folder.

    It is mean pooled and normalised, tokenises any text into characters and a few pieces, loads
    in a tenth of a second, and gives texts that share words vectors that are alike.

    dimension: of its vectors; a multiple of 4. seed: of the weights.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import (
        Normalize,
        Pooling,
        Transformer,
    )
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [chr(code) for code in range(33, 127)]
    vocabulary = [*special, *letters, *(f"##{letter}" for letter in letters)]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), "utf-8")
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=max_length).save_pretrained(
        str(folder)
    )
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=dimension,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=2 * dimension,
        max_position_embeddings=max_length,
    )
    BertModel(config).save_pretrained(str(folder))
    transformer = Transformer(str(folder), max_seq_length=max_length)
    model = SentenceTransformer(
        modules=[transformer, Pooling(dimension, pooling_mode="mean"), Normalize()], device="cpu"
    )
    model.save(str(folder), create_model_card=False)
    return folder
