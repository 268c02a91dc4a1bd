"""From sound to the shape of a mouth: what the network hears, where somebody speaks, and how loud.

Pure: one window of mel in, one shape out, so that any batch or order of windows gives the same pictures.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from app.inference.engines.portrait.shape import REST, MouthChannels, MouthShape
from app.inference.engines.portrait.viseme_net import NET_WEIGHTS, VisemeNet
from app.inference.features.loudness import GATE_FADE_DB, Speech, listen, ramp
from app.inference.features.window import Window
from app.media import FloatArray

STEPS = 1024  # to which the network's answers are rounded: a fortieth of a pixel
DEADBAND = 0.045  # what the network is unsure of stays at rest
CLOSES, CLOSED = 0.17, 0.37  # the network's closure at which lips touch, and at which they are pressed
TUCKS, TUCKED = 0.10, 0.45  # and its tuck at which the lower lip begins to go under the teeth, and is there
QUIET_DB, LOUD_DB = -62.0, -38.0  # a speaker's own peak: from mumbling to speaking up
MUMBLES, SPEAKS_UP = 0.95, 1.25  # how far the mouth opens then
SLACK_DB = 12.0  # below the gate: within speech, the network knows pauses better than loudness does
# columns of 12.5 ms before the window's end
NOW = 6  # in which there must be speech for this frame
STAYS, LEAVES = 28, 44  # since speech was last heard: the mouth stays ready, then comes to rest


@cache
def load_net(weights: Path) -> VisemeNet:
    """Return the network of a file, loaded at the first call.

    Raises:
        WeightsError: when the file is not there, or is something else.
    """
    return VisemeNet(weights)


def mouth_shape(window: Window, weights: Path = NET_WEIGHTS) -> MouthShape:
    """Read the shape for one frame from a window of ``viseme_net.SPAN``, with the network of ``weights``."""
    speech = listen(window.power)
    if speech is None:
        return REST
    above_db = speech.levels_db - speech.gate_db
    speaking = _stepped(_speaking(np.minimum(np.maximum(above_db / GATE_FADE_DB, 0), 1)))
    if speaking <= 0:
        return REST
    now = _stepped(ramp(float(above_db[-NOW:].max()), -SLACK_DB, GATE_FADE_DB - SLACK_DB))
    if now <= 0:
        return MouthShape(speaking=speaking)
    gain = now * _stepped(_loudness(speech))
    heard = MouthChannels(*(_stepped(float(value)) for value in load_net(weights).hear(window.mel)))
    pressed = ramp(heard.closed, CLOSES, CLOSED)
    return MouthShape(
        opening=_settled(heard.opening * gain) * (1 - pressed),
        jaw=_settled(heard.jaw * gain),
        wide=_settled(heard.wide * now),
        rounding=_settled(heard.rounding * now),
        closed=pressed * now,
        tuck=ramp(heard.tuck, TUCKS, TUCKED) * now,
        teeth=heard.teeth * now,
        tongue=heard.tongue * now,
        speaking=speaking,
    )


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


def _settled(value: float) -> float:
    """Bring what is nearly nothing to nothing, without a step."""
    size = abs(value)
    return float(np.copysign(min(size * size * (1 + DEADBAND) / (size + DEADBAND), 1.0), value)) if size > 1e-6 else 0.0
