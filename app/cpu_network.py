"""Networks on the CPU, by OpenVINO, which takes 100 MB and a while to load: nothing is imported before the first."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import openvino


@cache
def openvino_core() -> openvino.Core:
    """Return the one core of this process."""
    import openvino

    return openvino.Core()


def compile_network(network: openvino.Model | Path, precision: str = "f32", threads: int = 0) -> Any:
    """Compile a network, or a file that OpenVINO reads, for the shortest time of one answer.

    ``precision``: in which it computes, as OpenVINO names it. ``threads``: 0 for as many as there are cores.
    """
    core = openvino_core()
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
        **({"INFERENCE_NUM_THREADS": threads} if threads else {}),
    }
    return core.compile_model(core.read_model(network) if isinstance(network, Path) else network, "CPU", options)
