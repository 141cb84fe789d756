"""Loading a model by sentence-transformers itself: what all other backends are compared with."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from leaf_ray.core.failures.plain_errors import plain_error
from leaf_ray.errors import ConfigError, MemoryExhausted

if TYPE_CHECKING:
    # Its import takes seconds, which serving replicas can do without.
    from sentence_transformers import SentenceTransformer

# Characters of a library's error: some print whole lists of files.
_MOST_SAID = 300
# transformers replaces torch's initialisers and default device for the whole process while it
# loads a model, so that two loads at once leave weights without data.
_LOADING = threading.Lock()


def load_reference(
    folder: Path, *, device: str = "cpu", trust_remote_code: bool = False
) -> "SentenceTransformer":
    """The model in float32, loaded without a progress bar or advice on the terminal.

    Threads that load at once wait for each other.

    Raises:
        ConfigError: sentence-transformers does not load it.
    """
    import transformers
    from sentence_transformers import SentenceTransformer

    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    try:
        with _LOADING:
            return SentenceTransformer(
                str(folder),
                device=device,
                trust_remote_code=trust_remote_code,
                model_kwargs={"dtype": "float32"},
            )
    # A model's folder can be wrong in any way, and bring code that raises anything.
    except Exception as error:
        if isinstance(plain_error(error), MemoryExhausted):
            raise
        raise ConfigError(_not_loaded(folder, error)) from error


def _not_loaded(folder: Path, error: Exception) -> str:
    said = " ".join(str(error).split())
    if "trust_remote_code" in said:
        return (
            f"{folder} comes with code of its own, which is not run unasked: read it, and set "
            "space.trust_remote_code: true if you trust it"
        )
    return (
        f"sentence-transformers does not load {folder}: {said[:_MOST_SAID]} "
        f"({type(error).__name__}). Mend the folder, download the model again, or name another"
    )
