"""Loading a model by sentence-transformers itself: what all other backends are compared with."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Its import takes seconds, which serving replicas can do without.
    from sentence_transformers import SentenceTransformer


def load_reference(
    folder: Path, *, device: str = "cpu", trust_remote_code: bool = False
) -> "SentenceTransformer":
    """The model in float32, loaded without a progress bar or advice on the terminal."""
    import transformers
    from sentence_transformers import SentenceTransformer

    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    return SentenceTransformer(
        str(folder),
        device=device,
        trust_remote_code=trust_remote_code,
        model_kwargs={"dtype": "float32"},
    )
