"""Rafael: a man in his late forties, olive skin, a short beard going grey, shirt and jacket."""

from __future__ import annotations

import numpy as np

from tools.portraits import shapes
from tools.portraits.canvas import Canvas
from tools.portraits.features import paint_features
from tools.portraits.hair import Tufts, drop_shadow, paint_fuzz, paint_tufts
from tools.portraits.head import outline_of, paint_ears, paint_neck
from tools.portraits.look import Brows, Eyes, Head, Look, Mouth, Nose, Skin
from tools.portraits.mouth import lip_curves, mouth_view
from tools.portraits.paint import Array, mirrored, over, smoothstep, spline
from tools.portraits.scene import Cloth, backdrop, garment, sides

LOOK = Look(
    seed=31,
    skin=Skin((0.790, 0.590, 0.460), (0.790, 0.470, 0.380), (0.640, 0.370, 0.335), blush_strength=0.7, age=0.5),
    head=Head(shapes.SQUARE_FACE, shapes.STRONG_NECK, cheek=1.0, hollow=1.1, brow=1.35, chin=1.2, ears=1.05,
              ear_at=(144.0, 336.0)),
    eyes=Eyes(
        shapes.BROAD_UPPER, shapes.BROAD_LOWER, shapes.BROAD_CREASE,
        ((0.10, 0.075, 0.045), (0.33, 0.24, 0.135), (0.52, 0.40, 0.20)), scale=(0.97, 0.98), tilt=0.02,
        lashes=0.6, lash_count=70, liner=0.8, shadow=(0.68, 0.52, 0.46), shadow_strength=0.32, radius=14.6,
    ),
    brows=Brows(shapes.STRAIGHT_BROW_LOWER, shapes.STRAIGHT_BROW_UPPER, (0.13, 0.095, 0.075), 0.6, 560, 1.25),
    nose=Nose(width=1.10, length=1.03, bridge=1.12, wings=1.0, tip=1.1),
    mouth=Mouth(y=453.0, half_width=54.0, upper=0.74, lower=0.82, smile=5.4, gloss=0.5),
    middle_y=366.0, zoom=1.08,
)  # fmt: skip
TONES = ((0.035, 0.028, 0.026), (0.12, 0.092, 0.078), (0.28, 0.235, 0.21), (0.62, 0.58, 0.55))
GREYING = ((0.07, 0.058, 0.052), (0.20, 0.165, 0.145), (0.46, 0.43, 0.41), (0.74, 0.72, 0.70))
HAIRLINE = (
    (-134, 262),
    (-130, 214),
    (-114, 172),
    (-88, 146),
    (-10, 152),
    (62, 147),
    (110, 168),
    (130, 214),
    (134, 262),
)
CROWN = ((-150, 236), (-155, 176), (-136, 118), (-80, 76), (0, 60), (82, 74), (136, 118), (155, 176), (150, 236))
FRONT_FLOW = ((-12, -12), (-20, -26), (-22, -44), (14, -58), (48, -50), (56, -36), (40, -26), (16, -14), (10, -6))
BACK_FLOW = ((-3, 8), (-8, -4), (-8, -14), (16, -16), (28, -10), (24, -4), (12, 2), (6, 8), (3, 10))
BEARD = ((0, 474), (22, 486), (44, 476), (62, 450), (84, 438), (102, 432), (118, 410), (127, 374), (131, 330),
         (137, 332), (136, 390), (129, 432), (115, 468), (92, 500), (61, 525), (30, 538), (0, 541))  # fmt: skip
MOUSTACHE = (
    (0, 421),
    (12, 418),
    (34, 425),
    (56, 440),
    (68, 462),
    (70, 486),
    (58, 484),
    (60, 462),
    (54, 449),
    (30, 442),
    (0, 437),
)
SHIRT = (
    (0, 760),
    (40, 704),
    (84, 652),
    (112, 612),
    (122, 600),
    (132, 604),
    (190, 640),
    (300, 676),
    (372, 720),
    (410, 800),
)
COLLAR = (
    (0, 748),
    (28, 716),
    (62, 670),
    (90, 630),
    (104, 596),
    (116, 586),
    (128, 606),
    (138, 650),
    (108, 716),
    (84, 742),
    (48, 706),
    (20, 752),
)
JACKET = (
    (64, 900),
    (72, 800),
    (92, 720),
    (118, 664),
    (140, 622),
    (150, 616),
    (200, 632),
    (280, 656),
    (350, 684),
    (398, 726),
    (420, 800),
    (430, 900),
)
LAPEL = (
    (70, 800),
    (66, 770),
    (84, 708),
    (112, 656),
    (138, 616),
    (152, 614),
    (168, 650),
    (178, 700),
    (150, 716),
    (162, 734),
    (112, 800),
    (84, 860),
)


def paint(canvas: Canvas, rng: np.random.Generator) -> Array:
    """Paint him."""
    image = backdrop(canvas, (0.40, 0.40, 0.41), (0.66, 0.64, 0.61), (0.17, 0.18, 0.21), rng)
    image = paint_neck(canvas, image, LOOK, rng)
    image = paint_ears(canvas, image, LOOK, rng)
    image = garment(canvas, image, sides(SHIRT), Cloth((0.80, 0.85, 0.90), body=30, knit=0.03), rng)
    for side in (-1, 1):
        flip = np.array([side, 1.0])
        image = garment(canvas, image, spline(JACKET) * flip, Cloth((0.165, 0.190, 0.245), knit=0.12, folds=(
            (side * 240, 690, side * 222, 800, 12, 12), (side * 330, 700, side * 300, 800, 8, 12))), rng)  # fmt: skip
        image = garment(
            canvas,
            image,
            spline(LAPEL, closed=True) * flip,
            Cloth((0.180, 0.205, 0.262), body=10, knit=0.12, reach=8),
            rng,
        )
        image = garment(
            canvas, image, np.asarray(COLLAR) * flip, Cloth((0.84, 0.88, 0.92), body=12, knit=0.02, reach=10), rng
        )
    image = paint_features(canvas, image, LOOK, rng)
    return _hair(canvas, _beard(canvas, image, rng), rng)


def _beard(canvas: Canvas, image: Array, rng: np.random.Generator) -> Array:
    view = mouth_view(canvas, LOOK)
    top, _, bottom = lip_curves(LOOK)
    lips = view.fill(np.vstack([top, bottom[::-1]]), 2.2)
    soft = canvas.fill(spline(mirrored(BEARD), closed=True), 4.0) + canvas.fill(
        spline(mirrored(MOUSTACHE), closed=True), 3.2
    )
    tuft = canvas.blob(0, 484, 11, 6)
    density = np.clip(soft + tuft, 0, 1) * np.clip(1 - 1.6 * lips, 0, 1)
    density = (density * (0.55 + 0.45 * smoothstep(330, 420, canvas.y))).astype(np.float32)
    image = over(image, (0.20, 0.145, 0.12), 0.66 * density)

    def heading(x: float, y: float) -> tuple[float, float]:
        return (0.55 * np.sign(x) if y < 470 and abs(x) < 66 else 0.004 * x, 1.0)

    image = paint_fuzz(canvas, image, density, heading, (TONES[:3], 60000, 6.0, 0.5, 0.6), rng)
    silver = np.clip(density * (smoothstep(490, 530, canvas.y) * smoothstep(70, 30, np.abs(canvas.x)) + 0.35), 0, 1)
    return paint_fuzz(canvas, image, silver, heading, (GREYING[1:], 12000, 6.0, 0.45, 0.5), rng)


def _hair(canvas: Canvas, image: Array, rng: np.random.Generator) -> Array:
    line, crown = spline(HAIRLINE), spline(CROWN)
    cap = canvas.fill(np.vstack([line, crown[::-1]]), 2.0)
    side = canvas.fill(outline_of(LOOK), 2) * smoothstep(121, 141, np.abs(canvas.x)) * smoothstep(356, 320, canvas.y)
    density = np.clip(side * smoothstep(150, 200, canvas.y) + 0.6 * canvas.blur(cap, 5), 0, 1).astype(np.float32)
    image = over(image, (0.16, 0.125, 0.11), 0.6 * canvas.blur(density, 3))
    image = paint_fuzz(
        canvas,
        image,
        density,
        lambda x, y: (0.25 * np.sign(x), 1.0 if y > 225 else -1.0),
        (GREYING[:3], 16000, 6.0, 0.5, 0.55),
        rng,
    )
    image = drop_shadow(canvas, image, cap, (0.62, 0.46, 0.40), 0.40)
    image = over(image, TONES[0], cap)
    rows, flows = (line, crown), (spline(FRONT_FLOW), spline(BACK_FLOW))
    image = paint_tufts(
        canvas,
        image,
        rows,
        flows,
        Tufts(TONES, locks=250, strands=40, spread=12.0, base=0.22, shine=0.34, width=0.7),
        rng,
    )
    temples = smoothstep(104, 134, np.abs(canvas.x)) * canvas.blur(cap, 3) * smoothstep(150, 210, canvas.y)
    return paint_fuzz(
        canvas,
        image,
        temples.astype(np.float32),
        lambda x, y: (0.5 * np.sign(x), -0.6),
        (GREYING[1:], 2600, 12.0, 0.45, 0.4),
        rng,
    )
