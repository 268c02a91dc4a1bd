"""Kenji: a man of about thirty, light skin, black hair combed up, a dark green jersey."""

from __future__ import annotations

import numpy as np

from tools.portraits import shapes
from tools.portraits.canvas import Canvas
from tools.portraits.features import paint_features
from tools.portraits.hair import Tufts, drop_shadow, paint_fuzz, paint_tufts
from tools.portraits.head import outline_of, paint_ears, paint_neck
from tools.portraits.look import Brows, Eyes, Head, Look, Mouth, Nose, Skin
from tools.portraits.paint import Array, over, smoothstep, spline
from tools.portraits.scene import Cloth, backdrop, garment, sides

LOOK = Look(
    seed=21,
    skin=Skin((0.875, 0.700, 0.580), (0.860, 0.560, 0.480), (0.740, 0.485, 0.430), blush_strength=0.6, gloss=0.9),
    head=Head(shapes.OVAL_FACE, shapes.STRONG_NECK, cheek=1.15, hollow=1.2, brow=0.85, chin=1.1, ears=1.0,
              ear_at=(141.0, 334.0)),
    eyes=Eyes(
        shapes.SLENDER_UPPER, shapes.SLENDER_LOWER, shapes.SLENDER_CREASE,
        ((0.07, 0.045, 0.035), (0.24, 0.145, 0.085), (0.42, 0.27, 0.14)), tilt=-0.03, scale=(0.97, 1.02),
        lashes=0.45, lash_count=60, liner=0.7, shadow=(0.78, 0.62, 0.55), shadow_strength=0.22, radius=14.8,
    ),
    brows=Brows(shapes.STRAIGHT_BROW_LOWER, shapes.STRAIGHT_BROW_UPPER, (0.085, 0.065, 0.055), 0.62, 520, 1.15),
    nose=Nose(width=1.08, length=0.99, bridge=0.86, wings=0.95),
    mouth=Mouth(y=452.0, half_width=53.0, upper=0.84, lower=0.88, smile=5.2, gloss=0.55),
    middle_y=358.0, zoom=1.07,
)  # fmt: skip
TONES = ((0.022, 0.022, 0.026), (0.075, 0.070, 0.072), (0.22, 0.20, 0.20), (0.50, 0.47, 0.46))
HAIRLINE = ((-134, 256), (-129, 214), (-113, 178), (-70, 158), (0, 154), (66, 157), (112, 177), (129, 214), (134, 256))
CROWN = ((-146, 222), (-150, 160), (-128, 106), (-72, 66), (6, 50), (82, 66), (134, 108), (151, 162), (146, 222))
FRONT_FLOW = ((-10, -20), (-20, -36), (-4, -56), (34, -72), (58, -70), (62, -56), (44, -40), (20, -30), (8, -18))
BACK_FLOW = ((-3, 4), (-6, -6), (-2, -12), (14, -16), (28, -12), (28, -6), (14, -2), (6, 4), (2, 8))
COLLAR = (
    (0, 668),
    (52, 661),
    (94, 641),
    (113, 622),
    (121, 609),
    (131, 607),
    (182, 626),
    (250, 648),
    (318, 674),
    (372, 714),
    (410, 800),
)
BAND = ((0, 652), (52, 646), (92, 628), (110, 608))


FOLDS = (
    (-112, 680, -60, 785, 6.8, 10), (110, 684, 62, 785, 6.8, 10), (-262, 690, -238, 800, 12, 12),
    (268, 692, 240, 800, 12, 12), (-30, 730, -4, 800, 4, 10),
)  # fmt: skip


def paint(canvas: Canvas, rng: np.random.Generator) -> Array:
    """Paint him."""
    image = backdrop(canvas, (0.52, 0.57, 0.60), (0.80, 0.84, 0.84), (0.25, 0.31, 0.37), rng)
    image = paint_neck(canvas, image, LOOK, rng)
    image = paint_ears(canvas, image, LOOK, rng)
    jersey = Cloth((0.155, 0.245, 0.215), folds=FOLDS, knit=0.16, ribs=0.10)
    image = garment(canvas, image, sides(COLLAR), jersey, rng)
    inner, outer = spline(BAND), spline(COLLAR[:5])
    half = np.vstack([inner, outer[::-1]])
    band = np.vstack([half * (-1, 1), half[::-1]])
    image = garment(canvas, image, band, Cloth((0.150, 0.235, 0.205), body=12, knit=0.16, ribs=0.3, reach=9), rng)
    image = paint_features(canvas, image, LOOK, rng)
    return _hair(canvas, image, rng)


def _hair(canvas: Canvas, image: Array, rng: np.random.Generator) -> Array:
    line, crown = spline(HAIRLINE), spline(CROWN)
    cap = canvas.fill(np.vstack([line, crown[::-1]]), 2.0)
    side = canvas.fill(outline_of(LOOK), 2) * smoothstep(120, 140, np.abs(canvas.x)) * smoothstep(330, 270, canvas.y)
    density = np.clip(side * smoothstep(150, 200, canvas.y) + 0.6 * canvas.blur(cap, 5), 0, 1) * (canvas.y < 322)
    image = over(image, (0.13, 0.11, 0.105), 0.80 * canvas.blur(density.astype(np.float32), 3))
    image = paint_fuzz(
        canvas,
        image,
        density,
        lambda x, y: (0.3 * np.sign(x), 1.0 if y > 225 else -1.0),
        (TONES[:3], 16000, 5.0, 0.5, 0.5),
        rng,
    )
    image = drop_shadow(canvas, image, cap, (0.62, 0.46, 0.40), 0.42)
    image = over(image, TONES[0], cap)
    rows, flows = (line, crown), (spline(FRONT_FLOW), spline(BACK_FLOW))
    return paint_tufts(
        canvas,
        image,
        rows,
        flows,
        Tufts(TONES, locks=260, strands=40, spread=11.0, base=0.23, shine=0.52, width=0.7),
        rng,
    )
