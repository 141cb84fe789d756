"""Whether a backend computes a model as float32 torch does, tried once on each machine.

Shapes: T = the two texts of the trial, D = dimensions.
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np

from leaf_ray.core.encoding.backend import LOWEST_COSINE, Precision
from leaf_ray.core.encoding.trial import Tried, Vectors, alone
from leaf_ray.core.failures.reason import one_line
from leaf_ray.core.space.agreement import Agreement
from leaf_ray.core.space.probe import PROBE_DOCUMENTS, PROBE_QUERIES
from leaf_ray.encoders.forward import TorchForward
from leaf_ray.encoders.memory import is_passing
from leaf_ray.encoders.openvino.model import NotTraced, openvino_ir
from leaf_ray.encoders.openvino.trial import try_openvino
from leaf_ray.encoders.tokenizer import Tokenizer
from leaf_ray.encoders.verdicts import Verdicts
from leaf_ray.errors import EncodingError
from leaf_ray.models.folder import ModelFolder

# Tokens of the long text, where the model reads so many: more than usual attention windows reach,
# in a pass that takes a large model some seconds.
LONGEST = 768
SHORTEST = 8
_LONG, _SHORT = " ".join((*PROBE_DOCUMENTS, *PROBE_QUERIES)), "A"


class Trial:
    """Tries backends on one model.

    A fault is a phrase that follows the backend's name in a message, or "" if there is none.

    threads: CPU threads that a trial may use. keeps: whether faults are cached under the sha256 of
        the model's folder; otherwise each process makes its own trial.
    """

    def __init__(
        self,
        folder: ModelFolder,
        *,
        threads: int,
        trust_remote_code: bool = False,
        keeps: bool = True,
    ) -> None:
        self._folder = folder
        self._threads = threads
        self._trusts = trust_remote_code
        self._keeps = keeps
        self._exact_TD: Vectors | None = None

    @cached_property
    def sha256(self) -> str:
        """The sha256 of the model's folder; computing it reads the whole folder."""
        return self._folder.sha256()

    def openvino(self, precision: Precision) -> str:
        """The fault of OpenVINO in a precision.

        Raises:
            EncodingError: the trial was ended from outside, or the model's vectors depend on the
                order of texts.
        """
        backend = f"openvino-{precision}"
        known = self._known(backend)
        if known is not None:
            return known
        try:
            file = openvino_ir(self._folder, trust_remote_code=self._trusts, sha256=self.sha256)
        except NotTraced as error:
            fault = f"cannot trace the model ({one_line(error.reason)})"
            self._keep(fault, *(f"openvino-{name}" for name in LOWEST_COSINE))
            return fault
        exact_TD = self._exact(self._reference)
        tried = try_openvino(
            file, self._ids, pad_id=self._pad_id, precision=precision, threads=self._threads
        )
        return self._judged(backend, tried, exact_TD, precision)

    def torch(self, forward: TorchForward, precision: Precision) -> str:
        """The fault of torch in a precision.

        forward: the model in float32; this casts it to the precision.
        """
        backend = f"torch-{precision}"
        known = self._known(backend)
        if known is not None:
            forward.cast(precision)
            return known
        exact_TD = self._exact(lambda: forward)
        forward.cast(precision)
        try:
            tried: Tried | str = Tried.of(forward, self._ids, pad_id=self._pad_id)
        except Exception as error:
            if is_passing(error):
                raise
            tried = f"fails ({one_line(error)})"
        return self._judged(backend, tried, exact_TD, precision)

    def _judged(
        self, backend: str, tried: Tried | str, exact_TD: Vectors, precision: Precision
    ) -> str:
        lowest = LOWEST_COSINE[precision]
        fault = tried if isinstance(tried, str) else tried.fault(exact_TD, lowest_cosine=lowest)
        self._keep(fault, backend)
        return fault

    def _exact(self, load: Callable[[], TorchForward]) -> Vectors:
        """The vectors [T, D] of the texts, each computed alone by torch in float32."""
        if self._exact_TD is None and self._keeps:
            self._exact_TD = self._verdicts.exact(self._ids)
        if self._exact_TD is None:
            forward = load()
            self._exact_TD = self._computed(forward)
            self._require_no_memory(forward, self._exact_TD)
            if self._keeps:
                self._verdicts.keep_exact(self._ids, self._exact_TD)
        return self._exact_TD

    def _computed(self, forward: TorchForward) -> Vectors:
        while True:
            try:
                return alone(forward, self._ids, pad_id=self._pad_id)
            except Exception as error:
                if is_passing(error):
                    raise
                if len(self._ids[0]) < 2 * SHORTEST:
                    raise EncodingError(
                        f"{self._folder.path.name} fails on plain short texts in float32: "
                        f"{one_line(error)}; mend its folder, or name another model"
                    ) from error
                # The folder may say that the model reads more tokens than it has positions for.
                self._ids[0] = self._ids[0][: len(self._ids[0]) // 2]

    def _require_no_memory(self, forward: TorchForward, exact_TD: Vectors) -> None:
        """Raise EncodingError if the long text's vector changed since the short one was computed.

        BigBird's sparse attention is such a model: its first short text turns it off for good.
        """
        again_1D = alone(forward, self._ids[:1], pad_id=self._pad_id)
        fault = Agreement.of(exact_TD[:1], again_1D).fault(lowest_cosine=LOWEST_COSINE["f32"])
        if fault is not None and np.isfinite(exact_TD[0]).all():
            raise EncodingError(
                f"{self._folder.path.name} gives one text another vector once it has read a "
                f"shorter one ({fault[0]}, wanted {fault[1]}), so its vectors depend on the order "
                "of texts: name another model, or an attention in its config.json that does not "
                'change (attention_type "original_full" for BigBird)'
            )

    def _reference(self) -> TorchForward:
        return TorchForward(
            self._folder,
            precision="f32",
            threads=self._threads,
            device="cpu",
            trust_remote_code=self._trusts,
        )

    @cached_property
    def _ids(self) -> list[list[int]]:
        folder = self._folder
        # A prompt that is left out of pooling has marked tokens, and the trial has to cover them.
        prompt = "" if folder.pools_prompt else folder.document_prompt or folder.query_prompt
        long, short = self._tokenizer([_LONG * 8, _SHORT], prompt=prompt)
        return [long, short or long[:1]]

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return Tokenizer(
            self._folder,
            max_length=min(self._folder.max_length, LONGEST),
            trust_remote_code=self._trusts,
        )

    @property
    def _pad_id(self) -> int:
        return self._tokenizer.pad_id

    @cached_property
    def _verdicts(self) -> Verdicts:
        return Verdicts(self.sha256)

    def _known(self, backend: str) -> str | None:
        return self._verdicts.of(backend) if self._keeps else None

    def _keep(self, fault: str, *backends: str) -> None:
        if self._keeps:
            self._verdicts.keep(fault, *backends)
