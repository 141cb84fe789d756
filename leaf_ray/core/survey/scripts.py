"""In which scripts texts are written."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache

# By the first word of a letter's name in Unicode, where that is not the script's own name.
_NAMES = {
    "CJK": "Han",
    "HIRAGANA": "Kana",
    "KATAKANA": "Kana",
    "KATAKANA-HIRAGANA": "Kana",
    "FEMININE": "Latin",
    "MASCULINE": "Latin",
}
_PREFIXES = frozenset({"HALFWIDTH", "FULLWIDTH"})
# Models that were trained on English texts, by the last part of their names.
_ENGLISH = re.compile(
    r"all-(mpnet|minilm|distilroberta|roberta)\b.*|multi-qa-.*|msmarco-.*|mxbai-embed-large-v1|"
    r".*-en(-.*)?|(e5|gte)-(small|base|large)(-v2)?|snowflake-arctic-embed-(xs|s|m|l|m-v1\.5|m-long)",
    re.IGNORECASE,
)
# What is looked at of each text.
_CHARACTERS = 400


def scripts_of(texts: Iterable[str]) -> Mapping[str, float]:
    """Return the share of letters in each script, the largest first; empty without a letter.

    The first 400 characters of each text are looked at.
    """
    characters = Counter[str]()
    for text in texts:
        characters.update(text[:_CHARACTERS])
    counts = Counter[str]()
    for character, number in characters.items():
        if (script := script_of(character)) is not None:
            counts[script] += number
    total = counts.total()
    return {script: number / total for script, number in counts.most_common()}


@lru_cache(maxsize=4096)
def script_of(character: str) -> str | None:
    """Return the script of a letter, such as Latin, Cyrillic or Han; None of what is no letter."""
    if not character.isalpha():
        return None
    words = unicodedata.name(character, "UNKNOWN").split()
    word = next((word for word in words if word not in _PREFIXES), words[0])
    return _NAMES.get(word, word.capitalize())


def knows_english_alone(model: str) -> bool:
    """Tell whether a model is one that is known to be trained on English texts, by its name."""
    return _ENGLISH.fullmatch(model.rstrip("/").rpartition("/")[2]) is not None
