import io
import json
import sysconfig
from pathlib import Path

import pyarrow as pa
import pytest

from leaf_ray.errors import InputError
from leaf_ray.sources.docstrings import parse
from leaf_ray.sources.docstrings import read as reading
from leaf_ray.sources.docstrings.modules import find_modules
from leaf_ray.sources.docstrings.parse import Entry, parse_module
from leaf_ray.sources.docstrings.read import docstrings_of
from leaf_ray.sources.read import open_source
from tests.sources.corpora import read_corpus

BODY = "word " * 30


def table_of(packages: list[str] | None = None) -> pa.Table:
    return pa.concat_tables([part.table for part in docstrings_of(packages)[1]])


def entries(source: str) -> list[Entry]:
    found = parse_module(source.replace("BODY", BODY).encode(), "pack.mod")
    assert found is not None
    return found


def only(source: str) -> Entry:
    (entry,) = entries(source)
    return entry


# One module.


def test_a_function_becomes_a_signature_a_body_and_a_summary_as_query() -> None:
    entry = only(
        'x = 1\ndef f(a: int, *, b=2):\n  """Say it\n  all at once.\n\n  BODY\n   in\n  """'
    )
    assert entry == {
        "id": "pack.mod.f",
        "text": f"pack.mod.f(a: int, *, b=2)\n{BODY}\n in",
        "query": "Say it all at once.",
        "line": 2,
    }


def test_methods_are_named_by_their_class_and_lose_self() -> None:
    source = (
        'class C:\n  """One two three four.\n\n  BODY"""\n'
        "  def __init__(self, /, size): pass\n"
        '  async def m(self, x): "One two three four.\\n\\nBODY"\n'
        '  @classmethod\n  def k(cls): "One two three four.\\n\\nBODY"\n'
    )
    signatures = [entry["text"].partition("\n")[0] for entry in entries(source)]
    assert signatures == ["pack.mod.C(size)", "pack.mod.C.m(x)", "pack.mod.C.k()"]


def test_definitions_below_conditions_are_found_and_private_ones_are_not() -> None:
    doc = '"One two three four.\\n\\nBODY"'
    source = (
        f"try:\n  import x\nexcept ImportError:\n  def a(): {doc}\n"
        f"if x:\n  pass\nelse:\n  def b(): {doc}\n"
        f"def _c(): {doc}\nclass _D:\n  def d(self): {doc}\n"
        f"def e():\n  def inner(): {doc}\n"
    )
    assert [entry["id"] for entry in entries(source)] == ["pack.mod.a", "pack.mod.b"]


@pytest.mark.parametrize(
    "docstring", ["Too short.\n\nA body.", "No body but a long summary. BODY", ""]
)
def test_short_docstrings_and_those_without_a_body_are_left_out(docstring: str) -> None:
    assert entries(f'def f():\n  """{docstring}"""') == []


@pytest.mark.parametrize("summary", ["Too few words", ">>> f(1) # doctest here", "long " * 41])
def test_a_summary_that_is_no_query_stays_in_the_text(summary: str) -> None:
    entry = only(f'def f():\n  """{summary}\n\n  BODY"""')
    assert entry["query"] is None
    assert summary.strip() in entry["text"]


def test_a_long_signature_is_cut_between_arguments() -> None:
    arguments = ", ".join(f"argument_{i}" for i in range(30))
    signature = only(f'def f({arguments}): "A b c d.\\n\\nBODY"')["text"].partition("\n")[0]
    assert len(signature) < 140
    assert signature.endswith("argument_9, ...)")


def test_half_a_surrogate_pair_is_replaced() -> None:
    assert "?" in only('def f(): "A b c d.\\n\\nBODY \\ud800"')["text"]


@pytest.mark.parametrize("source", [b"def f(:", b"x = '\0'", b"\xff", b"(" * 10_000])
def test_a_module_that_does_not_parse_is_none(source: bytes) -> None:
    assert parse_module(source, "m") is None


# The environment.


def test_the_standard_library_is_a_corpus() -> None:
    texts = read_corpus("docstrings:json, asyncio").texts
    rows = {row["id"]: row for row in texts.to_pylist()}
    row = rows["asyncio.tasks.wait_for"]
    assert row["query"] == "Wait for the single Future or coroutine to complete, with timeout."
    assert row["text"].startswith("asyncio.tasks.wait_for(fut, timeout)\n")
    assert (row["package"], row["path"]) == ("asyncio", "asyncio/tasks.py")
    lines = Path(row["file"]).read_text().splitlines()
    assert lines[row["line"] - 1].startswith("async def wait_for(")
    assert set(texts["package"].to_pylist()) == {"json", "asyncio"}


def test_rows_are_sorted_by_package_path_and_line() -> None:
    texts = table_of(["json", "asyncio"])
    order = [(row["package"], row["path"], row["line"]) for row in texts.to_pylist()]
    assert order == sorted(order)


def test_progress_is_told_as_rows_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leaf_ray.sources.row_batch.MAX_ROWS", 3)
    source = open_source("docstrings:json,asyncio")
    done = [rows.done for rows in source.rows]
    assert source.size == len(find_modules(["json", "asyncio"]))
    assert len(done) > 5
    assert done == sorted(done) and done[-1] == source.size


def test_several_processes_read_what_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = table_of(["json", "asyncio"])
    monkeypatch.setattr(reading, "_CHUNK", 10)
    assert table_of(["json", "asyncio"]) == alone


def test_an_unknown_package_offers_the_nearest_names() -> None:
    with pytest.raises(InputError, match=r"no package 'asynchio' .*nearest: asyncio"):
        read_corpus("docstrings:asynchio")


def test_a_package_without_docstrings_is_refused() -> None:
    with pytest.raises(InputError, match=r"no docstring with a summary and a body in \['this'\]"):
        read_corpus("docstrings:this")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment with a standard library of nothing and one folder of packages."""
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    return tmp_path


def test_tests_copies_and_private_modules_are_passed_over(site: Path) -> None:
    wanted = ["pack/__init__.py", "pack/a.py", "pack/sub/b.py", "single.py"]
    others = ["pack/_c.py", "pack/__main__.py", "pack/tests/d.py", "pack/_vendor/e.py"]
    others += ["pack/test_f.py", "pack/third_party/g.py", "_private/h.py", "x-1.0.dist-info/i.py"]
    for name in [*wanted, *others]:
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).touch()
    modules = find_modules()
    assert [module.path for module in modules] == wanted
    assert [module.name for module in modules] == ["pack", "pack.a", "pack.sub.b", "single"]


def test_unparsable_modules_and_repeated_names_are_counted(site: Path) -> None:
    definition = f'def f(): "One two three four.\\n\\n{BODY}"\n'
    (site / "a.py").write_text(definition * 2)
    (site / "b.py").write_text("def f(:")
    num_modules, parts = docstrings_of()
    (part,) = parts
    assert num_modules == 2
    assert part.table["id"].to_pylist() == ["a.f"]
    assert part.table["line"].to_pylist() == [1]
    assert (part.num_unparsable, part.num_repeats) == (1, 1)


def test_a_module_that_cannot_be_read_is_counted_as_unparsable(site: Path) -> None:
    (site / "a").mkdir()
    (site / "a" / "__init__.py").write_text(f'def f(): "One two three four.\\n\\n{BODY}"\n')
    (site / "a" / "gone.py").symlink_to("nowhere.py")
    (part,) = docstrings_of()[1]
    assert (part.table["id"].to_pylist(), part.num_unparsable) == (["a.f"], 1)


def test_a_parser_process_that_fails_names_its_modules(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.py", "b.py"):
        (site / name).touch()
    (site / "broken.py").write_text("raise SystemExit('no luck')")
    monkeypatch.setattr(reading, "_CHUNK", 1)
    monkeypatch.setattr(parse, "__file__", str(site / "broken.py"))
    with pytest.raises(InputError, match=r"parsing a\.py to a\.py ended with code 1: no luck"):
        table_of(["a", "b"])


def test_the_parser_is_a_program_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.py").write_text(f'def f(): "One two three four.\\n\\n{BODY}"\n')
    (tmp_path / "b.py").write_text("def f(:")
    paths = [(str(tmp_path / "a.py"), "a"), (str(tmp_path / "b.py"), "b")]
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(paths)))
    parse.main()
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert [entry["id"] for entry in first] == ["a.f"]
    assert second is None
