"""CSV and TSV with a header line."""

import pyarrow as pa
from pyarrow import csv

from leaf_ray.errors import InputError
from leaf_ray.store.sources.lines import read_bytes
from leaf_ray.store.sources.locate import SourceFile
from leaf_ray.store.sources.part import Part

# Read as strings whatever they look like: an id of "007" is not the number 7.
_STRINGS = ("id", "_id", "text", "title", "query", "kind")
_LARGEST_BLOCK = 2**31 - 1


def read_delimited(file: SourceFile) -> Part:
    """Return the columns that the header names; metadata get the type that fits their values.

    Raises InputError when the file cannot be read, is not UTF-8 or has a row of another width.
    """
    content = read_bytes(file)
    delimiter = "\t" if file.suffix == ".tsv" else ","
    try:
        table = csv.read_csv(
            pa.BufferReader(content),
            # One block and one thread: rows may be long, and errors then carry their number.
            read_options=csv.ReadOptions(
                use_threads=False, block_size=min(len(content) + 1, _LARGEST_BLOCK)
            ),
            parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(_STRINGS, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowException as error:
        raise InputError(
            f"{file.name} cannot be read with {delimiter!r} between its columns: {error}; "
            "a header line and rows of the same width are wanted"
        ) from error
    return Part(table, file.name)
