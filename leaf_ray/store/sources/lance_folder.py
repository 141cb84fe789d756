"""Lance datasets."""

from leaf_ray.errors import InputError
from leaf_ray.store.sources.part import Part


def read_lance(uri: str) -> Part:
    """Return all columns of the dataset at `uri` but `vector`, at its latest version.

    Raises InputError when there is no dataset or it cannot be read.
    """
    # Imported here: most sources are not Lance, and the import takes longer than reading them.
    import lance

    try:
        dataset = lance.dataset(uri)
        names = [name for name in dataset.schema.names if name != "vector"]
        table = dataset.to_table(columns=names)
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{uri} cannot be read as a Lance dataset: {error}; a folder written by Lance is wanted"
        ) from error
    return Part(table, uri)
