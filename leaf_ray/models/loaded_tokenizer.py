"""The tokenizer as transformers and sentence-transformers load it, kept once per machine.

tokenizer.json alone does not say how a model's texts are tokenised: transformers builds many
tokenizers anew from the vocabulary and tokenizer_config.json, and sentence-transformers adds what
sentence_bert_config.json says. Therefore these libraries load it once, and the result is kept in
the cache folder, from where it is read without importing either.
"""

import contextlib
import json
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as FastTokenizer

from leaf_ray.errors import ConfigError
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.resolve import cache_folder

_TOKENIZER_FILE, _ABOUT_FILE = "tokenizer.json", "about.json"


@dataclass(frozen=True, slots=True)
class LoadedTokenizer:
    """fast: the tokenizer itself, whose truncation and padding are the caller's to set.

    side: the side at which a text that is too long is cut, "left" or "right".
    special_ids: the ids of the special tokens, which no text has.
    pads: whether there is a token to pad with.
    """

    fast: Any
    side: str
    special_ids: frozenset[int]
    pads: bool

    @classmethod
    def of(cls, folder: ModelFolder, *, trust_remote_code: bool = False) -> "LoadedTokenizer":
        """Read a model's tokenizer from the cache folder; load and store it if it is not there.

        Raises:
            ConfigError: a tokenizer of this kind cannot be used here.
        """
        trust = "-trusted" if trust_remote_code else ""
        name = f"{folder.reading_sha256()[:32]}-{version('transformers')}{trust}"
        kept = cache_folder() / "tokenizers" / name
        if not (kept / _ABOUT_FILE).is_file():
            loaded = _load(folder, trust_remote_code=trust_remote_code)
            # A machine where nothing can be kept loads it each time.
            with contextlib.suppress(OSError):
                loaded._keep(kept)
            return loaded
        about = json.loads((kept / _ABOUT_FILE).read_text("utf-8"))
        fast = FastTokenizer.from_file(str(kept / _TOKENIZER_FILE))
        fast.encode_special_tokens = about["splits_special"]
        return cls(fast, about["side"], frozenset(about["special_ids"]), about["pads"])

    def _keep(self, target: Path) -> None:
        """Write the tokenizer to `target`; if several processes do, the first rename wins."""
        about = {
            "side": self.side,
            "special_ids": sorted(self.special_ids),
            "pads": self.pads,
            "splits_special": self.fast.encode_special_tokens,
        }
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=target.parent, prefix=".loading-", ignore_cleanup_errors=True
        ) as made:
            self.fast.save(str(Path(made) / _TOKENIZER_FILE))
            (Path(made) / _ABOUT_FILE).write_text(json.dumps(about), "utf-8")
            with contextlib.suppress(OSError):
                Path(made).rename(target)


def _load(folder: ModelFolder, *, trust_remote_code: bool) -> LoadedTokenizer:
    import transformers

    transformers.utils.logging.set_verbosity_error()
    subfolder = folder.transformer.relative_to(folder.path)
    loaded: Any = transformers.AutoTokenizer.from_pretrained(
        str(folder.path),
        **{**folder.settings.tokenizer, "trust_remote_code": trust_remote_code},
        subfolder="" if subfolder == Path() else str(subfolder),
    )
    _check_usable(loaded, folder)
    fast = FastTokenizer.from_str(loaded._tokenizer.to_str())
    fast.encode_special_tokens = bool(getattr(loaded, "split_special_tokens", False))
    if folder.settings.lower_case:
        _lower_case(fast)
    return LoadedTokenizer(
        fast,
        loaded.truncation_side,
        frozenset(loaded.all_special_ids),
        loaded.pad_token is not None,
    )


def _check_usable(loaded: Any, folder: ModelFolder) -> None:
    """Raise ConfigError if the tokenizers library cannot do what this tokenizer does."""
    if not isinstance(getattr(loaded, "_tokenizer", None), FastTokenizer):
        raise ConfigError(
            f"{folder.path.name} has a {type(loaded).__name__}, which has no form in the library "
            "tokenizers and cannot be used here: name another model, or serve this one by itself "
            "and name the address in space.endpoint"
        )
    if loaded.get_vocab().keys() <= set(loaded.all_special_tokens):
        raise ConfigError(
            f"{folder.transformer} has no vocabulary (tokenizer.json or the like), so that each "
            "word would be an unknown one: copy or download the model again"
        )
    if any(loaded("a text").get("token_type_ids") or ()):
        raise ConfigError(
            f"{folder.path.name} has a {type(loaded).__name__}, which gives each token a type "
            "besides its id, and models that read types cannot be used here: name another model, "
            "or serve this one by itself and name the address in space.endpoint"
        )


def _lower_case(fast: Any) -> None:
    """Lower-case texts before all else, as sentence-transformers does."""
    from tokenizers.normalizers import Lowercase, Sequence

    normalizer = fast.normalizer
    is_sequence = isinstance(normalizer, Sequence)
    steps = list(normalizer) if is_sequence else [] if normalizer is None else [normalizer]
    if not any(isinstance(step, Lowercase) for step in steps):
        fast.normalizer = Sequence([Lowercase(), *steps])
