"""How many tokens texts have for a model that is on this machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.loaded_tokenizer import LoadedTokenizer


@dataclass(frozen=True, slots=True)
class TokenLengths:
    """lengths: tokens of each text as a document, its prompt and special tokens included, uncut.

    window: tokens that the model reads.
    """

    lengths: list[int]
    window: int


def token_lengths(folder: Path, texts: Sequence[str]) -> TokenLengths:
    """Return the lengths of `texts` for the model in `folder`.

    Raises:
        ModelNotFound, ConfigError: it is no model, or one that cannot be used.
    """
    model = ModelFolder.read(folder)
    fast = LoadedTokenizer.of(model).fast
    fast.no_padding()
    fast.no_truncation()
    encodings = fast.encode_batch_fast([model.document_prompt + text for text in texts])
    return TokenLengths([len(encoding.ids) for encoding in encodings], model.max_length)
