"""The closed mouth: lips' outlines, their relief, colour and lights."""

from __future__ import annotations

import numpy as np

from tools.portraits.canvas import Canvas
from tools.portraits.look import Look
from tools.portraits.paint import Array, Point, multiply, over, screen, smoothstep, spline

HALF_WIDTH = 53.0


def mouth_view(canvas: Canvas, look: Look) -> Canvas:
    """Look at the mouth; its origin is the middle of the seam."""
    return canvas.view((0.0, look.mouth.y), (look.mouth.half_width / HALF_WIDTH, 1.0))


def lip_curves(look: Look) -> tuple[Array, Array, Array]:
    """Return the upper lip's edge, the seam and the lower lip's edge, from the left to the right corner."""
    w, high, low, smile = HALF_WIDTH, look.mouth.upper, look.mouth.lower, look.mouth.smile
    top = [(w, -smile), (38, -8.8 * high), (22, -13.8 * high), (9.5, -16.4 * high), (0, -13 * high)]
    seam = [(w, -smile), (44, -smile * 0.55), (32, -0.8), (18, -0.4), (8, 1.0), (0, 1.8)]
    bottom = [(w, -smile), (40, 6.6 * low), (25, 16.4 * low), (12, 20.2 * low), (0, 20.8 * low)]

    def both(half: list[Point]) -> Array:
        return spline([(-x, y) for x, y in half] + half[-2::-1])

    return both(top), both(seam), both(bottom)


def mouth_relief(canvas: Canvas, look: Look) -> Array:
    """Make the muzzle, the philtrum, both lips and the hollow above the chin."""
    view, m = mouth_view(canvas, look), look.mouth
    top, seam, _ = lip_curves(look)
    relief = 9.0 * view.blob(0, -6, 46, 34)
    relief += -2.6 * view.blob(0, -12 - 14 * m.upper, 4.4, 8) + 1.6 * view.pair(8.5, -12 - 13 * m.upper, 3.5, 8, 6)
    relief += 3.8 * m.upper * view.blob(0, -5 * m.upper, 9, 6) + 3.6 * m.upper * view.pair(
        22, -5.5 * m.upper, 15, 5, 12
    )
    relief += 6.8 * m.lower * view.pair(13, 9.5 * m.lower, 16, 7.0, -8) + 1.2 * view.blob(0, 10 * m.lower, 8, 6)
    relief += 1.3 * view.line(top, 1.9) * smoothstep(50, 30, np.abs(view.x))
    relief += -5.0 * view.line(seam, 2.1, 0.6) * smoothstep(60, 46, np.abs(view.x))
    relief += -3.0 * view.pair(HALF_WIDTH + 2.5, -m.smile, 5, 5.5)
    return np.asarray(relief - 5.5 * view.blob(0, 12 + 21 * m.lower, 25, 7))


def lips(canvas: Canvas, albedo: Array, look: Look, rng: np.random.Generator) -> tuple[Array, Array]:
    """Colour the lips; returns the colours and where the lips are."""
    view = mouth_view(canvas, look)
    top, seam, bottom = lip_curves(look)
    mask = view.fill(np.vstack([top, bottom[::-1]]), 0.9)
    creases = 0.5 * canvas.noise(rng, 1.2) + 0.6 * canvas.noise(rng, 2.0)
    rose = np.asarray(look.skin.lip, np.float32) * (1 + 0.035 * creases[..., None])
    rose = over(rose, rose * (0.88, 0.82, 0.83), view.fill(np.vstack([top, seam[::-1]]), 1.2))
    return over(albedo, rose, 0.90 * mask), mask


def paint_mouth(canvas: Canvas, image: Array, look: Look) -> Array:
    """Paint the seam, the corners and the soft lights on the lips."""
    view, m = mouth_view(canvas, look), look.mouth
    _, seam, _ = lip_curves(look)
    fade = smoothstep(HALF_WIDTH + 2, HALF_WIDTH - 12, np.abs(view.x))
    away = view.blur(view.distance(seam), 0.4)
    image = multiply(image, (0.62, 0.40, 0.40), 0.65 * np.exp(-0.5 * np.square(away / 2.4)) * fade)
    thin = np.exp(-0.5 * np.square(away / 0.95)) * (0.35 + 0.65 * fade)
    image = multiply(image, (0.38, 0.19, 0.20), 0.82 * thin)
    image = multiply(image, (0.70, 0.50, 0.46), 0.45 * view.pair(HALF_WIDTH + 1.0, -m.smile, 3.4, 2.8))
    image = multiply(image, (0.78, 0.63, 0.58), 0.50 * view.blob(2, 7 + 19 * m.lower, 20, 4.5))
    shine = 0.28 * view.blob(-11, 9 * m.lower, 9, 2.8, 6) + 0.14 * view.blob(13, 9 * m.lower, 7, 2.4, -6)
    shine += 0.12 * view.blob(-7, -15.5 * m.upper, 5, 1.2, -18)
    return screen(image, (1.0, 0.92, 0.90), m.gloss * shine)
