"""What is around a face: the wall, clothes, and the last touches."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from tools.portraits.canvas import Canvas
from tools.portraits.light import AMBIENT, FILL, FILL_COLOUR, KEY, KEY_COLOUR, normals, wrapped
from tools.portraits.look import Colour
from tools.portraits.paint import (
    Array,
    Point,
    Points,
    multiply,
    over,
    screen,
    smoothstep,
    to_bytes,
    to_linear,
    to_srgb,
)

GRAIN = 0.004
Fold = tuple[float, float, float, float, float, float]  # x, y, x, y, height, width


@dataclass(frozen=True)
class Cloth:
    """``body``: how thick it stands off, units. ``knit``: how coarse it is. ``sheen``: satin is 1."""

    colour: Colour
    body: float = 52.0
    folds: tuple[Fold, ...] = ()
    knit: float = 0.07
    ribs: float = 0.0
    sheen: float = 0.0
    reach: float = 36.0
    softness: float = 0.12  # how uneven it lies


def backdrop(canvas: Canvas, wall: Colour, pool: Colour, corner: Colour, rng: np.random.Generator) -> Array:
    """Paint a studio wall far out of focus: a pool of light behind the head, darker towards one corner."""
    image = canvas.ones(wall)
    image = over(image, pool, 0.95 * canvas.blob(-110, 260, 250, 260))
    image = over(image, corner, 0.85 * canvas.blob(380, 640, 280, 340))
    image = over(image, corner, 0.65 * canvas.blob(-400, 790, 240, 260))
    image = over(image, corner, 0.45 * canvas.blob(330, -20, 230, 220))
    return np.asarray(image + 0.005 * canvas.noise(rng, 90)[..., None])


def bokeh(canvas: Canvas, image: Array, lights: tuple[tuple[float, float, float, Colour], ...]) -> Array:
    """Lay discs of light, far out of focus, over the wall: x, y, radius, colour."""
    for x, y, radius, colour in lights:
        far = np.hypot(canvas.x - x, canvas.y - y) / radius
        disc = smoothstep(1.06, 0.90, far) * (0.72 + 0.28 * np.clip(far, 0, 1) ** 3)
        image = screen(image, colour, disc)
    return image


def garment(canvas: Canvas, image: Array, outline: Points, cloth: Cloth, rng: np.random.Generator) -> Array:
    """Paint a piece of clothing with rounded edges and folds, and its shadow on what lies under it."""
    body = np.asarray(outline, np.float64)
    mask = canvas.fill(body, 0.4)
    inside = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 5) / canvas.unit
    relief = canvas.blur(cloth.body * (1 - np.exp(-inside / cloth.reach)), 1.6)
    for x0, y0, x1, y1, height, width in cloth.folds:
        relief += height * canvas.ridge([(x0, y0), ((x0 + x1) / 2 + 6, (y0 + y1) / 2), (x1, y1)], width)
    relief += cloth.knit * canvas.noise(rng, 0.8) + cloth.softness * canvas.noise(rng, 14)
    if cloth.ribs:
        relief += cloth.ribs * np.sin(canvas.x * 1.5 + 0.6 * np.sin(canvas.y * 0.06))
    normal = normals(canvas, canvas.blur(relief.astype(np.float32), 0.5))
    light = wrapped(normal, KEY, 0.1)[..., None] * KEY_COLOUR * 1.08
    light = light + wrapped(normal, FILL, 0.4)[..., None] * FILL_COLOUR + AMBIENT * 0.6
    painted = to_linear(cloth.colour) * light
    if cloth.sheen:
        painted = painted + cloth.sheen * 0.22 * np.power(wrapped(normal, (-0.36, -0.4, 0.84), 0), 14)[..., None]
    edge = np.power(np.clip(1 - normal[..., 2], 0, 1), 2) * np.clip(normal[..., 0], 0, 1)
    painted = to_srgb(painted + 0.10 * edge[..., None])
    near = smoothstep(150, 122, np.abs(canvas.x))  # the wall is too far to be shaded
    image = multiply(image, (0.52, 0.42, 0.40), 0.55 * canvas.fill(body + (3, -4), 5) * (1 - mask) * near)
    return over(image, painted, mask)


def chain(canvas: Canvas, image: Array, curve: Array, colour: Colour, width: float) -> Array:
    """Lay a thin metal line, lit from above, on the picture."""
    image = multiply(image, (0.55, 0.42, 0.38), 0.55 * canvas.line(curve + (0.8, 1.8), width * 0.9))
    image = over(image, np.asarray(colour) * 0.55, canvas.line(curve, width * 0.62) ** 0.7)
    sparkle = 0.55 + 0.45 * np.sin(canvas.x * 1.1 + canvas.y * 1.7)
    return over(
        image, np.clip(np.asarray(colour) * 1.25, 0, 1), 0.9 * sparkle * canvas.line(curve - (0.3, 0.5), width * 0.34)
    )


def finish(canvas: Canvas, image: Array, side: int, rng: np.random.Generator) -> Array:
    """Add a little lens glow, a vignette and fine grain; reduce to the final size; returns 8 bits."""
    glow = np.clip(canvas.blur(image.astype(np.float32), 14).mean(-1) - 0.35, 0, 1)
    image = screen(np.clip(image, 0, 1), (0.10, 0.09, 0.08), glow)
    image = image * (1 - 0.17 * smoothstep(300, 560, np.hypot(canvas.x, canvas.y - 340)))[..., None]
    small = cv2.resize(image.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    return to_bytes(small + rng.normal(0, GRAIN, (side, side, 1)).astype(np.float32))


def sides(half: tuple[Point, ...], below: float = 900.0) -> Array:
    """Close a symmetrical body: its right half from the middle of the neckline outwards, down out of the picture."""
    from tools.portraits.paint import spline

    right = spline(half)
    return np.vstack([right[::-1] * (-1.0, 1.0), right, [(right[-1][0], below), (-right[-1][0], below)]])
