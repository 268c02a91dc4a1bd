"""Priya: a woman in her twenties, warm brown skin, black hair combed back and over one shoulder, an emerald blouse."""

from __future__ import annotations

import numpy as np

from tools.portraits import shapes
from tools.portraits.canvas import Canvas
from tools.portraits.features import paint_features
from tools.portraits.hair import Strands, area, drop_shadow, guides_of, paint_strands
from tools.portraits.head import paint_ears, paint_neck
from tools.portraits.look import Brows, Eyes, Head, Look, Mouth, Nose, Skin
from tools.portraits.paint import Array, over, screen, smoothstep, spline
from tools.portraits.scene import Cloth, backdrop, chain, garment, sides

LOOK = Look(
    seed=51,
    skin=Skin((0.715, 0.505, 0.375), (0.760, 0.410, 0.330), (0.655, 0.300, 0.300), (0.60, 0.45, 0.40), 0.9, 1.15),
    head=Head(shapes.SOFT_FACE, shapes.SLIM_NECK, cheek=1.1, ears=0.86, ear_at=(137.0, 336.0)),
    eyes=Eyes(
        shapes.ALMOND_UPPER, shapes.ALMOND_LOWER, shapes.ALMOND_CREASE,
        ((0.075, 0.045, 0.03), (0.27, 0.16, 0.09), (0.50, 0.31, 0.15)), scale=(1.04, 1.10), tilt=-0.04,
        lashes=0.85, lash_count=110, liner=1.4, shadow=(0.60, 0.43, 0.38), shadow_strength=0.42, radius=16.2,
        white=(0.88, 0.85, 0.83),
    ),
    brows=Brows(shapes.SOFT_BROW_LOWER, shapes.SOFT_BROW_UPPER, (0.085, 0.060, 0.050), 0.62, 460, 1.1),
    nose=Nose(width=1.0, length=0.99, bridge=0.95, wings=0.95),
    mouth=Mouth(y=446.0, half_width=53.0, upper=1.08, lower=1.10, smile=7.0, gloss=1.1),
    middle_y=352.0, zoom=1.12,
)  # fmt: skip
TONES = ((0.022, 0.017, 0.018), (0.070, 0.050, 0.046), (0.21, 0.150, 0.125), (0.52, 0.41, 0.35))
CAP = (
    ((4, 149), (40, 152), (78, 176), (106, 216), (124, 258), (135, 296), (141, 336), (128, 384), (104, 430), (58, 470)),
    ((4, 124), (52, 128), (96, 158), (124, 204), (140, 254), (147, 296), (149, 340), (138, 390), (112, 442), (58, 488)),
    ((4, 96), (58, 98), (108, 134), (138, 190), (151, 250), (157, 298), (157, 344), (147, 396), (120, 454), (58, 506)),
    ((4, 58), (64, 64), (120, 104), (152, 172), (165, 244), (168, 300), (165, 348), (155, 402), (127, 466), (58, 524)),
)
FALL = (
    ((128, 330), (130, 380), (126, 440), (116, 510), (96, 580), (84, 650), (92, 720), (100, 820)),
    ((146, 318), (152, 380), (150, 440), (146, 510), (134, 580), (126, 650), (130, 720), (134, 820)),
    ((156, 318), (168, 380), (174, 440), (176, 510), (170, 580), (166, 650), (166, 720), (166, 820)),
    ((162, 318), (178, 380), (192, 440), (200, 510), (200, 580), (198, 650), (196, 720), (192, 820)),
)
BLOUSE = (
    (0, 694),
    (60, 690),
    (110, 670),
    (146, 640),
    (158, 634),
    (196, 644),
    (256, 662),
    (322, 688),
    (366, 722),
    (402, 790),
)
NECKLACE = ((-94, 626), (-60, 652), (-24, 668), (0, 672), (24, 668), (60, 652), (94, 626))
FOLDS = (
    (-112, 690, -70, 785, 6.8, 9), (-60, 716, -20, 790, 5, 8), (66, 712, 22, 790, 4.5, 8),
    (-262, 690, -238, 800, 12, 12), (266, 692, 238, 800, 12, 12), (-180, 660, -150, 790, 7, 10),
)  # fmt: skip
GOLD = (0.95, 0.72, 0.40)


def paint(canvas: Canvas, rng: np.random.Generator) -> Array:
    """Paint her."""
    image = backdrop(canvas, (0.66, 0.56, 0.58), (0.92, 0.80, 0.76), (0.42, 0.33, 0.40), rng)
    cap = Strands(TONES, count=4200, locks=26, base=0.22, gather=0.10, shine=((0.27, 0.11, 0.56),), width=0.7)
    combed = [guides_of(CAP, side) + _parting(side) for side in (-1, 1)]
    image = over(
        image,
        np.asarray(TONES[0]),
        canvas.fill([(20, 380), (140, 330), (166, 400), (160, 520), (120, 640), (20, 600)], 3),
    )
    for guides in combed:
        image = paint_strands(canvas, image, guides, cap, rng)
    hair = image
    image = paint_neck(canvas, image, LOOK, rng)
    image = chain(canvas, image, spline(NECKLACE), GOLD, 1.8)
    image = garment(canvas, image, sides(BLOUSE), Cloth((0.035, 0.330, 0.270), folds=FOLDS, knit=0.03, sheen=0.35), rng)
    fall = guides_of(FALL)
    image = drop_shadow(canvas, image, area(canvas, fall), (0.5, 0.45, 0.42), 0.5)
    wavy = Strands(TONES, 4600, 22, (11.0, 2.3, 0.15), ((0.30, 0.14, 0.34), (0.66, 0.12, 0.32)), 0.20, width=0.7)
    image = paint_strands(canvas, image, fall, wavy, rng)
    image = paint_ears(canvas, image, LOOK, rng)
    image = paint_features(canvas, image, LOOK, rng)
    over_face = np.maximum(*(area(canvas, guides, 0.6) for guides in combed)) * smoothstep(326, 306, canvas.y)
    image = drop_shadow(canvas, image, over_face, LOOK.skin.shade, 0.5)
    image = over(image, hair, over_face)
    return _earrings(canvas, image)


def _parting(side: int) -> Array:
    """Move the hair's beginning, so that the parting is a little to the right."""
    shift = 8.0 * np.linspace(1, 0, 91)[:, None] if side < 0 else np.zeros((91, 1))
    return np.hstack([shift, np.zeros((91, 1))])


def _earrings(canvas: Canvas, image: Array) -> Array:
    for side in (-1, 1):
        drop = (side * 139, 388)
        image = chain(canvas, image, spline([(drop[0], 372), (drop[0] + 0.5, 380), drop]), GOLD, 1.8)
        image = over(
            image,
            (0.05, 0.42, 0.33),
            canvas.blob(drop[0], 396, 4.0, 5.4) ** 0.45 * (canvas.blob(drop[0], 396, 4.0, 5.4) > 0.3),
        )
        image = screen(image, (0.9, 1.0, 0.95), 0.9 * canvas.blob(drop[0] - 1.4, 393.5, 1.1, 1.4))
    return image
