"""Every error that leaf_ray raises on purpose.

LeafRayError
|-- ConfigError         a run file or an override is wrong            (ValueError)
|-- InputError          texts, vectors or judgments are unusable      (ValueError)
|-- SpaceMismatch       two parts belong to different vector spaces   (ValueError)
|-- EncodingError       a model returned something that is no vector  (ValueError)
|   `-- TextsRejected   it did so for some texts, which are named     (ValueError)
|-- ModelNotFound       a model is neither a folder nor on the hub    (FileNotFoundError)
|-- MissingStage        a stage's input is not finished               (FileNotFoundError)
|-- StaleStage          a finished part was made with other settings  (RuntimeError)
|-- TableChanged        a table holds what making it anew would lose   (RuntimeError)
|-- PartBusy            another command is making the part             (RuntimeError)
|-- StorageError        a file or folder cannot be read or written    (OSError)
|-- DamagedPart         a file of a finished part is broken           (RuntimeError)
|-- MemoryExhausted     memory of the machine or the GPU is used up   (MemoryError)
|-- ClusterError        Ray cannot be reached, started or kept        (RuntimeError)
|-- WorkersLost         workers of a training died again and again    (RuntimeError)
|-- EndpointError       an embeddings endpoint refuses, or is silent  (RuntimeError)
`-- ServiceError        the service cannot start or does not answer   (RuntimeError)

Each message says what was found, what was wanted and what to do. Each error is built from its
message alone, so that it survives pickling between Ray processes.
"""

from collections.abc import Mapping


class LeafRayError(Exception):
    """Base of all of leaf_ray's own errors."""


class ConfigError(LeafRayError, ValueError):
    """A run file or an override is wrong."""


class InputError(LeafRayError, ValueError):
    """Texts, vectors or judgments cannot be used."""


class SpaceMismatch(LeafRayError, ValueError):
    """Two parts belong to different vector spaces."""


class EncodingError(LeafRayError, ValueError):
    """A model returned something that is not a usable vector."""


class TextsRejected(EncodingError):
    """Some texts get no vector while others do.

    reasons: why, by position; it survives pickling as the message does.
    """

    reasons: dict[int, str]

    @classmethod
    def of(cls, reasons: Mapping[int, str]) -> "TextsRejected":
        """An error that says the first reason, and how many texts there are."""
        first = reasons[min(reasons)]
        others = f"; {len(reasons) - 1} more texts get no vector" if len(reasons) > 1 else ""
        error = cls(f"{first}{others}")
        error.reasons = dict(reasons)
        return error


class ModelNotFound(LeafRayError, FileNotFoundError):
    """A model is neither a local folder nor reachable on a hub."""


class MissingStage(LeafRayError, FileNotFoundError):
    """The part that a stage reads is not there or not finished."""


class StaleStage(LeafRayError, RuntimeError):
    """A finished part was made with other settings than those asked for now."""


class TableChanged(LeafRayError, RuntimeError):
    """A table was written to since it was loaded, and making it anew would undo that."""


class PartBusy(LeafRayError, RuntimeError):
    """Another command is making the part that this one is to make."""


class StorageError(LeafRayError, OSError):
    """A file or a folder cannot be read or written."""


class DamagedPart(LeafRayError, RuntimeError):
    """A file of a finished part is broken: cut short, or not in the form it was written in."""


class MemoryExhausted(LeafRayError, MemoryError):
    """The memory of the machine, or of the GPU, is used up."""


class ClusterError(LeafRayError, RuntimeError):
    """Ray cannot be reached or started, or was lost."""


class WorkersLost(LeafRayError, RuntimeError):
    """Workers of a training were lost again and again."""


class EndpointError(LeafRayError, RuntimeError):
    """An embeddings endpoint refuses or does not answer."""


class ServiceError(LeafRayError, RuntimeError):
    """The search service cannot start or does not answer."""
