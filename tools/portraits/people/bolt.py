"""Bolt: a robot with a white shell, lit eyes and lips of grey rubber."""

from __future__ import annotations

import numpy as np

from tools.portraits import shapes
from tools.portraits.canvas import Canvas
from tools.portraits.eyes import paint_eyes
from tools.portraits.head import head_relief, outline_of, paint_nose
from tools.portraits.light import KEY, NECK_KEY, Form, Surface, cast_shadow, lit
from tools.portraits.look import Brows, Colour, Eyes, Head, Look, Mouth, Nose, Skin
from tools.portraits.mouth import lips, paint_mouth
from tools.portraits.paint import Array, Points, mirrored, multiply, over, screen, smoothstep, spline, to_linear
from tools.portraits.scene import Cloth, backdrop, bokeh, garment, sides

SHELL: Colour = (0.770, 0.800, 0.830)
DARK: Colour = (0.135, 0.155, 0.185)
TEAL: Colour = (0.080, 0.560, 0.600)
GLOW: Colour = (0.35, 0.95, 1.0)

LOOK = Look(
    seed=61,
    skin=Skin(SHELL, (0.74, 0.82, 0.86), (0.300, 0.420, 0.470), (0.62, 0.68, 0.74), 0.6, 1.8),
    head=Head(shapes.SOFT_FACE, shapes.SLIM_NECK, cheek=1.2, hollow=1.0, chin=1.2),
    eyes=Eyes(
        shapes.ALMOND_UPPER, shapes.ALMOND_LOWER, shapes.ALMOND_CREASE,
        ((0.02, 0.18, 0.26), (0.16, 0.78, 0.88), (0.55, 1.0, 1.0)), scale=(1.06, 1.14), radius=17.0,
        lashes=0.0, lash_count=1, liner=1.5, shadow=(0.66, 0.72, 0.78), shadow_strength=0.35, white=(0.84, 0.90, 0.93),
    ),
    brows=Brows(shapes.SOFT_BROW_LOWER, shapes.SOFT_BROW_UPPER, DARK, 0.0, 0),
    nose=Nose(width=0.92, length=0.97, bridge=0.9, wings=0.7),
    mouth=Mouth(y=446.0, half_width=52.0, upper=0.9, lower=0.95, smile=6.6, gloss=0.9),
    middle_y=352.0, zoom=1.08,
)  # fmt: skip
CAP = ((0, 60), (70, 68), (120, 104), (148, 164), (156, 232), (155, 300), (148, 330), (140, 338), (139, 310),
       (140, 280), (137, 230), (126, 184), (100, 152), (52, 136), (0, 133))  # fmt: skip
BODY = ((0, 668), (60, 662), (104, 646), (136, 628), (190, 632), (258, 650), (322, 680), (366, 716), (402, 790))
SEAMS: tuple[tuple[tuple[float, float], ...], ...] = (
    ((0, 133), (0, 176), (0, 214)), ((0, 214), (14, 226), (14, 244), (0, 256)),
    ((139, 352), (112, 366), (92, 398), (84, 436), (78, 484)),
    ((30, 521), (30, 500), (18, 490), (0, 488)),
)  # fmt: skip


def paint(canvas: Canvas, rng: np.random.Generator) -> Array:
    """Paint it."""
    image = backdrop(canvas, (0.26, 0.36, 0.46), (0.52, 0.66, 0.74), (0.10, 0.13, 0.22), rng)
    image = bokeh(canvas, image, ((-300, 120, 46, (0.16, 0.34, 0.38)), (290, 170, 62, (0.12, 0.26, 0.34)),
                                  (-250, 520, 34, (0.26, 0.20, 0.34)), (310, 480, 40, (0.24, 0.18, 0.32))))  # fmt: skip
    image = _neck(canvas, image, rng)
    folds = ((-150, 640, -120, 790, -7, 3), (150, 640, 120, 790, -7, 3))
    image = garment(canvas, image, sides(BODY), Cloth((0.80, 0.83, 0.86), 60, folds, 0.0, sheen=1.0, softness=0.0), rng)
    badge = np.hypot(canvas.x, canvas.y - 700)
    image = over(image, GLOW, 0.9 * np.exp(-np.square((badge - 15) / 2.2)))
    image = screen(image, GLOW, 0.35 * np.exp(-np.square((badge - 15) / 9.0)))
    image = _face(canvas, image, rng)
    image = paint_nose(canvas, image, LOOK)
    image = paint_mouth(canvas, image, LOOK)
    image = paint_eyes(canvas, image, LOOK, rng)
    image = _lamps(canvas, image)
    image = _cap(canvas, image)
    for side in (-1, 1):
        image = _ear(canvas, image, side)
    return image


def _face(canvas: Canvas, image: Array, rng: np.random.Generator) -> Array:
    relief = head_relief(canvas, LOOK)
    grooves = np.zeros_like(relief)
    for seam in SEAMS:
        for side in (-1, 1):
            grooves = np.maximum(grooves, canvas.view((0, 0), mirror=side).ridge(seam, 1.0))
    mask = canvas.fill(outline_of(LOOK), 0.7)
    albedo, is_lip = lips(canvas, canvas.ones(SHELL), LOOK, rng)
    shadow = 0.34 + 0.66 * cast_shadow(canvas, relief, KEY, 76, 20)
    form = Form((relief - 2.6 * grooves).astype(np.float32), mask, 1.7 - 0.5 * is_lip)
    painted = lit(canvas, form, to_linear(albedo), shadow, Surface(0.35, (0.55, 0.90, 1.0), 0.5))
    return over(image, multiply(painted, (0.36, 0.42, 0.50), 0.75 * grooves), mask)


def _plate(canvas: Canvas, image: Array, outline: Points, colour: Colour, height: float) -> Array:
    mask = canvas.fill(outline, 0.6)
    flat = canvas.fill(outline)
    relief = height * (1.5 * canvas.blur(flat, 16) + 0.8 * canvas.blur(flat, 7) + 0.35 * canvas.blur(flat, 2.5))
    form = Form(relief.astype(np.float32), mask, np.full_like(relief, 2.4))
    painted = lit(
        canvas, form, to_linear(canvas.ones(colour)), np.ones_like(relief), Surface(0.2, (0.55, 0.90, 1.0), 0.5)
    )
    image = multiply(image, (0.40, 0.44, 0.52), 0.65 * canvas.fill(np.asarray(outline) + (2, 5), 5) * (1 - mask))
    return over(image, painted, mask)


def _cap(canvas: Canvas, image: Array) -> Array:
    outline = spline(mirrored(CAP), closed=True)
    image = _plate(canvas, image, outline, TEAL, 26)
    for x in (-46, 46):
        image = multiply(
            image, (0.40, 0.44, 0.50), 0.7 * canvas.ridge([(x * 0.75, 70), (x, 100), (x * 1.14, 140)], 0.9)
        )
    return image


def _ear(canvas: Canvas, image: Array, side: int) -> Array:
    turn = np.linspace(0, 2 * np.pi, 80)
    view = canvas.view((150.0, 306.0), mirror=side)
    for rx, ry, colour, height in ((24, 50, DARK, 22), (17, 38, SHELL, 22), (9, 22, DARK, 6)):
        ring = np.stack([rx * np.cos(turn) * 1.0, ry * np.sin(turn)], 1)
        placed = np.stack([side * (ring[:, 0] + 150), ring[:, 1] + 306], 1)
        image = _plate(canvas, image, placed, colour, height)
    ring = np.hypot(view.x / 13, view.y / 30)
    image = over(image, GLOW, 0.85 * np.exp(-np.square((ring - 1) / 0.10)))
    image = screen(image, GLOW, 0.35 * np.exp(-np.square((ring - 1) / 0.45)))
    return image


def _neck(canvas: Canvas, image: Array, rng: np.random.Generator) -> Array:
    half = ((0, 430), (77, 430), (75, 520), (77, 600), (85, 660), (0, 690))
    mask = canvas.fill(np.vstack([np.asarray(half), np.asarray(half)[::-1] * (-1, 1)]), 0.7)
    across = np.clip(np.abs(canvas.x) / 79, 0, 1)
    rings = 5.0 * np.abs(np.sin((canvas.y + 0.0009 * np.square(canvas.x) * -6) * np.pi / 17))
    relief = (-90 + 60 * np.sqrt(1 - np.power(across, 2.3)) + rings).astype(np.float32)
    face = np.where(canvas.fill(outline_of(LOOK)) > 0.5, head_relief(canvas, LOOK), -200).astype(np.float32)
    shadow = 0.15 + 0.85 * cast_shadow(canvas, np.maximum(face, relief), NECK_KEY, 150, 40)
    form = Form(relief, mask, np.full_like(relief, 1.2))
    painted = lit(
        canvas, form, to_linear(canvas.ones((0.24, 0.27, 0.31))), shadow, Surface(0.2, (0.55, 0.90, 1.0), 0.5)
    )
    return over(image, painted, mask)


def _lamps(canvas: Canvas, image: Array) -> Array:
    """Brows of light, and a lamp in the forehead."""
    for side in (-1, 1):
        view = canvas.view(LOOK.eyes.at, mirror=side)
        bar = view.ridge([(-30, -37), (-10, -43), (14, -46), (38, -42)], 2.2)
        image = over(image, DARK, smoothstep(0.15, 0.5, bar))
        image = over(image, (0.20, 0.62, 0.68), smoothstep(0.45, 0.8, bar))
    lamp = np.hypot(canvas.x, canvas.y - 235)
    image = over(image, DARK, smoothstep(9.5, 8.5, lamp))
    image = over(image, GLOW, smoothstep(6.4, 5.0, lamp))
    image = screen(image, (1, 1, 1), 0.8 * canvas.blob(-1.5, 233, 2, 2))
    return screen(image, GLOW, 0.30 * np.exp(-np.square(lamp / 17)))
