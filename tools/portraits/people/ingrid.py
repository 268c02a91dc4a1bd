"""Ingrid: a woman in her late sixties, fair skin, a silver bob, a wine-red roll-neck."""

from __future__ import annotations

import numpy as np

from tools.portraits import shapes
from tools.portraits.canvas import Canvas
from tools.portraits.features import paint_features
from tools.portraits.hair import Strands, area, drop_shadow, guides_of, paint_strands
from tools.portraits.head import paint_neck
from tools.portraits.look import Brows, Eyes, Head, Look, Mouth, Nose, Skin
from tools.portraits.paint import Array, over, spline
from tools.portraits.scene import Cloth, backdrop, garment, sides

LOOK = Look(
    seed=41,
    skin=Skin((0.915, 0.760, 0.680), (0.900, 0.580, 0.530), (0.735, 0.400, 0.400), blush_strength=1.1, gloss=0.8,
              age=1.0, mottle=0.6),
    head=Head(shapes.SOFT_FACE, shapes.SLIM_NECK, cheek=1.05, hollow=1.15, chin=1.0),
    eyes=Eyes(
        shapes.BROAD_UPPER, shapes.BROAD_LOWER, shapes.BROAD_CREASE,
        ((0.16, 0.24, 0.32), (0.46, 0.60, 0.68), (0.55, 0.70, 0.75)), scale=(0.98, 1.0), tilt=0.035,
        lashes=0.85, lash_count=85, liner=0.95, shadow=(0.70, 0.58, 0.55), shadow_strength=0.34, radius=14.6,
    ),
    brows=Brows(shapes.SOFT_BROW_LOWER, shapes.SOFT_BROW_UPPER, (0.40, 0.345, 0.31), 0.42, 360),
    nose=Nose(width=1.03, length=1.02, bridge=1.0, wings=1.0),
    mouth=Mouth(y=447.0, half_width=52.0, upper=0.80, lower=0.86, smile=7.2, gloss=0.9),
    middle_y=352.0, zoom=1.12,
)  # fmt: skip
TONES = ((0.17, 0.165, 0.168), (0.42, 0.415, 0.418), (0.70, 0.695, 0.69), (0.95, 0.945, 0.93))
RIGHT = (
    ((-46, 144), (-4, 152), (52, 178), (100, 214), (127, 258), (137, 306), (140, 356), (138, 410),
     (128, 458), (112, 496), (88, 520)),
    ((-45, 118), (6, 118), (74, 142), (124, 188), (149, 244), (158, 304), (163, 362), (163, 420),
     (155, 470), (134, 512), (104, 538)),
    ((-43, 88), (16, 80), (98, 106), (146, 164), (169, 240), (179, 306), (185, 368), (186, 430), (178, 482),
     (156, 526), (120, 552)),
    ((-40, 54), (18, 46), (110, 80), (162, 148), (184, 234), (194, 306), (201, 374), (203, 438), (196, 490),
     (172, 538), (132, 562)),
)  # fmt: skip
LEFT = (
    ((-46, 142), (-66, 150), (-96, 178), (-118, 222), (-130, 268), (-137, 320), (-140, 366), (-138, 414),
     (-128, 458), (-112, 496), (-88, 520)),
    ((-45, 118), (-76, 126), (-114, 160), (-138, 214), (-150, 268), (-157, 324), (-162, 374), (-162, 424),
     (-154, 470), (-133, 512), (-104, 538)),
    ((-43, 88), (-86, 98), (-134, 142), (-158, 204), (-170, 266), (-178, 326), (-184, 380), (-185, 432),
     (-177, 482), (-155, 526), (-120, 552)),
    ((-40, 54), (-94, 68), (-150, 122), (-174, 194), (-185, 264), (-193, 328), (-200, 384), (-202, 440),
     (-195, 490), (-171, 538), (-132, 562)),
)  # fmt: skip
BEHIND = (
    ((70, 300), (74, 360), (72, 420), (60, 490), (48, 566)), ((126, 300), (132, 360), (130, 420),
     (116, 490), (64, 566)),
    ((160, 300), (168, 360), (168, 420), (140, 480), (80, 566)),
)  # fmt: skip
BODY = ((0, 640), (60, 634), (96, 624), (128, 628), (190, 642), (262, 664), (330, 690), (376, 726), (410, 800))
ROLL = ((0, 566), (40, 563), (72, 555), (84, 549), (93, 560), (97, 600), (104, 640), (84, 660), (44, 672), (0, 676))


FOLDS = (
    (-112, 690, -60, 785, 6.8, 10), (110, 694, 62, 785, 6.8, 10), (-252, 690, -228, 800, 12, 12),
    (258, 692, 230, 800, 12, 12),
)  # fmt: skip


def paint(canvas: Canvas, rng: np.random.Generator) -> Array:
    """Paint her."""
    image = backdrop(canvas, (0.56, 0.60, 0.55), (0.83, 0.83, 0.74), (0.30, 0.36, 0.34), rng)
    behind = spline([(0, 60), (120, 90), (172, 200), (186, 340), (174, 440), (118, 520), (0, 560)])
    behind = np.vstack([behind, behind[::-1] * (-1, 1)])
    image = over(image, np.asarray(TONES[0]), canvas.fill(behind, 2))
    shaded = Strands(((0.10, 0.097, 0.10), TONES[0], TONES[1]), 1800, 20, base=0.32, width=0.7, ragged=0.12)
    for side in (-1, 1):
        image = paint_strands(canvas, image, guides_of(BEHIND, side), shaded, rng)
    image = paint_neck(canvas, image, LOOK, rng)
    image = garment(canvas, image, sides(BODY), Cloth((0.420, 0.120, 0.165), folds=FOLDS, knit=0.14, ribs=0.12), rng)
    half = spline(ROLL)
    roll = np.vstack([half, half[::-1] * (-1, 1)])
    creases = ((-70, 600, 60, 612, 4, 5), (-50, 634, 76, 622, 4, 5), (-86, 578, -20, 590, 3, 4))
    image = garment(canvas, image, roll, Cloth((0.445, 0.130, 0.175), 26, creases, 0.12, 0.20, reach=20), rng)
    image = paint_features(canvas, image, LOOK, rng)
    style = Strands(TONES, count=7600, locks=40, wave=(4.0, 1.4, 0.3), base=0.34, gather=0.2, width=0.6, ragged=0.10,
                    shine=((0.17, 0.10, 0.34), (0.62, 0.16, 0.16)))  # fmt: skip
    right, left = guides_of(RIGHT), guides_of(LEFT)
    shade = np.maximum(area(canvas, right), area(canvas, left))
    image = drop_shadow(canvas, image, shade, (0.62, 0.50, 0.46), 0.55)
    image = paint_strands(canvas, image, left, style, rng)
    return paint_strands(canvas, image, right, Strands(**{**style.__dict__, "base": 0.30}), rng)
