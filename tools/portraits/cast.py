"""Who there is, and how to draw them."""

from __future__ import annotations

import numpy as np

from tools.portraits.canvas import Canvas
from tools.portraits.paint import Array, spline
from tools.portraits.people import amara, bolt, ingrid, kenji, priya, rafael
from tools.portraits.scene import finish

SIDE = 1024
DESIGN_SIDE = 768
LID_POINTS = 9
CAST_OF = {
    "amara": amara,
    "kenji": kenji,
    "priya": priya,
    "rafael": rafael,
    "ingrid": ingrid,
    "bolt": bolt,
}


def eye_outlines(name: str) -> Array:
    """Return where a portrait's eyes are drawn, in pixels of the picture as it is kept.

    float32 (2, 2, 9, 2): the person's right eye first, its upper and its lower lid's edge from the outer corner to the
    inner. The model that finds eyes looks for smaller ones than these.
    """
    look = CAST_OF[name].LOOK
    canvas = _kept_canvas(name)
    outlines = []
    for side in (-1, 1):  # the person's right eye is on the picture's left
        view = canvas.view(look.eyes.at, look.eyes.scale, look.eyes.tilt, side)
        edges = [spline(edge)[::-1] for edge in (look.eyes.upper, look.eyes.lower)]
        outlines.append(
            [view.pixels(edge[np.linspace(0, len(edge) - 1, LID_POINTS).round().astype(int)]) for edge in edges]
        )
    return np.array(outlines, np.float32)


def irises(name: str) -> Array:
    """Return where a portrait's irises are drawn, in pixels of the picture as it is kept.

    float32 (2, 5, 2): the person's right eye first; its middle, then four points of its rim: right, top, left, bottom.
    """
    look = CAST_OF[name].LOOK
    canvas, radius = _kept_canvas(name), look.eyes.radius
    rim = np.array([(0, 0), (radius, 0), (0, -radius), (-radius, 0), (0, radius)])
    (x, y) = look.eyes.at
    return np.stack([canvas.pixels(rim + (side * x, y)) for side in (-1, 1)]).astype(np.float32)


def _kept_canvas(name: str) -> Canvas:
    look = CAST_OF[name].LOOK
    return Canvas(SIDE, SIDE / DESIGN_SIDE * look.zoom, look.middle_y)


def draw(name: str, oversampling: int) -> Array:
    """Draw one of the cast; returns RGB, 8 bits, 1024 x 1024."""
    person = CAST_OF[name]
    look = person.LOOK
    side = SIDE * oversampling
    canvas = Canvas(side, side / DESIGN_SIDE * look.zoom, look.middle_y)
    rng = np.random.default_rng(look.seed)
    return finish(canvas, person.paint(canvas, rng), SIDE, rng)
