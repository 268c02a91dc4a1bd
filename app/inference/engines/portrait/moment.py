"""What a head does by itself: breath, and how it is held, as a function of time and of the voice.

Pure and without memory: any moment of an endless clock can be asked for, in any order, and has one answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.emphasis import Emphasis
from app.inference.engines.portrait import nods
from app.inference.engines.portrait.drift import noises
from app.inference.engines.portrait.field import Swing
from app.inference.engines.portrait.poise import held_at
from app.inference.expression import NEUTRAL, Expression
from app.media import VIDEO_FPS
from app.smoothstep import smoothstep

AWAKENING_S = 2.0  # the first picture is the portrait itself; from there motion sets in

BREATH_S = 4.1
SWAY = 0.005  # of the face's width, to each side
DRIFT = math.radians(0.6)  # a head that is held is not a stone
LISTENS = 0.5  # of the shifts of who speaks: their head stays with whom they look at
SPEAKING = 0.25  # emphasis from which a face only speaks
# a stressed syllable bows the head, more or less, and may turn or tilt it: by so much a whole beat
BEAT_BOW, BEAT_TURN, BEAT_TILT = math.radians(7), math.radians(5), math.radians(4)
FALL = math.radians(5)  # by which it sinks where a phrase ends
RAISE = math.radians(2.2)  # by which a voice that is up raises it
ASKED_NOD = math.radians(5)
ATTENDS, TILT, ATTENTIVE = math.radians(1.2), math.radians(1.6), 0.3  # who attends bows, tilts and stirs less

MOST = Swing(math.radians(8), math.radians(8), math.radians(5), SWAY, SWAY, 1.0)  # the most of each, to either side


@dataclass(frozen=True, slots=True)
class Moment:
    """How a head is held."""

    swing: Swing


def moment(seed: int, position: int, emphasis: Emphasis, expression: Expression = NEUTRAL) -> Moment:
    """Return how the face is held in slot ``position``, 25 a second; ``emphasis`` says how it speaks."""
    seconds = position / VIDEO_FPS
    awake = _eased(seconds / AWAKENING_S)
    listening = 1 - _eased(emphasis.level / SPEAKING)
    stirs = (1 - (1 - LISTENS) * listening) * (1 - ATTENTIVE * expression.attending)
    across, along, drift_yaw, drift_pitch, drift_roll, bows, turns, tilts, side = noises(seed).at(seconds)
    yaw, pitch, roll = (stirs * held for held in held_at(seed, seconds))
    yaw += DRIFT * drift_yaw + BEAT_TURN * turns * emphasis.beat
    pitch += DRIFT * drift_pitch + BEAT_BOW * (0.7 + 0.6 * bows) * emphasis.beat
    pitch += FALL * emphasis.fall - RAISE * emphasis.level + listening * nods.nod_at(seed, seconds)
    pitch += ATTENDS * expression.attending + ASKED_NOD * expression.nod
    roll += DRIFT * drift_roll + BEAT_TILT * tilts * emphasis.beat + TILT * side * expression.attending
    return Moment(
        Swing(
            yaw=awake * _within(yaw, MOST.yaw),
            pitch=awake * _within(pitch, MOST.pitch),
            roll=awake * _within(roll, MOST.roll),
            dx=awake * SWAY * stirs * across,
            dy=awake * SWAY * stirs * along,
            breath=awake * _breath(seconds, noises(seed).phases[-1]),
        ),
    )


def _breath(seconds: float, phases: NDArray[np.float64]) -> float:
    """Return −1…1 with a period that wanders between about 3.5 and 5 s."""
    wander = 0.5 * math.sin(math.tau * seconds / 17 + phases[0]) + 0.35 * math.sin(math.tau * seconds / 29 + phases[1])
    turn = math.tau * seconds / BREATH_S + phases[2] + wander
    return math.sin(turn + 0.25 * math.sin(turn))  # in a little faster than out


def _within(angle: float, most: float) -> float:
    """Return about the same angle, within the most: smoothly, for a head does not strike against anything."""
    return most * math.tanh(angle / most)


def _eased(value: float) -> float:
    """Rise from 0 at 0 to 1 at 1, level beyond."""
    return smoothstep(min(1.0, max(0.0, value)))
