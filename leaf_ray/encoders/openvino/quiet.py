"""OpenVINO without its telemetry, which would fork this process and call home at import."""

import sys
from types import ModuleType
from typing import Any, cast


def import_openvino() -> Any:
    """The openvino package; where it finds no telemetry package, it uses its own stub."""
    sys.modules.setdefault("openvino_telemetry", cast(ModuleType, None))
    import openvino

    return openvino
