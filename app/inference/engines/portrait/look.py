"""How eyes, lids, brows and the mouth's corners look at a moment: what the voice does, what time does, and a mood.

Pure, like ``moment``. Amounts are shares of a full movement, whose sizes ``upper_face`` and ``corners`` know.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.emphasis import Emphasis
from app.inference.engines.portrait.blinks import blink_at
from app.inference.engines.portrait.field import Swing
from app.inference.engines.portrait.gaze import gaze_at
from app.inference.engines.portrait.moment import AWAKENING_S, SPEAKING
from app.inference.expression import NEUTRAL, Expression
from app.media import VIDEO_FPS
from app.smoothstep import smoothstep

STRESS = 0.35  # of a full raise of the brows, by a stressed syllable,
LEAST_STRESS, MOST_STRESS = 0.38, 0.78  # which is one that stands out so far
QUESTION = 0.50  # by a voice that rises to its end
ASKS_S, RAISE_S, LOWER_S = (0.20, 0.57), 0.12, 0.18  # from when until when after its end, and how long both take
LEAST_STRESSED, MOST_STRESSED = 0.10, 1.0  # some stresses are shown, some hardly: it wanders between
WANDERS_S = (3.1, 4.7)  # periods of that
EYES_DROP, EYES_WIDEN = 0.10, 0.02  # lids of an eye whose brow is lowered, or raised, by all it can
MOST_DEG = 10.0  # in the head: eyes turn back against it, so that they stay with the viewer

STILL = Swing(yaw=0.0, pitch=0.0, roll=0.0, dx=0.0, dy=0.0, breath=0.0)


@dataclass(frozen=True, slots=True)
class Look:
    """Amounts, −1…1 but for ``gaze_x``, ``gaze_y``: degrees, to the right and down, from straight ahead.

    ``closure``: of the lids, by a blink. ``upper``, ``lower``: by how much of the eye's opening the upper lid is down
    and the lower one up, without it. ``inner``, ``outer``: of the brows' ends, up. ``knit``: of the brows, together.
    ``corners``: of the mouth, up.
    """

    closure: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0
    upper: float = 0.0
    lower: float = 0.0
    inner: float = 0.0
    outer: float = 0.0
    knit: float = 0.0
    corners: float = 0.0


@dataclass(frozen=True, slots=True)
class _Mood:
    """What a mood at its full strength adds to a look."""

    upper: float
    lower: float
    inner: float
    outer: float
    knit: float
    corners: float


WARM = _Mood(upper=0.02, lower=0.19, inner=0.10, outer=0.16, knit=0.0, corners=1.0)
SERIOUS = _Mood(upper=0.05, lower=0.08, inner=-0.65, outer=-0.30, knit=0.85, corners=-0.25)
SURPRISED = _Mood(upper=-0.13, lower=-0.04, inner=1.0, outer=0.95, knit=-0.1, corners=0.0)
SORRY = _Mood(upper=0.12, lower=0.03, inner=0.85, outer=-0.20, knit=0.55, corners=-0.70)


def look_at(
    seed: int, position: int, emphasis: Emphasis, expression: Expression = NEUTRAL, swing: Swing = STILL
) -> Look:
    """Return how a face looks in a slot. ``swing``: how the head is held."""
    seconds = position / VIDEO_FPS
    awake = _eased(seconds / AWAKENING_S)
    gaze = gaze_at(seed, seconds, _eased(emphasis.level / SPEAKING), expression.attending)
    pause_s = emphasis.pause_slots / VIDEO_FPS
    asks = QUESTION * emphasis.rise * _eased((pause_s - ASKS_S[0]) / RAISE_S) * _eased((ASKS_S[1] - pause_s) / LOWER_S)
    raised = max(
        STRESS * _eased((emphasis.stress - LEAST_STRESS) / (MOST_STRESS - LEAST_STRESS)) * _shown(seed, seconds), asks
    )
    inner, outer = raised + _of(expression, "inner"), 0.8 * raised + _of(expression, "outer")
    brows = (inner + outer) / 2
    return Look(
        closure=blink_at(seed, position, pause_s),
        gaze_x=_within(awake * gaze.x - math.degrees(swing.yaw)),
        gaze_y=_within(awake * gaze.y - math.degrees(swing.pitch)),
        upper=_of(expression, "upper") - (EYES_WIDEN if brows > 0 else EYES_DROP) * brows,
        lower=_of(expression, "lower"),
        inner=min(1.2, inner),
        outer=min(1.2, outer),
        knit=_of(expression, "knit"),
        corners=_of(expression, "corners"),
    )


def _of(expression: Expression, part: str) -> float:
    return float(
        expression.warm * getattr(WARM, part)
        + expression.serious * getattr(SERIOUS, part)
        + expression.surprised * getattr(SURPRISED, part)
        + expression.sorry * getattr(SORRY, part)
    )


def _shown(seed: int, seconds: float) -> float:
    """Return how much of a stress the brows show: it wanders, as not every one is shown."""
    phase = seed % 1009
    first, second = (math.sin(math.tau * seconds / period + phase * (k + 1)) for k, period in enumerate(WANDERS_S))
    return LEAST_STRESSED + (MOST_STRESSED - LEAST_STRESSED) * _eased(0.5 + 0.45 * (first + second))


def _within(degrees: float) -> float:
    """Return about the same angle, within the most."""
    return MOST_DEG * math.tanh(degrees / MOST_DEG)


def _eased(value: float) -> float:
    return smoothstep(min(1.0, max(0.0, value)))
