"""What people should know of their texts before a run begins."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from leaf_ray.core.survey.findings import Findings, Losses

# From this share of the letters on, texts are of another script than English.
_MANY_OTHERS = 0.1
# From this share of the texts on, windows are worth a thought.
MANY_LONGER = 0.05
_FEWEST_TEXTS = 40
_WORDS_OF_A_QUERY = 16


def hints_of(findings: Findings) -> list[str]:
    """Return remarks as whole sentences, the most important first."""
    told = (
        _too_few(findings),
        _other_script(findings),
        _long_texts(findings),
        _short_texts(findings),
        _unequal(findings.losses),
    )
    return [hint for hint in told if hint]


def in_percent(share: float) -> str:
    """Return a share for people; a small one is not nothing."""
    return "less than 1 %" if 0 < share < 0.01 else f"{share:.0%}".replace("%", " %")


def scripts_in_words(scripts: Mapping[str, float]) -> str:
    """Return the scripts with at least a hundredth of the letters, the largest first."""
    named = [f"{script} {in_percent(share)}" for script, share in scripts.items() if share >= 0.01]
    return ", ".join(named[:5]) or "no letters"


def is_of_other_script(findings: Findings) -> bool:
    """Tell whether many letters are of a script that the teacher has not learned."""
    others = 1 - findings.scripts.get("Latin", 0.0) if findings.scripts else 0.0
    return findings.is_english and others >= _MANY_OTHERS


def may_be_queries(findings: Findings) -> bool:
    """Tell whether texts that count as documents may be questions that people ask."""
    name = PurePosixPath(findings.path.rstrip("/")).name.casefold()
    is_called_so = any(word in name for word in ("quer", "question"))
    has_others = "query" in findings.choice.columns or "kind" in findings.choice.columns
    is_short = findings.words.median <= _WORDS_OF_A_QUERY
    return is_short and is_called_so and not has_others and not findings.has_known_columns


def has_long_texts(findings: Findings) -> bool:
    """Tell whether the teacher would cut many documents."""
    return findings.tokens is not None and findings.tokens.share_longer > MANY_LONGER


def _too_few(findings: Findings) -> str:
    number = findings.num_training_texts
    if number >= _FEWEST_TEXTS:
        return ""
    return (
        f"About {number} texts are there to train on: a leaf needs 10 at least, and hundreds to be "
        "of use."
    )


def _other_script(findings: Findings) -> str:
    if not is_of_other_script(findings):
        return ""
    return (
        f"Other scripts than that of English are there ({scripts_in_words(findings.scripts)}), and "
        f"{findings.teacher} was trained on English: name a multilingual teacher, and a "
        "multilingual distill.init."
    )


def _long_texts(findings: Findings) -> str:
    if findings.tokens is None or not has_long_texts(findings):
        return ""
    return (
        f"{in_percent(findings.tokens.share_longer)} of the texts are longer than the "
        f"{findings.tokens.window} tokens that the teacher reads, and are cut there: "
        "embed.long_texts=window embeds them in windows, and then there is no evaluation."
    )


def _short_texts(findings: Findings) -> str:
    if not may_be_queries(findings):
        return ""
    return (
        "The texts are as short as queries. If they are questions that people ask, set "
        "texts.kind=query and texts.num_test_queries=0, and train on them (distill.vectors)."
    )


def _unequal(losses: Losses) -> str:
    if not losses.num_clashes:
        return ""
    return f"{losses.num_clashes:,} rows have the id of another text, and are rejected."
