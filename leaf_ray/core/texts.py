"""The contract of a table of texts, which every stage may rely on after `check_texts`.

column     type              meaning
id         string, not null  names the text; unique within its kind
text       string, not null  normalised and not empty
kind       string, not null  QUERY or DOCUMENT
split      string            TRAIN or TEST, where a corpus has been split
any other  any               metadata, carried along unread

Judgments are a table of QRELS_SCHEMA: how relevant a document is to a query, by their ids.
"""

import unicodedata

import pyarrow as pa
import pyarrow.compute as pc

from leaf_ray.errors import InputError

QUERY = "query"
DOCUMENT = "document"
TRAIN = "train"
TEST = "test"

KINDS = (QUERY, DOCUMENT)
SPLITS = (TRAIN, TEST)
ID_FIELD = pa.field("id", pa.string(), nullable=False)
TEXT_FIELD = pa.field("text", pa.string(), nullable=False)
KIND_FIELD = pa.field("kind", pa.string(), nullable=False)
SPLIT_FIELD = pa.field("split", pa.string(), nullable=False)
QRELS_SCHEMA = pa.schema(
    [
        pa.field("query_id", pa.string(), nullable=False),
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("relevance", pa.int32(), nullable=False),
    ]
)


def normalise(text: str) -> str:
    """Return `text` in NFC, without NULs and outer white space; inner newlines stay."""
    return unicodedata.normalize("NFC", text.replace("\0", "")).strip()


def is_text_type(kind: pa.DataType) -> bool:
    """Tell whether a column of this type holds strings, however they are laid out."""
    if pa.types.is_dictionary(kind):
        return is_text_type(kind.value_type)
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in tests)


def check_texts(table: pa.Table) -> pa.Table:
    """Return `table` with id, text, kind (and split) first, as plain strings that are not null.

    Raises InputError naming the column, and the row counted from 1, that breaks the contract.
    """
    fields = [ID_FIELD, TEXT_FIELD, KIND_FIELD]
    if "split" in table.column_names:
        fields.append(SPLIT_FIELD)
    columns = {field.name: _strings(table, field.name) for field in fields}
    _check_values(columns["text"], "text", pc.not_equal(_trimmed(columns["text"]), ""), "a text")
    _check_values(columns["id"], "id", pc.not_equal(columns["id"], ""), "an id")
    _check_choice(columns["kind"], "kind", KINDS)
    if "split" in columns:
        _check_choice(columns["split"], "split", SPLITS)
    metadata = [field for field in table.schema if field.name not in columns]
    arrays = [*columns.values(), *(table.column(field.name) for field in metadata)]
    checked = pa.table(arrays, schema=pa.schema([*fields, *metadata]))
    _check_keys(checked)
    return checked


def _strings(table: pa.Table, name: str) -> pa.ChunkedArray:
    if table.column_names.count(name) != 1:
        raise InputError(
            f"a table of texts has columns {table.column_names}; exactly one `{name}` is wanted"
        )
    column = table.column(name)
    if not is_text_type(column.type) and not pa.types.is_null(column.type):
        raise InputError(f"column `{name}` of the texts is {column.type}; strings are wanted")
    if column.null_count:
        row = pc.index(pc.is_null(column), True).as_py()
        raise InputError(f"row {row + 1} of the texts has no `{name}`; fill it or drop the row")
    return column.cast(pa.string())


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_trim_whitespace(column)


def _check_choice(column: pa.ChunkedArray, name: str, choices: tuple[str, ...]) -> None:
    allowed = pc.is_in(column, value_set=pa.array(choices))
    _check_values(column, name, allowed, " or ".join(map(repr, choices)))


def _check_values(
    column: pa.ChunkedArray, name: str, allowed: pa.ChunkedArray, wanted: str
) -> None:
    row = pc.index(allowed, False).as_py()
    if row >= 0:
        raise InputError(
            f"row {row + 1} of the texts has {name}={column[row].as_py()!r}; {wanted} is wanted"
        )


def _check_keys(table: pa.Table) -> None:
    counts = table.group_by(["kind", "id"]).aggregate([([], "count_all")])
    repeated = counts.filter(pc.greater(counts["count_all"], 1))
    if repeated.num_rows:
        key = repeated.slice(0, 1).to_pylist()[0]
        raise InputError(
            f"{key['count_all']} rows of the texts are the {key['kind']} with id {key['id']!r}; "
            "ids have to be unique within their kind: drop the repeats or rename them"
        )
