"""The contract of a table of texts: what the stage `texts` writes and all others rely on.

column     type              meaning
id         string, not null  names the text; unique within its kind, and never empty
text       string, not null  normalised and not empty
kind       string, not null  QUERY or DOCUMENT
split      string, not null  TRAIN or TEST
any other  any               metadata, carried along unread

Judgments are a table of QRELS_SCHEMA: how relevant a document is to a query, by their ids.
"""

import unicodedata

import pyarrow as pa

from leaf_ray.errors import InputError

QUERY = "query"
DOCUMENT = "document"
TRAIN = "train"
TEST = "test"

KINDS = (QUERY, DOCUMENT)
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


def titled(title: str | None, text: str | None) -> str:
    """Return a text with its title in front, normalised; "" where there is nothing of either."""
    return normalise(f"{title} {text or ''}" if title else text or "")


def normalised_query(text: str) -> str:
    """Return a question as a run's own queries are: normalised.

    Raises:
        InputError: nothing is left of it, or it is not valid Unicode.
    """
    query = normalise(text)
    if not query:
        raise InputError("the query is empty: ask with at least one visible character")
    try:
        query.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"the query is not valid Unicode: {error}; send it as UTF-8") from error
    return query


def is_text_type(kind: pa.DataType) -> bool:
    """Tell whether a column of this type holds strings, however they are laid out."""
    if pa.types.is_dictionary(kind):
        return is_text_type(kind.value_type)
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in tests)
