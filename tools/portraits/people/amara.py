"""Amara: a woman of about thirty, deep brown skin, natural hair, gold hoops."""

from __future__ import annotations

import numpy as np

from tools.portraits import shapes
from tools.portraits.canvas import Canvas
from tools.portraits.features import paint_features
from tools.portraits.hair import drop_shadow, paint_curls
from tools.portraits.head import outline_of, paint_ears, paint_neck
from tools.portraits.look import Brows, Eyes, Head, Look, Mouth, Nose, Skin
from tools.portraits.paint import Array, spline
from tools.portraits.scene import Cloth, backdrop, chain, garment, sides

LOOK = Look(
    seed=11,
    skin=Skin((0.520, 0.335, 0.245), (0.600, 0.300, 0.230), (0.560, 0.255, 0.240), (0.56, 0.42, 0.38), 0.8, 1.45),
    head=Head(shapes.HEART_FACE, shapes.SLIM_NECK, cheek=1.15, ears=0.86, ear_at=(136.0, 338.0)),
    eyes=Eyes(
        shapes.ALMOND_UPPER, shapes.ALMOND_LOWER, shapes.ALMOND_CREASE,
        ((0.085, 0.045, 0.03), (0.29, 0.155, 0.085), (0.50, 0.28, 0.13)), scale=(1.02, 1.06), tilt=-0.045,
        lashes=0.85, lash_count=100, liner=1.3, shadow=(0.55, 0.36, 0.33), shadow_strength=0.40,
        white=(0.86, 0.82, 0.80), radius=15.6,
    ),
    brows=Brows(shapes.SOFT_BROW_LOWER, shapes.SOFT_BROW_UPPER, (0.085, 0.055, 0.045), 0.75),
    nose=Nose(width=1.24, length=0.985, bridge=0.80, wings=1.05, tip=1.1),
    mouth=Mouth(y=446.0, half_width=56.0, upper=1.30, lower=1.25, smile=6.4, gloss=1.25),
    middle_y=352.0, zoom=1.06,
)  # fmt: skip
TONES = ((0.030, 0.022, 0.022), (0.115, 0.078, 0.066), (0.30, 0.20, 0.155), (0.52, 0.36, 0.27))
GOLD = (0.95, 0.70, 0.38)
AFRO = (
    (0, 6), (70, 14), (136, 46), (184, 100), (210, 168), (214, 242), (200, 298), (182, 334), (160, 350),
     (140, 350), (120, 336),
)  # fmt: skip
HAIRLINE = ((0, 150), (52, 153), (92, 176), (117, 216), (128, 262), (134, 312), (134, 350), (128, 420), (70, 560))
DRESS = (
    (0, 748),
    (50, 712),
    (96, 670),
    (134, 640),
    (152, 634),
    (186, 642),
    (244, 660),
    (312, 684),
    (362, 720),
    (402, 790),
)


def paint(canvas: Canvas, rng: np.random.Generator) -> Array:
    """Paint her."""
    image = backdrop(canvas, (0.63, 0.50, 0.44), (0.90, 0.72, 0.58), (0.36, 0.27, 0.28), rng)
    hair = np.vstack([spline([(-x, y) for x, y in reversed(AFRO)]), spline(AFRO)])
    hole = np.vstack([spline([(-x, y) for x, y in reversed(HAIRLINE)]), spline(HAIRLINE)])
    image = paint_curls(canvas, image, hair, hole * (0, 0), TONES, rng, 3000)
    image = paint_neck(canvas, image, LOOK, rng)
    image = paint_ears(canvas, image, LOOK, rng)
    image = chain(
        canvas,
        image,
        spline([(-92, 628), (-66, 660), (-34, 684), (0, 692), (34, 684), (66, 660), (92, 628)]),
        GOLD,
        2.4,
    )
    folds = (
        (-112, 672, -50, 775, 6.8, 9),
        (112, 672, 54, 775, 6.8, 9),
        (-262, 690, -238, 800, 12, 12),
        (266, 692, 238, 800, 12, 12),
        (-170, 660, -130, 790, 6, 10),
        (172, 660, 132, 790, 6, 10),
    )
    image = garment(canvas, image, sides(DRESS), Cloth((0.80, 0.53, 0.16), folds=folds, sheen=0.35), rng)
    image = paint_features(canvas, image, LOOK, rng)
    inner = canvas.fill(outline_of(LOOK)) * (1 - canvas.fill(hole))
    image = drop_shadow(canvas, image, inner, (0.55, 0.40, 0.36), 0.5)
    image = paint_curls(canvas, image, hair, hole, TONES, rng)
    for side in (-1, 1):
        t = np.linspace(0, 2 * np.pi, 90)
        hoop = np.stack([side * (141 + 17 * np.sin(t)), 366 + 30 - 30 * np.cos(t)], 1)
        image = chain(canvas, image, hoop, GOLD, 3.4)
    return image
