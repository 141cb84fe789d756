"""Records of what each load put into the table, which show what was written to it since."""

import pyarrow as pa
import pyarrow.fs as pafs

from leaf_ray.core.search.live_writes import Changes, Fingerprints
from leaf_ray.errors import StorageError, TableChanged
from leaf_ray.runs import Part
from leaf_ray.runs.folder import LOADED_FILE
from leaf_ray.runs.parts import read_table
from leaf_ray.runs.shards import write_whole
from leaf_ray.table.loads import TableVersion

ID, CONTENT = "id", "content"


def refuse_lost_writes(part: Part, name: str, *, command: str) -> None:
    """Refuse to make a table anew that was written to since it was loaded.

    command: the command that makes it anew all the same, which the message names.

    Raises:
        TableChanged: documents were added, changed or deleted; says how many.
    """
    served = TableVersion.served(part.uri, name)
    if served is not None:
        _refuse(part, name, served, command=command)


def refuse_writes_meanwhile(part: Part, name: str, *, command: str) -> None:
    """Refuse a load during which the table was written to, and take the load back.

    Since the load is the newest version, nobody can write before it is indexed or taken back.

    Raises:
        TableChanged: documents were added, changed or deleted; says how many.
    """
    newest = TableVersion.open(part.uri, name, None)
    before = newest and TableVersion.open(part.uri, name, newest.number - 1)
    if before is not None:
        try:
            _refuse(part, name, before, command=command)
        except TableChanged:
            before.restore()
            raise


def keep_loaded(part: Part, name: str) -> None:
    """Record what the newest version holds, which is what its load brought, and nothing else.

    Raises:
        StorageError: there is no version, so the load left nothing behind.
    """
    newest = TableVersion.open(part.uri, name, None)
    if newest is None:
        raise StorageError(
            f"the table in {part.uri} was written and is not there, which a full disk can cause: "
            "free some space there, and run the same command again"
        )
    found = Fingerprints.of(newest.tables(), key=newest.key)
    columns = {ID: pa.array(found.id_N), CONTENT: pa.array(found.content_N)}
    write_whole(part, LOADED_FILE.format(newest.load), pa.table(columns))


def forget_other_loads(part: Part, load: str) -> None:
    """Delete the records of loads that are served no more."""
    begin, end = LOADED_FILE.split("{}")
    for info in part.filesystem.get_file_info(pafs.FileSelector(part.path)):
        is_record = info.base_name.startswith(begin) and info.base_name.endswith(end)
        if is_record and info.base_name != LOADED_FILE.format(load):
            part.filesystem.delete_file(info.path)


def _refuse(part: Part, name: str, version: TableVersion, *, command: str) -> None:
    record = LOADED_FILE.format(version.load)
    # Tables of an older leaf_ray say nothing of their load.
    if not version.load or not part.exists(record):
        return
    loaded = read_table(part, record)
    before = Fingerprints(loaded[ID].to_numpy(), loaded[CONTENT].to_numpy())
    changes = Changes.between(before, Fingerprints.of(version.tables(), key=version.key))
    if changes:
        raise TableChanged(
            f"the table {part.uri}/{name} was written to since it was loaded ({changes}), and "
            "rebuilding it from the run's vectors would undo that: add these documents to the "
            f"run's texts first. To discard what was written, run `{command}` or delete {part.uri}"
        )
