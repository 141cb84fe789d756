"""`leaf init`: a look at texts, and the run file that follows from it."""

import contextlib
import logging
import os
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from leaf_ray.cli.init_table import print_findings
from leaf_ray.config.sections import TextsConfig
from leaf_ray.core.survey.findings import Findings, Losses, Tokens
from leaf_ray.core.survey.row_count import megabytes
from leaf_ray.core.survey.run_file import folder_name, run_file
from leaf_ray.core.survey.scripts import knows_english_alone, scripts_of
from leaf_ray.core.survey.words import Lengths, num_words
from leaf_ray.core.uri import has_user, redacted
from leaf_ray.encoders.token_lengths import token_lengths
from leaf_ray.errors import ConfigError
from leaf_ray.models.resolve import model_on_disk, refuse_no_model_id
from leaf_ray.sources.find import Found, find
from leaf_ray.sources.look import Look, look_at

MAX_REJECTED: int = TextsConfig.model_fields["max_rejected"].default
# Characters that lengths in tokens are counted over, which takes a second.
_TOKENISED = 2_000_000
_NAMES = {
    ".parquet": "Parquet",
    ".jsonl": "JSONL",
    ".ndjson": "JSONL",
    ".csv": "CSV",
    ".tsv": "TSV",
    ".txt": "plain text",
}
_FORMS = {
    "saved": "saved by datasets",
    "beir": "BEIR folder",
    "lance": "Lance dataset",
    "hub": "dataset of the hub",
    "docstrings": "docstrings",
}


def run_init(console: Console, path: str, *, out: Path, teacher: str, force: bool) -> None:
    """Look at the texts at `path`, print what is found, and write the run file.

    Raises:
        ConfigError: `out` is there already or cannot be written, or the path has a key in it.
        InputError: the texts cannot be used.
        ModelNotFound: the teacher is a folder without a model.
    """
    _refuse_out(out, force=force)
    if has_user(path):
        raise ConfigError(
            f"{redacted(path)} was given with a user or a key in it, which a run file would keep: "
            "leave it out, and set it in the environment (AWS_ACCESS_KEY_ID and the like)"
        )
    folder = model_on_disk(teacher)
    if folder is None:
        refuse_no_model_id(teacher)
    with _each_warning_once():
        look = look_at(find(path), max_rejected=MAX_REJECTED)
    findings = _findings(look, teacher, folder)
    root = _free_root(f"runs/{folder_name(path)}")
    file = shlex.quote(str(out))
    text = run_file(findings, root=root, file=file, max_rejected=MAX_REJECTED)
    _write(out, text, force=force)
    print_findings(console, findings)
    console.print(f"\nwrote {out}; read it, and go on with", highlight=False, markup=False)
    console.print(f"  leaf run {file}", highlight=False, markup=False)


def _refuse_out(out: Path, *, force: bool) -> None:
    if out.is_dir():
        raise ConfigError(f"{out} is a folder; name the run file to write: --out {out}/leaf.yaml")
    if os.path.lexists(out) and not force:
        raise ConfigError(
            f"{out} is there already: --force writes over it, --out names another file"
        )
    if not out.absolute().parent.is_dir():
        raise ConfigError(f"{out.parent} is no folder: make it, or name another file with --out")


def _write(out: Path, text: str, *, force: bool) -> None:
    try:
        with out.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise ConfigError(
            f"{out} cannot be written: {error.strerror}; name another file with --out"
        ) from None


def _free_root(root: str) -> str:
    """Return a folder that no other run has."""
    number, free = 1, root
    while Path(free).exists():
        number += 1
        free = f"{root}-{number}"
    return free


def _findings(look: Look, teacher: str, folder: Path | None) -> Findings:
    found, read, tally = look.found, look.read, look.read.tally
    texts = tally.documents or tally.queries
    passed_over = {c.name: c.why_unread for c in look.columns if c.why_unread}
    passed_over.update(read.agreement.passed_over)
    # A column with a role is read, though some of its values are rejected.
    for name in look.choice.columns.values():
        passed_over.pop(name, None)
    return Findings(
        path=found.path,
        form=_form(found),
        rows=read.rows,
        columns=look.columns,
        choice=look.choice,
        plan=look.plan,
        words=Lengths.of([num_words(text) for text in texts]),
        scripts=scripts_of(texts),
        teacher=teacher,
        num_documents=tally.num_documents,
        num_queries=tally.num_queries,
        tokens=None if folder is None else _tokens(folder, texts),
        is_english=knows_english_alone(teacher),
        losses=Losses(
            num_empty=read.num_empty,
            num_duplicates=read.num_duplicates,
            num_rejected=read.num_rejected,
            num_clashes=tally.num_clashes,
            reason=str(read.rejected[0]) if read.rejected else "",
        ),
        passed_over=passed_over,
        has_known_columns=found.has_known_columns,
    )


def _form(found: Found) -> str:
    files = [piece.file for piece in found.pieces if piece.file is not None]
    if found.form == "files":
        kinds = Counter(_NAMES.get(file.suffix, file.suffix) for file in files)
        form = " and ".join(kinds)
    else:
        form = _FORMS[found.form]
    number = f", {len(files):,} files" if len(files) > 1 else ""
    if found.unit != "bytes":
        return f"{form}, {found.size:,.0f} modules" if found.unit == "modules" else form
    return f"{form}{number}, {megabytes(found.size)}"


def _tokens(folder: Path, texts: Sequence[str]) -> Tokens:
    measured = token_lengths(folder, list(_some(texts)))
    longer = sum(length > measured.window for length in measured.lengths)
    lengths = Lengths.of(measured.lengths)
    return Tokens(lengths, measured.window, longer / max(1, lengths.num_texts))


def _some(texts: Sequence[str]) -> Iterator[str]:
    """Yield evenly spaced texts of _TOKENISED characters in all, at least one."""
    step = max(1, -(-sum(map(len, texts)) // _TOKENISED))
    return iter(texts[::step])


@contextlib.contextmanager
def _each_warning_once() -> Iterator[None]:
    """Say what readers warn of but once, though they read several times."""
    told = set[str]()

    def is_new(record: logging.LogRecord) -> bool:
        said = record.getMessage()
        is_first = said not in told
        told.add(said)
        return is_first

    handlers = logging.getLogger("leaf_ray").handlers
    for handler in handlers:
        handler.addFilter(is_new)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(is_new)
