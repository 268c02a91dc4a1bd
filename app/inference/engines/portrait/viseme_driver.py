"""From sound to the shape of a mouth: what the network hears, where somebody speaks, and how loud.

Pure: one window of mel in, one shape out, so that any batch or order of windows gives the same pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from app.inference.engines.portrait.lip_speed import RECALLED, unhurried
from app.inference.engines.portrait.shape import CHANNELS, REST, MouthShape
from app.inference.engines.portrait.viseme_net import COLUMNS, LOOK_BACK_FRAMES, NET_WEIGHTS, SPAN, VisemeNet
from app.inference.features.loudness import GATE_FADE_DB, Speech, listen, ramp
from app.inference.features.mel import column_at
from app.inference.features.window import Window
from app.media import FloatArray

STEPS = 1024  # to which the network's answers are rounded: a fortieth of a pixel
DEADBAND = 0.045  # what the network is unsure of stays at rest
CLOSES, CLOSED = 0.12, 0.32  # the network's closure at which lips touch, and at which they are pressed
TOUCHES = 0.12  # an opening from which on lips touch, and can be pressed
# American "oo" is made with a tongue so far forward that the network half takes it for "ih": where the lips are neither
# open nor spread, what rounding it hears counts for more
ROUNDS = 1.5
NARROW, OPEN = 0.3, 0.5  # an opening up to which that is so, and from which on it is not
SLACK, SPREAD = 0.15, 0.4  # and a width
TUCKS, TUCKED = 0.10, 0.45  # and its tuck at which the lower lip begins to go under the teeth, and is there
QUIET_DB, LOUD_DB = -62.0, -38.0  # a speaker's own peak: from mumbling to speaking up
MUMBLES, SPEAKS_UP = 0.95, 1.25  # how far the mouth opens then
SLACK_DB = 12.0  # below the gate: within speech, the network knows pauses better than loudness does
# columns of 12.5 ms before the window's end
NOW = 6  # in which there must be speech for this frame
STAYS, LEAVES = 28, 44  # since speech was last heard: the mouth stays ready, then comes to rest

WIDE_AT = CHANNELS.index("wide")
OPENING_AT, ROUNDING_AT, CLOSED_AT, TUCK_AT = (CHANNELS.index(n) for n in ("opening", "rounding", "closed", "tuck"))
OPENS = [CHANNELS.index(name) for name in ("opening", "jaw")]  # more, the louder somebody speaks
SETTLES = [CHANNELS.index(name) for name in ("opening", "jaw", "wide", "rounding")]


@cache
def load_net(weights: Path) -> VisemeNet:
    """Return the network of a file, loaded at the first call.

    Raises:
        WeightsError: when the file is not there, or is something else.
    """
    return VisemeNet(weights)


def mouth_shape(window: Window, weights: Path = NET_WEIGHTS) -> MouthShape:
    """Read the shape for one frame from a window of ``viseme_net.SPAN``, with the network of ``weights``.

    What the frames before were asked for is heard again, as they heard it, so that no lip goes faster than lips do.
    """
    starts = starts_of(window.frame)
    gates = [_gate(window.power[start : start + COLUMNS]) for start in starts]
    speaking = max(gate.speaking for gate in gates) if gates[0].speaking <= 0 else gates[0].speaking
    if all(gate.now <= 0 for gate in gates):
        return MouthShape(speaking=gates[0].speaking) if gates[0].speaking > 0 else REST
    heard = load_net(weights).hear(window.mel, starts)
    steady = np.round(heard * STEPS).astype(np.float32) / np.float32(STEPS)  # see :func:`_stepped`
    channels: list[float] = unhurried(_asked(steady, gates)).tolist()
    channels[CLOSED_AT] *= max(0.0, 1 - channels[OPENING_AT] / TOUCHES)  # lips that are still apart are not pressed
    return MouthShape(**dict(zip(CHANNELS, channels, strict=True)), speaking=speaking)


def starts_of(frame: int) -> list[int]:
    """Return where in the window begins what this frame hears, and what those before it heard, the latest first."""
    first = SPAN.start(frame)
    return [column_at(frame - back - LOOK_BACK_FRAMES) - first for back in range(1 + RECALLED)]


@dataclass(frozen=True, slots=True)
class _Gate:
    """What loudness says of a frame.

    ``speaking``: see :class:`MouthShape`. ``now``: whether there is speech in this very frame, 0…1. ``gain``: how far
    the voice opens the mouth.
    """

    speaking: float = 0.0
    now: float = 0.0
    gain: float = 0.0


def _gate(power: FloatArray) -> _Gate:
    speech = listen(power)
    if speech is None:
        return _Gate()
    above_db = speech.levels_db - speech.gate_db
    speaking = _stepped(_speaking(np.minimum(np.maximum(above_db / GATE_FADE_DB, 0), 1)))
    if speaking <= 0:
        return _Gate()
    now = _stepped(ramp(float(above_db[-NOW:].max()), -SLACK_DB, GATE_FADE_DB - SLACK_DB))
    return _Gate(speaking, now, now * _stepped(_loudness(speech)))


def _asked(heard: FloatArray, gates: list[_Gate]) -> FloatArray:
    """Return what mouths are asked for, float32 (n, 8), of what is heard in as many frames."""
    gain, now = (np.array([[getattr(gate, name)] for gate in gates], np.float32) for name in ("gain", "now"))
    asked = heard * now
    pressed = np.clip((heard[:, CLOSED_AT] - CLOSES) / (CLOSED - CLOSES), 0, 1)
    asked[:, OPENS] = heard[:, OPENS] * gain
    asked[:, ROUNDING_AT] *= 1 + (ROUNDS - 1) * _narrow(heard)
    asked[:, SETTLES] = _settled(asked[:, SETTLES])
    asked[:, OPENING_AT] *= 1 - pressed
    asked[:, CLOSED_AT] = pressed * now[:, 0]
    asked[:, TUCK_AT] = np.clip((heard[:, TUCK_AT] - TUCKS) / (TUCKED - TUCKS), 0, 1) * now[:, 0]
    return np.asarray(asked, np.float32)


def _stepped(value: float) -> float:
    """Round, so that a mel that differs in its last digit, as another chunking's does, draws the same picture."""
    return round(value * STEPS) / STEPS


def _speaking(spoken: FloatArray) -> float:
    """Return 1 while there is speech and for a moment after, easing in over 75 ms and out over 200."""
    steady = np.convolve(spoken, np.ones(NOW) / NOW, "valid")  # the last is of the window's end
    age = np.arange(len(steady))[::-1]
    return float((steady * np.minimum(np.maximum((LEAVES - age) / (LEAVES - STAYS), 0), 1)).max())


def _loudness(speech: Speech) -> float:
    return MUMBLES + (SPEAKS_UP - MUMBLES) * ramp(speech.peak_db, QUIET_DB, LOUD_DB)


def _narrow(heard: FloatArray) -> FloatArray:
    """Return 1 for lips that are neither open nor spread, float32 (n,), and 0 for those that are."""
    closing = np.clip((OPEN - heard[:, OPENING_AT]) / (OPEN - NARROW), 0, 1)
    return np.asarray(closing * np.clip((SPREAD - heard[:, WIDE_AT]) / (SPREAD - SLACK), 0, 1), np.float32)


def _settled(values: FloatArray) -> FloatArray:
    """Bring what is nearly nothing to nothing, without a step."""
    size = np.abs(values)
    return np.copysign(np.minimum(size * size * (1 + DEADBAND) / (size + DEADBAND), 1), values)
