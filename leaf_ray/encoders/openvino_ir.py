"""A model's OpenVINO form, converted once per machine and kept in the cache folder."""

import contextlib
import tempfile
import warnings
from pathlib import Path

from leaf_ray.encoders.folder import ModelFolder
from leaf_ray.encoders.openvino_quiet import import_openvino
from leaf_ray.encoders.reference import load_reference
from leaf_ray.encoders.resolve import cache_folder

# Counts the forms of graph that were made of the same model; one of another form is not taken.
_FORM = 2


def openvino_ir(folder: ModelFolder, *, trust_remote_code: bool = False) -> Path:
    """The path of the float32 model.xml; converts first where there is none.

    The key is the content of the model's folder, so a changed model is never served by an old
    conversion. Processes that convert at once both succeed: the first rename wins.
    """
    openvino = import_openvino()
    # The parts of a version that change the file format; build numbers do not.
    version = openvino.__version__.split("-", maxsplit=1)[0]
    target = cache_folder() / "openvino" / f"{folder.sha256()[:32]}-{version}-{_FORM}"
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

    from leaf_ray.core.sentence import SentenceVectors

    openvino = import_openvino()
    model = SentenceVectors(load_reference(folder.path, trust_remote_code=trust_remote_code)).eval()
    # Two texts of seven tokens: no axis may be 1, or tracing would fix it.
    ids = torch.randint(5, 100, (2, 7))
    example = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    with torch.no_grad(), warnings.catch_warnings():
        # Tracing warns of every branch on a shape; the parity check is what counts.
        warnings.simplefilter("ignore")
        converted = openvino.convert_model(model, example_input=example)
    openvino.save_model(converted, into / "model.xml", compress_to_fp16=False)
