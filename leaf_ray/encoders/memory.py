"""Failures that say nothing of a model: what did not suffice now may do so the next time."""

# How libraries say that memory did not suffice, where it is no MemoryError.
_OUT_OF_MEMORY = ("out of memory", "bad_alloc", "can't allocate memory", "cannot allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a smaller batch may do what this error says could not be done."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(sign in said for sign in _OUT_OF_MEMORY)


def is_passing(error: BaseException) -> bool:
    """Whether memory, a disk or a file failed, rather than what was computed."""
    by_system = isinstance(error, OSError) and error.errno is not None
    return by_system or is_out_of_memory(error)
