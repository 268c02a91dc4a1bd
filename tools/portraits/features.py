"""A face's parts, painted in their order."""

from __future__ import annotations

import numpy as np

from tools.portraits.canvas import Canvas
from tools.portraits.eyes import paint_eyes
from tools.portraits.head import paint_face, paint_nose
from tools.portraits.look import Look
from tools.portraits.mouth import paint_mouth
from tools.portraits.paint import Array


def paint_features(canvas: Canvas, image: Array, look: Look, rng: np.random.Generator) -> Array:
    """Paint the face with nose, mouth, eyes and brows."""
    image = paint_face(canvas, image, look, rng)
    image = paint_nose(canvas, image, look)
    image = paint_mouth(canvas, image, look)
    return paint_eyes(canvas, image, look, rng)
