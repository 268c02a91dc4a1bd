"""From sound to the shape of a mouth: what the network hears, where somebody speaks, and how loud.

Pure: one window of mel in, one shape out, so that any batch or order of windows gives the same pictures.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.inference.engines.portrait.compiled import compiled
from app.inference.engines.portrait.lip_speed import RECALLED, unhurried
from app.inference.engines.portrait.shape import CHANNELS, REST, MouthShape
from app.inference.engines.portrait.speech_gate import STEPS, gate_of
from app.inference.engines.portrait.viseme_net import COLUMNS, LOOK_BACK_FRAMES, NET_WEIGHTS, SPAN, VisemeNet
from app.inference.features.mel import column_at
from app.inference.features.window import Window

DEADBAND = 0.045  # what the network is unsure of stays at rest
CLOSES, CLOSED = 0.12, 0.32  # the network's closure at which lips touch, and at which they are pressed
TOUCHES = 0.12  # an opening from which on lips touch, and can be pressed
# American "oo" is made with a tongue so far forward that the network half takes it for "ih": where the lips are neither
# open nor spread, what rounding it hears counts for more
ROUNDS = 1.5
NARROW, OPEN = 0.3, 0.5  # an opening up to which that is so, and from which on it is not
SLACK, SPREAD = 0.15, 0.4  # and a width
TUCKS, TUCKED = 0.10, 0.45  # and its tuck at which the lower lip begins to go under the teeth, and is there

OPENING_AT, JAW_AT, WIDE_AT, ROUNDING_AT, CLOSED_AT, TUCK_AT = (
    CHANNELS.index(name) for name in ("opening", "jaw", "wide", "rounding", "closed", "tuck")
)


@cache
def load_net(weights: Path) -> VisemeNet:
    """Return the network of a file, loaded at the first call. All that a mouth needs is compiled then.

    Raises:
        WeightsError: when the file is not there, or is something else.
    """
    net = VisemeNet(weights)
    gate_of(np.geomspace(1e-6, 1e-2, COLUMNS, dtype=np.float32))
    _asked(np.zeros((1, len(CHANNELS)), np.float32), np.ones((1, 2), np.float32))
    return net


def mouth_shape(window: Window, weights: Path = NET_WEIGHTS) -> MouthShape:
    """Read the shape for one frame from a window of ``viseme_net.SPAN``, with the network of ``weights``.

    What the frames before were asked for is heard again, as they heard it, so that no lip goes faster than lips do.
    """
    starts = starts_of(window.frame)
    gates = [gate_of(window.power[start : start + COLUMNS]) for start in starts]
    speaking = max(gate.speaking for gate in gates) if gates[0].speaking <= 0 else gates[0].speaking
    if all(gate.now <= 0 for gate in gates):
        return MouthShape(speaking=gates[0].speaking) if gates[0].speaking > 0 else REST
    heard = load_net(weights).hear(window.mel, starts)
    loud = np.array([(gate.gain, gate.now) for gate in gates], np.float32)
    channels: list[float] = unhurried(_asked(heard, loud)).tolist()
    channels[CLOSED_AT] *= max(0.0, 1 - channels[OPENING_AT] / TOUCHES)  # lips that are still apart are not pressed
    return MouthShape(**dict(zip(CHANNELS, channels, strict=True)), speaking=speaking)


def starts_of(frame: int) -> list[int]:
    """Return where in the window begins what this frame hears, and what those before it heard, the latest first."""
    first = SPAN.start(frame)
    return [column_at(frame - back - LOOK_BACK_FRAMES) - first for back in range(1 + RECALLED)]


@compiled
def _asked(heard: NDArray[np.float32], loud: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what mouths are asked for, (n, 8), of what is heard in as many frames; ``loud``: their gates' gain, now.

    What is heard is rounded first: see :func:`stepped`.
    """
    asked, mouth = np.empty_like(heard), np.empty(heard.shape[1], np.float32)
    for at in range(len(heard)):
        to, gain, now = asked[at], loud[at, 0], loud[at, 1]
        for channel in range(len(mouth)):
            mouth[channel] = np.rint(heard[at, channel] * STEPS) / STEPS
            to[channel] = mouth[channel] * now
        pressed = _ramp(mouth[CLOSED_AT], CLOSES, CLOSED)
        narrow = (1 - _ramp(mouth[OPENING_AT], NARROW, OPEN)) * (1 - _ramp(mouth[WIDE_AT], SLACK, SPREAD))
        to[OPENING_AT] = _settled(mouth[OPENING_AT] * gain) * (1 - pressed)
        to[JAW_AT] = _settled(mouth[JAW_AT] * gain)
        to[WIDE_AT] = _settled(to[WIDE_AT])
        to[ROUNDING_AT] = _settled(to[ROUNDING_AT] * (1 + (ROUNDS - 1) * narrow))
        to[CLOSED_AT] = pressed * now
        to[TUCK_AT] = _ramp(mouth[TUCK_AT], TUCKS, TUCKED) * now
    return asked


@compiled
def _ramp(value: Any, low: float, high: float) -> Any:
    return min(max((value - low) / (high - low), 0.0), 1.0)


@compiled
def _settled(value: Any) -> Any:
    """Bring what is nearly nothing to nothing, without a step."""
    size = abs(value)
    return math.copysign(min(size * size * (1 + DEADBAND) / (size + DEADBAND), 1.0), value)
