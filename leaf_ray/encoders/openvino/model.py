"""The conversion of a model to OpenVINO, made once per machine and kept in the cache folder."""

import contextlib
import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from leaf_ray.core.encoding.padding import pad
from leaf_ray.core.failures.reason import one_line
from leaf_ray.encoders.memory import is_passing
from leaf_ray.encoders.openvino.quiet import import_openvino
from leaf_ray.encoders.tokenizer import Tokenizer
from leaf_ray.errors import ConfigError, StorageError
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.reference import load_reference
from leaf_ray.models.resolve import cache_folder

# The version of the converted graph; a cached graph of another version is not used.
GRAPH_FORM = 2


class NotTraced(ConfigError):
    """OpenVINO cannot convert a model that torch can compute."""

    @property
    def reason(self) -> BaseException:
        """The error below OpenVINO's, whose own message is advice on its Python interface."""
        said = self.__cause__ or self
        return said.__cause__ or said


def openvino_ir(
    folder: ModelFolder, *, trust_remote_code: bool = False, sha256: str | None = None
) -> Path:
    """The path of the float32 model.xml, which is made first if the cache does not hold it.

    The key is the content of the model's folder, so a changed model is never served by an old
    conversion. Processes that convert at once both succeed: the first rename wins.

    sha256: the sha256 of the folder, if the caller knows it.

    Raises:
        NotTraced: OpenVINO cannot convert the model. A model that does not load or too little
            memory raises what it raises elsewhere.
        StorageError: the converted model cannot be written.
    """
    openvino = import_openvino()
    # The parts of a version that change the file format; build numbers do not.
    version = openvino.__version__.split("-", maxsplit=1)[0]
    key = (sha256 or folder.sha256())[:32]
    target = cache_folder() / "openvino" / f"{key}-{version}-{GRAPH_FORM}"
    if not (target / "model.xml").is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=target.parent, prefix=".converting-", ignore_cleanup_errors=True
        ) as made:
            _convert(folder, Path(made), trust_remote_code=trust_remote_code)
            with contextlib.suppress(OSError):
                Path(made).rename(target)
    return target / "model.xml"


def _convert(folder: ModelFolder, into: Path, *, trust_remote_code: bool) -> None:
    import torch

    from leaf_ray.core.encoding.sentence import SentenceVectors

    openvino = import_openvino()
    model = SentenceVectors(load_reference(folder.path, trust_remote_code=trust_remote_code)).eval()
    ids, mask = (
        torch.from_numpy(array)
        for array in _example(Tokenizer(folder, max_length=7, trust_remote_code=trust_remote_code))
    )
    example = {"input_ids": ids, "attention_mask": mask}
    with torch.no_grad(), warnings.catch_warnings(), _own_logging():
        # Tracing warns of every branch on a shape; the trial is what counts.
        warnings.simplefilter("ignore")
        # A model that torch cannot compute fails here, and is not reported as OpenVINO's fault.
        model(ids, mask)
        try:
            converted = openvino.convert_model(model, example_input=example)
        except Exception as error:
            if is_passing(error):
                raise
            raise NotTraced(
                f"OpenVINO cannot convert {folder.path} ({one_line(error.__cause__ or error)}): "
                "compute it with torch, and export it in another format"
            ) from error
    try:
        openvino.save_model(converted, into / "model.xml", compress_to_fp16=False)
    except RuntimeError as error:
        # OpenVINO says no more than that a stream failed, whatever was in its way.
        free = shutil.disk_usage(into).free
        raise StorageError(
            f"the OpenVINO conversion of {folder.path.name} cannot be written to "
            f"{into.parent} ({one_line(error)}), where {free:,} bytes are free: make room, or let "
            "LEAF_RAY_CACHE name a folder with room for the model's weights"
        ) from error


@contextlib.contextmanager
def _own_logging() -> Iterator[None]:
    """Put back the program's own log, which OpenVINO replaces by one that shows errors alone."""
    root = logging.getLogger()
    level, filters, handlers = root.level, list(root.filters), list(root.handlers)
    try:
        yield
    finally:
        root.setLevel(level)
        root.filters[:], root.handlers[:] = filters, handlers


def _example(tokenizer: Tokenizer) -> tuple[Any, Any]:
    """Two texts of seven tokens: no axis may be 1, or tracing would fix it."""
    rows = tokenizer(["one text of many words, more than seven", "and another one, longer yet"])
    return pad(rows, pad_id=tokenizer.pad_id, length=7)
