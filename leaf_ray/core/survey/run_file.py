"""A run file with comments, of a screen's length, from what is known of a source."""

import re
from collections.abc import Iterator

from leaf_ray.core.survey.findings import Findings
from leaf_ray.core.survey.hints import (
    has_long_texts,
    in_percent,
    is_of_other_script,
    may_be_queries,
    scripts_in_words,
)
from leaf_ray.core.survey.row_count import rounded
from leaf_ray.core.survey.yaml_text import comment, quoted

MULTILINGUAL_TEACHER = "BAAI/bge-m3"
MULTILINGUAL_INIT = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
MAX_LINES = 45
_WIDTH = 100
_VALUES = 34
_MOST_ALTERNATIVES = 2
_MOST_LEFT_OUT = 4
# Rows from which on a first try with fewer of them saves an afternoon.
_MANY_ROWS = 20_000
_BATCH_SIZE = 32


def run_file(findings: Findings, *, root: str, file: str, max_rejected: int) -> str:
    """Return the text of a run file, of at most MAX_LINES lines.

    root: the run's folder. file: how commands are told to name the run file.
    max_rejected: rows that a run goes on without where its file does not say otherwise.
    """
    lines = [
        *_head(findings, file),
        _line("root", quoted(root), "the folder of all that the run makes"),
        "",
        "space:",
        *_space(findings),
        "",
        "texts:",
        *_texts(findings, max_rejected=max_rejected),
        *_embed(findings),
        *_distill(findings),
    ]
    return "\n".join(lines) + "\n"


def folder_name(path: str) -> str:
    """Return what the folder of a run over `path` is called."""
    path = re.sub(r"[?&]split=[^?&]*$|\?.*$", "", path.partition("://")[2] or path)
    parts = [
        part
        for part in re.split(r"[/:]+", path.rstrip("/"))
        if part and not re.search(r"[*\[]", part)
    ]
    name = parts[-1] if parts else ""
    stem = re.sub(r"(\.[A-Za-z0-9]{1,7}){1,2}$", "", name) or name
    folder = re.sub(r"[^A-Za-z0-9]+", "-", stem).strip("-").lower()
    return folder[:40].strip("-") or "texts"


def _head(findings: Findings, file: str) -> Iterator[str]:
    yield _comment(f"A run over {findings.path}, as `leaf init` proposes it.")
    yield _comment(f"Found: {findings.form}, {findings.rows.in_words()} rows.")
    if findings.tokens is not None:
        lengths, unit = findings.tokens.lengths, "tokens of the teacher"
    else:
        lengths, unit = findings.words, "words"
    yield _comment(
        f"Texts: {lengths.median:,} {unit} (median), {lengths.high:,} (95th percentile); "
        f"{scripts_in_words(findings.scripts)}."
    )
    yield _comment(f"Queries: {findings.plan.in_words()}.")
    yield _comment(f"Go on with: leaf run {file}  (docs/SETTINGS.md has all settings)")


def _space(findings: Findings) -> Iterator[str]:
    yield _line("  teacher", quoted(findings.teacher), "a model id, or a folder")
    if is_of_other_script(findings):
        yield _line("  # teacher", MULTILINGUAL_TEACHER, "multilingual; the other knows English")


def _texts(findings: Findings, *, max_rejected: int) -> Iterator[str]:
    yield f"  path: {quoted(findings.path)}"
    yield from _columns(findings)
    yield from _left_out(findings)
    if may_be_queries(findings):
        yield _line(
            "  # kind", "query", "where the texts are questions; then num_test_queries: 0 too"
        )
    plan = findings.plan
    if plan.num_test_queries is not None:
        why = (
            "queries kept to test with" if plan.num_test_queries else "there are none to test with"
        )
        yield _line("  num_test_queries", str(plan.num_test_queries), why)
    if findings.rows.scaled(findings.num_documents) > _MANY_ROWS:
        yield _line("  # num_documents", "10000", "fewer documents, for a first try")
    lost = findings.rows.scaled(findings.losses.num_lost)
    if lost > max_rejected:
        why = findings.losses.reason or "their ids are those of other texts"
        about = f"about {rounded(lost):,} rows cannot be used"
        yield _line("  max_rejected", str(2 * lost), f"{about}: {why}")


def _columns(findings: Findings) -> Iterator[str]:
    choice = findings.choice
    renamed = {} if findings.has_known_columns else choice.renamed
    others = {} if findings.has_known_columns else choice.others
    # A comment alone would leave the section without a value.
    yield (
        "  columns:"
        if renamed
        else "  # columns:"
        if others
        else _comment(f"Columns: {_named(findings)}", indent=2)
    )
    for our in ("id", "text", "title", "query", "kind"):
        if our in renamed:
            yield _line(f"    {our}", quoted(renamed[our]), choice.reasons.get(our, ""))
        for other in others.get(our, ())[:_MOST_ALTERNATIVES]:
            why = "as plausible" if our in choice.columns else "where rows answer it"
            yield _line(f"  #   {our}", quoted(other), why)


def _named(findings: Findings) -> str:
    named = findings.choice.columns.items()
    return ", ".join(our if our == their else f"{our} ({their})" for our, their in named)


def _left_out(findings: Findings) -> Iterator[str]:
    names = [] if findings.has_known_columns else list(findings.choice.leave_out)
    if len(names) == 1:
        reason = findings.choice.leave_out[names[0]]
        yield _line("  leave_out", f"[{quoted(names[0])}]", reason)
    elif len(names) <= _MOST_LEFT_OUT:
        yield from ["  leave_out:"] if names else []
        for name in names:
            yield _line("    -", quoted(name), findings.choice.leave_out[name], separator=" ")
    else:
        listed = ", ".join(map(quoted, names))
        yield f"  leave_out: [{listed}]"


def _embed(findings: Findings) -> Iterator[str]:
    if findings.tokens is None or not has_long_texts(findings):
        return
    yield ""
    share, window = in_percent(findings.tokens.share_longer), findings.tokens.window
    yield _comment(f"{share} of the texts are longer than the teacher's {window} tokens, and cut.")
    yield _comment("In windows (which are not evaluated) they are embedded whole:")
    yield "# embed:"
    yield "#   long_texts: window"


def _distill(findings: Findings) -> Iterator[str]:
    number = findings.num_training_texts
    yield ""
    yield "distill:"
    if is_of_other_script(findings):
        yield _line("  # init", MULTILINGUAL_INIT)
    yield _line("  epochs", "3", "more give a better leaf, and take longer")
    # At most a fifth are validation texts, and chance decides which.
    if number < 3 * _BATCH_SIZE:
        size = max(1, 1 << max(0, (number // 3).bit_length() - 1))
        yield _line("  batch_size", str(min(_BATCH_SIZE, size)), "there are few texts")


def _comment(text: str, *, indent: int = 0) -> str:
    return " " * indent + "# " + comment(text, width=_WIDTH - indent - 2)


def _line(key: str, value: str, why: str = "", *, separator: str = ": ") -> str:
    start = f"{key}{separator}{value}"
    if not why:
        return start
    start = start.ljust(_VALUES)
    return f"{start}  # {comment(why, width=max(20, _WIDTH - len(start) - 4))}"
