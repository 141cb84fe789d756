"""Which files a path, a URI, a folder or a glob stands for."""

from pathlib import Path

import lance
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from leaf_ray.core.object_storage import storage_options
from leaf_ray.errors import InputError
from leaf_ray.sources import locate
from tests.sources.corpora import read_corpus


def jsonl(path: Path, *rows: str) -> str:
    path.write_text("".join(f"{row}\n" for row in rows))
    return str(path)


def texts_of(path: str) -> list[str]:
    texts: list[str] = read_corpus(path).texts["text"].to_pylist()
    return texts


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("two\n")
    jsonl(tmp_path / "a.jsonl", '{"text": "one"}')
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / "README.md").write_text("not a text")
    assert texts_of(str(tmp_path)) == ["one", "two"]


def test_a_glob_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    for name in ("b/2.txt", "a/1.txt", "a/no.csv", "a/deep/3.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{name}\n")
    assert texts_of(f"{tmp_path}/*/[0-9].txt") == ["a/1.txt", "b/2.txt"]
    assert texts_of(f"{tmp_path}/**/*.txt") == ["a/1.txt", "a/deep/3.txt", "b/2.txt"]


def test_two_stars_stand_for_all_files_below_but_hidden_ones(tmp_path: Path) -> None:
    for name in ("1.txt", "a/2.txt", "a/b/3.txt", ".cache/1.txt", "a/_log/2.txt", "a/.4.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{name}\n")
    assert texts_of(f"{tmp_path}/**") == ["1.txt", "a/2.txt", "a/b/3.txt"]
    assert texts_of(f"{tmp_path}/**/*.txt") == ["1.txt", "a/2.txt", "a/b/3.txt"]


def test_files_and_folders_that_are_not_read_are_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    jsonl(tmp_path / "a.jsonl", '{"text": "one"}')
    assert texts_of(str(tmp_path)) == ["one"]
    assert not caplog.messages
    jsonl(tmp_path / "b.jsonl.bz2", "")
    (tmp_path / "more").mkdir()
    jsonl(tmp_path / "more" / "c.jsonl", '{"text": "two"}')
    assert texts_of(f"{tmp_path}/") == ["one"]
    files, folders = caplog.messages
    assert files.endswith(": the files b.jsonl.bz2 in it are not read")
    assert f"the folders more in it are not read; name {tmp_path}/** to read them" in folders
    (tmp_path / "a.jsonl").unlink()
    with pytest.raises(InputError, match=r"found \['b\.jsonl\.bz2', 'more/'\]\); .*/\*\* to read"):
        texts_of(str(tmp_path))


def test_values_that_only_the_names_of_folders_have_are_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for year in ("2020", "2021"):
        (tmp_path / f"year={year}").mkdir()
        pq.write_table(pa.table({"text": [year]}), tmp_path / f"year={year}" / "a.parquet")
    assert texts_of(f"{tmp_path}/year=2020/*") == ["2020"]
    assert not caplog.messages
    assert texts_of(f"{tmp_path}/**") == ["2020", "2021"]
    (said,) = caplog.messages
    assert "such as year=2020, are no columns and are not read" in said


def test_a_name_with_brackets_is_a_name_before_it_is_a_glob(tmp_path: Path) -> None:
    (tmp_path / "a[1].txt").write_text("one\n")
    assert texts_of(f"{tmp_path}/a[1].txt") == ["one"]


def test_a_relative_path_and_a_uri_are_read_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("one\n")
    monkeypatch.chdir(tmp_path)
    assert texts_of("a.txt") == texts_of("*.txt") == texts_of(f"file://{tmp_path}/a.txt") == ["one"]


def test_the_query_of_a_uri_is_no_wildcard_and_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def local(uri: str) -> locate.Location:
        asked.append(uri)
        return locate.Location(fs.LocalFileSystem(), str(tmp_path), "s3://")

    (tmp_path / "a.txt").touch()
    monkeypatch.setattr(locate, "locate", local)
    assert not locate.is_glob("s3://bucket/a.txt?region=x")
    assert locate.is_glob("s3://bucket/*.txt?region=x")
    (file,) = locate.match_glob("s3://bucket/*.txt?region=x")
    assert file.name == f"s3://{tmp_path}/a.txt"
    assert asked == ["s3://bucket?region=x"]


def test_null_columns_of_one_file_take_the_type_of_the_other(tmp_path: Path) -> None:
    jsonl(tmp_path / "a.jsonl", '{"text": "one", "year": null}')
    jsonl(tmp_path / "b.jsonl", '{"year": 1, "text": "two"}')
    assert read_corpus(str(tmp_path)).texts["year"].to_pylist() == [None, 1]


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.jsonl does not exist; a file, a folder"):
        read_corpus(str(tmp_path / "none.jsonl"))


@pytest.mark.parametrize("name", ["", "/*.txt", "/none/*.txt"])
def test_a_place_without_readable_files_says_which_are_readable(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"has no readable file .* wanted: \.parquet, \.jsonl"):
        read_corpus(f"{tmp_path}{name}")


def test_a_folder_of_other_files_lists_them(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("hello")
    with pytest.raises(InputError, match=r"found \['README\.md'\]"):
        read_corpus(str(tmp_path))


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_text("hello")
    with pytest.raises(InputError, match=r"has the suffix '\.docx'; wanted: \.parquet"):
        read_corpus(str(tmp_path / "a.docx"))


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.txt", "a.parquet", "a.jsonl.gz"])
def test_an_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"is empty \(0 bytes\)"):
        read_corpus(str(tmp_path / name))


def test_a_part_without_rows_is_passed_over(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "a.parquet")
    (tmp_path / "b.txt").write_text("one\n")
    assert texts_of(str(tmp_path)) == ["one"]


def test_a_uri_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InputError, match=r"gopher://x cannot be opened.*such as s3://"):
        read_corpus("gopher://x")


def test_a_folder_that_cannot_be_listed_is_refused(tmp_path: Path) -> None:
    loop = tmp_path / "loop.txt"
    loop.symlink_to(loop)
    with pytest.raises(InputError, match=r"loop\.txt (cannot be read|does not exist)"):
        read_corpus(str(loop))


def test_errors_show_no_key_of_a_uri() -> None:
    with pytest.raises(InputError, match=r"^gopher://x/y cannot be opened") as caught:
        read_corpus("gopher://user:opensesame@x/y?password=opensesame")
    assert "opensesame" not in str(caught.value)


def test_object_storage_is_read_like_a_disk(bucket: str) -> None:
    table = pa.table({"text": ["one"]})
    filesystem, path = fs.FileSystem.from_uri(f"{bucket}/texts")
    pq.write_table(table, f"{path}/a.parquet", filesystem=filesystem)
    lance.write_dataset(table, f"{bucket}/a.lance", storage_options=storage_options(bucket))
    for name in ("texts", "texts/*.parquet", "a.lance"):
        assert texts_of(f"{bucket}/{name}") == ["one"]
