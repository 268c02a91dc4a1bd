"""Head, neck and ears: their reliefs, and the lit skin."""

from __future__ import annotations

import numpy as np

from tools.portraits.canvas import Canvas
from tools.portraits.light import KEY, NECK_KEY, Form, Surface, cast_shadow, lit
from tools.portraits.look import Look
from tools.portraits.mouth import lips, mouth_relief
from tools.portraits.paint import Array, mirrored, multiply, over, smoothstep, spline, to_linear

MIDDLE_Y = 315.0
EYE_Y = 307.2


def outline_of(look: Look) -> Array:
    """Return the closed outline of head and jaw."""
    return spline(mirrored(look.head.outline), closed=True)


def head_relief(canvas: Canvas, look: Look) -> Array:
    """Make all of the face but its colours."""
    relief = _dome(canvas, outline_of(look)) + nose_relief(canvas, look) + mouth_relief(canvas, look)
    return np.asarray(relief + _eye_relief(canvas, look) + _cheek_relief(canvas, look) + _age_relief(canvas, look))


def _dome(canvas: Canvas, outline: Array) -> Array:
    rel = outline - (0, MIDDLE_Y)
    angle = np.arctan2(rel[:, 1], rel[:, 0])
    order = np.argsort(angle)
    radius = np.hypot(rel[:, 0], rel[:, 1])[order]
    dx, dy = canvas.x, canvas.y - MIDDLE_Y
    edge = np.interp(np.arctan2(dy, dx), angle[order], radius, period=2 * np.pi).astype(np.float32)
    r = np.hypot(dx, dy) / edge
    dome = 142 * np.sqrt(np.clip(1 - np.power(r, 2.35), 0.0, 1))
    return np.asarray(dome - 0.9 * np.clip(r - 1, 0, 0.3) * 128, np.float32)


def nose_view(canvas: Canvas, look: Look) -> Canvas:
    """Look at the nose; its origin is the bridge, on the eyes' height."""
    return canvas.view((0.0, 276.0), (look.nose.width, look.nose.length))


def nose_relief(canvas: Canvas, look: Look) -> Array:
    """Make bridge, tip, wings and the nostrils' hollows."""
    view, nose = nose_view(canvas, look), look.nose
    along = [(0, 0), (16, 3.5), (34, 9), (64, 19), (89, 29), (106, 34), (117, 31.5), (126, 19), (133, 6), (140, 0)]
    heights = spline(along)
    widths = spline([(0, 16), (24, 10.5), (64, 11.5), (92, 15), (112, 18.5), (138, 17)])
    profile = np.interp(view.y, heights[:, 0], heights[:, 1]).astype(np.float32)
    width = np.interp(view.y, widths[:, 0], widths[:, 1]).astype(np.float32)
    strength = nose.bridge + (1 - nose.bridge) * smoothstep(70, 104, view.y)
    bridge = view.blur(profile * strength * np.exp(-np.power(np.abs(view.x / width), 2.3) * 0.62), 1.2)
    relief = bridge + 7.5 * nose.tip * view.blob(0, 112, 12.5, 11)
    relief += 13.0 * nose.wings * view.pair(24.5, 116, 7.5, 8.0, 10) - 4.5 * view.pair(33.5, 114, 4.0, 9, -18)
    return np.asarray(relief - 9.0 * view.pair(12.5, 127, 6.0, 3.4, -14))


def paint_nose(canvas: Canvas, image: Array, look: Look) -> Array:
    """Paint the nostrils and the small darks around the wings."""
    light = look.skin.shade
    for side in (-1, 1):
        view = canvas.view((0.0, 276.0), (look.nose.width, look.nose.length), mirror=side)
        nostril = spline(
            [(6.5, 127.0), (11, 123.8), (17.5, 124.2), (20.5, 127.4), (15, 129.2), (9, 129.2)], closed=True
        )
        image = multiply(image, (light[0], light[1] * 0.9, light[2] * 0.9), 0.70 * view.fill(nostril, 2.4))
        image = multiply(image, (0.34, 0.20, 0.18), 0.74 * view.fill(nostril, 0.8))
        wing = [(34.0, 113), (34.5, 119), (31, 126), (25, 128.5)]
        image = multiply(image, (0.74, 0.56, 0.50), 0.42 * view.ridge(wing, 1.8))
    under = canvas.view((0.0, 276.0), (look.nose.width, look.nose.length))
    return multiply(image, (0.78, 0.60, 0.55), 0.40 * under.blob(4, 136, 22, 5))


def _eye_relief(canvas: Canvas, look: Look) -> Array:
    brow, eyes = look.head.brow, look.eyes
    dy = eyes.at[1] - EYE_Y
    relief = -13.0 * brow * canvas.pair(62, 300 + dy, 33, 21, 4) - 9.0 * canvas.pair(32, 299 + dy, 12, 17, 8)
    relief += 11.0 * canvas.pair(eyes.at[0], 309 + dy, 23, 17) + 4.8 * brow * canvas.pair(64, 268 + dy, 40, 12, 4)
    for side in (-1, 1):
        view = canvas.view(eyes.at, eyes.scale, eyes.tilt, side)
        relief += -2.6 * view.line(spline(eyes.crease), 2.0, 0.8)
        pouch = spline(eyes.lower)[10:-8] + (0, 13)
        relief += -(0.9 + 2.6 * look.skin.age) * view.line(pouch, 4.0, 1.2)
    return np.asarray(relief)


def _cheek_relief(canvas: Canvas, look: Look) -> Array:
    head = look.head
    relief = head.cheek * (7.4 * canvas.pair(90, 350, 28, 22, 20) + 7.0 * canvas.pair(66, 376, 24, 22))
    relief += -5.0 * head.hollow * canvas.pair(102, 424, 22, 32, 22) - 3.4 * canvas.pair(120, 262, 14, 28)
    relief += 5.0 * canvas.pair(32, 205, 34, 32)
    chin_y = head.outline[-1][1]
    return np.asarray(relief + 9.0 * head.chin * canvas.blob(0, chin_y - 21, 22, 14))


def _age_relief(canvas: Canvas, look: Look) -> Array:
    age = look.skin.age
    relief = np.zeros_like(canvas.x)
    for side in (-1, 1):
        view = canvas.view((0, 0), mirror=side)
        relief += -(1.5 + 3.2 * age) * view.ridge([(38, 396), (51, 412), (61, 432)], 3.6)
        if age > 0:
            relief += -3.0 * age * view.ridge([(60, 452), (64, 466), (62, 480)], 3.2)
            for height, spread in ((300, -5), (307, 1), (314, 7)):
                relief += (
                    -1.6
                    * age
                    * view.ridge([(106, height + 2), (116, height + spread * 0.4), (125, height + spread)], 1.5)
                )
    if age > 0:
        for height, deep in ((196, 0.8), (214, 1.0), (232, 0.8)):
            line = [(-62, height + 5), (-30, height - 1), (0, height + 2), (30, height - 1), (62, height + 5)]
            relief += -1.1 * age * deep * canvas.ridge(line, 2.6)
        relief += -1.2 * age * canvas.view((8, 262)).ridge([(0, 0), (-1, 10), (1, 19)], 1.8)
    return relief


def paint_face(canvas: Canvas, image: Array, look: Look, rng: np.random.Generator) -> Array:
    """Paint the lit skin of the face, with the lips' colour in it."""
    relief = head_relief(canvas, look)
    mask = canvas.fill(outline_of(look), 0.7)
    shadow = 0.26 + 0.74 * cast_shadow(canvas, relief, KEY, 76, 20)
    albedo, is_lip = lips(canvas, _albedo(canvas, look, rng), look, rng)
    gloss = 0.75 + 0.40 * canvas.pair(30, 205, 40, 34) + 0.6 * canvas.blob(0, 384, 10, 14)
    gloss += 0.40 * canvas.pair(84, 352, 24, 18) + 0.3 * canvas.blob(0, 335, 7, 34)
    gloss = gloss * (1 + 0.12 * canvas.noise(rng, 0.9)) * look.skin.gloss
    gloss = gloss + 1.1 * look.mouth.gloss * is_lip - 0.45 * canvas.pair(62, 300, 36, 16)
    form = Form(relief, mask, np.clip(gloss, 0.1, 3))
    return over(image, lit(canvas, form, to_linear(albedo), shadow, Surface()), mask)


def _albedo(canvas: Canvas, look: Look, rng: np.random.Generator) -> Array:
    skin = look.skin
    tone = canvas.ones(skin.tone)
    dark = np.asarray(skin.tone) * (0.86, 0.79, 0.78)
    warm = skin.blush_strength
    tone = over(
        tone, skin.blush, warm * (0.32 * canvas.blob(-84, 374, 30, 24, 20) + 0.26 * canvas.blob(82, 372, 28, 22, -20))
    )
    tone = over(tone, skin.blush, warm * (0.26 * canvas.blob(0, 386, 22, 15) + 0.14 * canvas.blob(0, 506, 24, 14)))
    tone = over(tone, dark, (0.30 + 0.25 * skin.age) * canvas.pair(58, 328, 28, 8, 6))
    tone = over(tone, dark, 0.34 * canvas.pair(66, 290, 34, 11, 4))
    tone = over(tone, np.clip(np.asarray(skin.tone) * 1.04, 0, 1), 0.4 * canvas.blob(0, 210, 80, 50))
    mottling = 0.006 * canvas.noise(rng, 7) + 0.005 * canvas.noise(rng, 2.5) + 0.010 * canvas.noise(rng, 0.7)
    tone = tone * (
        1 + skin.mottle * (1 + 0.9 * skin.age) * mottling[..., None] * np.asarray((0.7, 1.0, 1.0), np.float32)
    )
    if skin.freckles > 0:
        tone = over(tone, np.asarray(skin.tone) * (0.76, 0.62, 0.55), skin.freckles * _freckles(canvas, rng))
    return tone


def _freckles(canvas: Canvas, rng: np.random.Generator) -> Array:
    picture = np.zeros((canvas.side, canvas.side, 3), np.uint8)
    for x, y in rng.normal((0, 356), (64, 22), (260, 2)):
        size = rng.uniform(0.7, 2.0)
        canvas.stroke(picture, [(x - size, y), (x, y), (x + size, y)], 1.6 * size, np.ones(3) * rng.uniform(0.2, 1))
    return canvas.blur(picture[..., 0].astype(np.float32) / 255, 0.5)


def paint_neck(canvas: Canvas, image: Array, look: Look, rng: np.random.Generator) -> Array:
    """Paint neck and chest, in the soft shadow of the jaw."""
    skin, outline = look.skin, outline_of(look)
    rows = spline(look.head.neck)
    width = np.interp(canvas.y, rows[:, 0], rows[:, 1]).astype(np.float32)
    across = np.clip(np.abs(canvas.x) / width, 0, 1)
    relief = -122 + 78 * np.sqrt(1 - np.power(across, 2.3))
    relief += 4.0 * canvas.pair(31, 606, 10, 60, 14) - 5.0 * canvas.blob(0, 655, 13, 12)
    relief += 5.5 * canvas.pair(66, 664, 44, 6, -10) - 3.0 * canvas.pair(60, 676, 40, 6, -10)
    for height in (560, 588):
        fold = [(-60, height - 6), (-20, height + 1), (24, height + 2), (60, height - 5)]
        relief += -(0.4 + 2.0 * skin.age) * canvas.ridge(fold, 2.5)
    mask = smoothstep(-0.8, 0.8, width - np.abs(canvas.x)) * (canvas.y > rows[0, 0])
    face = np.where(canvas.fill(outline, 0.7) > 0.5, head_relief(canvas, look), -200).astype(np.float32)
    scene = np.where(face > 0, np.maximum(face, relief), relief).astype(np.float32)
    shadow = 0.10 + 0.90 * cast_shadow(canvas, scene, NECK_KEY, 150, 40)
    tone = np.asarray(skin.tone, np.float32) * (0.97, 0.955, 0.94) * (1 + 0.01 * canvas.noise(rng, 3))[..., None]
    form = Form(relief.astype(np.float32), mask, np.full_like(canvas.x, 0.55 * skin.gloss))
    painted = lit(canvas, form, to_linear(tone), shadow, Surface())
    jaw = canvas.fill(outline + (6, 22), 14) * smoothstep(690, 560, canvas.y)
    painted = multiply(painted, skin.shade, 0.80 * jaw)
    painted = multiply(painted, skin.shade, 0.75 * canvas.fill(outline + (2, 5), 4))
    edge = smoothstep(0.62, 1.0, across) * smoothstep(660, 600, canvas.y)
    return over(image, multiply(painted, (0.72, 0.56, 0.50), 0.45 * edge), mask)


def paint_ears(canvas: Canvas, image: Array, look: Look, rng: np.random.Generator) -> Array:
    """Paint both ears behind the edge of the face."""
    if look.head.ears <= 0:
        return image
    size = look.head.ears
    rim = spline(
        [(-12, -36), (2, -43), (15, -38), (21, -24), (19, -6), (14, 12), (8, 28), (0, 38), (-8, 34), (-14, 10)],
        closed=True,
    )
    for side in (-1, 1):
        view = canvas.view(look.head.ear_at, (size, size), mirror=side)
        mask = view.fill(rim, 0.8)
        relief = 20 + 14 * view.blur(view.fill(rim), 5)
        relief += 9.0 * view.ridge([(-6, -30), (4, -37), (13, -31), (16, -18), (13, -2), (9, 12)], 2.6)
        relief += 6.0 * view.ridge([(-4, -18), (4, -22), (8, -12), (7, 2), (1, 14)], 2.6)
        relief += -9.0 * view.blob(0, -2, 5, 10) + 3.0 * view.blob(-9, 3, 3.5, 6)
        tone = over(canvas.ones(look.skin.tone), look.skin.blush, 0.45 * look.skin.blush_strength * mask)
        form = Form(relief.astype(np.float32), mask, np.full_like(view.x, 0.6 * look.skin.gloss))
        light = np.full_like(view.x, 0.9 if side < 0 else 0.5)
        painted = lit(canvas, form, to_linear(tone * (1 + 0.01 * canvas.noise(rng, 2))[..., None]), light, Surface(0.8))
        painted = multiply(painted, look.skin.shade, 0.95 * view.blob(-1, -3, 6.5, 13) + 0.6 * view.line(rim, 1.6))
        painted = multiply(painted, look.skin.shade, 0.7 * smoothstep(2, -14, view.x))
        image = over(image, painted, mask)
    return image
