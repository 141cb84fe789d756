"""Writes to a served table, which are served at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from leaf_ray.core.json_values import from_json
from leaf_ray.core.space.vectors import VECTOR
from leaf_ray.core.text.windows import PARENT, WINDOW_COLUMNS
from leaf_ray.errors import InputError, ServiceError
from leaf_ray.table.publish import is_published
from leaf_ray.table.reader import DocumentTable, quoted
from leaf_ray.table.versions import serve, serve_latest, served_version


class WritableTable(DocumentTable):
    """The served version of a table: searches, reads, and writes that become served."""

    def rows_of(self, documents: Sequence[Mapping[str, Any]]) -> pa.Table:
        """Documents as rows of this table without vectors; what they leave out is null.

        Values are as JSON has them (`leaf_ray.core.json_values`). Columns of windows are left out.

        Raises:
            InputError: a key is no column, or a value is not of its column's type.
        """
        made = {VECTOR, *(WINDOW_COLUMNS if self.in_windows else ())}
        fields = [field for field in self._table.schema if field.name not in made]
        known = {field.name: field.type for field in fields}
        unknown = {key for document in documents for key in document} - known.keys()
        if unknown:
            raise InputError(
                f"{min(unknown)!r} is no column of {self.name}: it has {', '.join(sorted(known))}"
            )
        try:
            rows = [
                {key: from_json(value, known[key]) for key, value in document.items()}
                for document in documents
            ]
            return pa.Table.from_pylist(rows, schema=pa.schema(fields))
        # Arrow's own errors, a lone surrogate, an integer of more than 64 bits.
        except (pa.ArrowException, ValueError, TypeError, ArithmeticError) as error:
            raise InputError(f"a value does not fit its column in {self.name}: {error}") from error

    def upsert(self, rows: pa.Table) -> None:
        """Insert or replace by id, and serve the result. rows: all columns of the table.

        Where rows are windows, those that a document had before and has no more go.

        Raises:
            SpaceMismatch: the table has been made again in another space.
        """
        rows = rows.select(self._table.schema.names).cast(self._table.schema)
        with self._writing() as table:
            merge = table.merge_insert("id").when_matched_update_all()
            merge.when_not_matched_insert_all().execute(rows)
            if self.in_windows and len(rows):
                parents, ids = (_listed(rows[name].to_pylist()) for name in (PARENT, "id"))
                table.delete(f"{PARENT} IN ({parents}) AND id NOT IN ({ids})")

    def delete(self, ids: Sequence[str]) -> None:
        """Delete by id, and serve the result. Unknown ids are no error, nor is none at all.

        Where rows are windows, an id names the windows of a document, or one of them.

        Raises:
            SpaceMismatch: the table has been made again in another space.
        """
        if ids:
            with self._writing() as table:
                named = [f"{column} IN ({_listed(ids)})" for column in self._id_columns]
                table.delete(" OR ".join(named))

    @property
    def _id_columns(self) -> tuple[str, ...]:
        return ("id", PARENT) if self.in_windows else ("id",)

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        """The newest version, to be written to inside; what was written is served afterwards."""
        table = self._database.open_table(self._table_name)
        self._require_own_space(table)
        loading = f"{self.name} is being loaded anew: write again when `leaf index` has finished"
        if not is_published(table):
            # Serving what a load has written but not indexed yet would serve half a table.
            raise ServiceError(loading)
        try:
            yield table
        except RuntimeError as error:
            # Lance has no type of its own for a load that came first.
            if "transaction Overwrite" not in str(error):
                raise
            raise ServiceError(loading) from error
        _serve_written(table)
        self.refresh()


def _serve_written(table: Any) -> None:
    """Serve what was written to `table`, and what others wrote, unless a load began meanwhile."""
    written = table.version
    table.checkout_latest()
    if is_published(table):
        serve_latest(table)
    elif served_version(table) < written:
        serve(table, written)


def _listed(ids: Iterable[str]) -> str:
    return ", ".join(map(quoted, dict.fromkeys(ids)))
