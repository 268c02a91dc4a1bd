"""Eyes and brows: ball, iris, catch-lights, lids, lashes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tools.portraits.canvas import Canvas, strokes
from tools.portraits.look import Brows, Eyes, Look
from tools.portraits.paint import Array, multiply, over, screen, smoothstep, spline


def paint_eyes(canvas: Canvas, image: Array, look: Look, rng: np.random.Generator) -> Array:
    """Paint both eyes and both brows."""
    for side in (-1, 1):
        view = canvas.view(look.eyes.at, look.eyes.scale, look.eyes.tilt, side)
        image = _eye(view, image, look, rng)
        image = _brow(view, image, look.brows, rng)
    return image


def _iris(size: Array, angle: Array, eyes: Eyes, rng: np.random.Generator) -> Array:
    """Colour the iris by relative radius (1 = rim) and angle."""
    rim, middle, _ = (np.asarray(colour, np.float32) for colour in eyes.iris)
    base = np.ones((*size.shape, 1), np.float32) * (0.55 * rim + 0.45 * middle)
    fibres = sum(np.sin(angle * k + rng.uniform(0, 6.28) + 3 * size) * a for k, a in ((17, 0.4), (31, 0.35), (53, 0.3)))
    base = over(base, middle, 0.85 * np.exp(-np.square((size - 0.60) / 0.19)) * (0.70 + 0.5 * fibres))
    base = over(base, rim, 0.85 * smoothstep(0.76, 1.0, size))
    return over(base, (0.022, 0.017, 0.018), smoothstep(0.45, 0.39, size))


def _eye(view: Canvas, image: Array, look: Look, rng: np.random.Generator) -> Array:
    eyes = look.eyes
    upper, lower = spline(eyes.upper), spline(eyes.lower)
    opening = view.fill(np.vstack([upper, lower[::-1]]), 0.45)
    ball = view.ones(eyes.white)
    off = np.hypot(view.x / 36, view.y / 22)
    ball = multiply(ball, (0.72, 0.62, 0.59), smoothstep(0.48, 1.05, off))
    ball = over(ball, (0.82, 0.52, 0.48), 0.90 * view.blob(upper[0][0] + 3.2, upper[0][1] - 0.8, 4.0, 2.6))
    # the iris is round, whatever the eye's own scale
    sx, sy = eyes.scale
    rx, ry = view.x * sx, view.y * sy
    size, angle = np.hypot(rx, ry) / eyes.radius, np.arctan2(ry, rx)
    ball = over(ball, _iris(size, angle, eyes, rng), smoothstep(1.06, 0.93, size))
    light = view.mirror  # lamps do not turn with the mirror
    glow = np.exp(-0.5 * (np.square((rx - light * 3.2) / 7.4) + np.square((ry - 6.6) / 4.4)))
    ball = screen(ball, eyes.iris[2], 0.72 * glow * smoothstep(0.97, 0.82, size) * smoothstep(0.42, 0.52, size))
    ball = multiply(ball, (0.40, 0.33, 0.34), 0.80 * view.line(upper, 4.4))
    window = np.cbrt(np.abs(rx + light * 5.0) ** 3 + np.abs(0.88 * (ry + 5.2)) ** 3)
    ball = over(ball, (1.0, 0.99, 0.97), 0.97 * smoothstep(3.7, 2.5, window))
    ball = over(ball, (0.93, 0.96, 1.0), 0.45 * smoothstep(1.8, 0.9, np.hypot(rx - light * 5.4, ry - 5.0)))
    image = multiply(image, (0.70, 0.53, 0.47), 0.42 * view.line(upper - (0, 2), 3.5))
    image = over(image, ball, opening)
    return _lids(view, image, eyes, (upper, lower), rng)


def _lids(view: Canvas, image: Array, eyes: Eyes, edges: tuple[Array, Array], rng: np.random.Generator) -> Array:
    upper, lower = edges
    crease = spline(eyes.crease)
    between = view.fill(np.vstack([crease, upper[::-1]]), 1.5)
    image = multiply(image, eyes.shadow, eyes.shadow_strength * between)
    image = multiply(image, (0.54, 0.37, 0.33), 0.56 * view.line(crease, 1.2, 0.5))
    image = multiply(image, eyes.shadow, eyes.shadow_strength * view.line(crease - (0, 3), 4.0))
    image = screen(
        image, (0.34, 0.28, 0.25), 0.34 * view.blob(-2, (crease[:, 1].min() + upper[:, 1].min()) / 2, 13, 1.7)
    )
    image = over(image, (0.93, 0.76, 0.70), 0.50 * view.line(lower[10:-4] + (0, 0.9), 0.8, 0.3))
    under = view.line(lower[20:-2] + (0, 2.4), 1.4, 0.5)
    image = multiply(image, (0.60, 0.43, 0.38), 0.45 * under * smoothstep(-30, 6, view.x))

    def line(picture: Array) -> None:
        thickness = eyes.liner * (0.5 + 1.9 * np.sin(np.linspace(0.15, 2.75, len(upper)))[:, None] ** 0.8)
        rise = np.hstack([np.zeros_like(thickness), thickness])
        _fill(view, picture, np.vstack([upper - 0.75 * rise, (upper + 0.3 * rise)[::-1]]), (0.12, 0.085, 0.08))

    def lashes(picture: Array) -> None:
        for t in np.sort(rng.uniform(0.10, 1.0, round(1.5 * eyes.lash_count))):
            root = upper[int(t * (len(upper) - 1))] + (0, rng.uniform(-0.9, 0.2))
            lean = -0.45 + 1.65 * t + 0.22 * np.sin(38 * t) + rng.normal(0, 0.06)
            length = np.interp(t, (0.1, 0.45, 0.8, 0.92, 1.0), (1.9, 4.6, 7.4, 7.0, 5.9)) * rng.uniform(0.75, 1.12)
            length *= eyes.lashes
            tip = root + np.array([lean, -(1.0 - 0.45 * t)]) * length
            bend = root + np.array([lean * 0.62, -(0.30 - 0.16 * t)]) * length
            view.stroke(picture, (root, bend, tip), 0.70, (0.10, 0.065, 0.06))

    def below(picture: Array) -> None:
        for t in np.sort(rng.uniform(0.28, 0.99, eyes.lash_count // 2)):
            root = lower[int(t * (len(lower) - 1))] + (0, 1.4)
            length = rng.uniform(1.6, 3.4) * (0.6 + 0.5 * t) * min(1.0, eyes.lashes)
            tip = root + np.array([(t - 0.40 + 0.2 * np.sin(40 * t)) * 1.3, 0.75]) * length
            view.stroke(picture, (root, 0.5 * (root + tip) + (0, 0.25), tip), 0.55, (0.25, 0.16, 0.13))

    image = strokes(image, 0.92, line)
    image = over(image, view.blur(image, 0.5), 0.8 * view.line(upper, 2.0))
    return strokes(strokes(image, 0.80, lashes), 0.35, below)


def _fill(view: Canvas, picture: Array, outline: Array, colour: tuple[float, float, float]) -> None:
    import cv2

    cv2.fillPoly(picture, [view.fixed(outline)], tuple(c * 255 for c in colour), cv2.LINE_AA, 4)


def _brow(view: Canvas, image: Array, brows: Brows, rng: np.random.Generator) -> Array:
    lower, upper = spline(brows.lower), spline(brows.upper)
    base = brows.base * view.fill(np.vstack([upper, lower[::-1]]), 2.4) * smoothstep(-41, -20, view.x)
    image = over(image, np.asarray(brows.tone) * 1.15, 0.88 * base)
    return strokes(image, 0.80, _brow_hairs(view, brows, (lower, upper), rng))


def _brow_hairs(
    view: Canvas, brows: Brows, edges: tuple[Array, Array], rng: np.random.Generator
) -> Callable[[Array], None]:
    """Draw the brow, hair by hair."""

    def draw(picture: Array) -> None:
        for _ in range(round(1.4 * brows.hairs)):
            t, hair = brow_hair(edges, brows.length, rng)
            tone = np.asarray(brows.tone) * rng.uniform(0.65, 1.45) * (1 + 0.6 * np.exp(-t / 0.10))
            view.stroke(picture, hair, rng.uniform(0.75, 1.25), np.clip(tone, 0, 1))

    return draw


def brow_hair(edges: tuple[Array, Array], length: float, rng: np.random.Generator) -> tuple[float, tuple[Array, ...]]:
    """Make a hair between a brow's lower and upper edge: where along it, 0 at the nose, and its root, bend and tip.

    It stands upright near the nose and lies along the brow further out, so that hairs meet in the middle. ``length``: 1
    for hairs of 5 to 10 units.
    """
    lower, upper = edges
    last = len(upper) - 1
    t, row = rng.beta(1.15, 1.1), rng.uniform(0, 1)
    index = int(t * last)
    root = lower[index] * (1 - row) + upper[index] * row
    ahead = upper[min(index + 8, last)] - upper[max(index - 8, 0)]
    along = ahead / (np.linalg.norm(ahead) + 1e-6)
    upright = 1.25 * np.exp(-t / 0.22) + 0.45 - 0.95 * row
    heading = along + np.array([0, -upright * (1 - 0.5 * t)]) + rng.normal(0, 0.09, 2)
    reach = length * rng.uniform(5.5, 10) * (1 - 0.35 * t) * (1 - 0.35 * row)
    tip = root + heading / np.linalg.norm(heading) * reach
    return t, (root, 0.5 * (root + tip) + (0, -0.6), tip)
