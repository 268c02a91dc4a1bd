"""Draw the default face: an original, closed-lipped, front-facing portrait of nobody in particular.

The picture is painted from nothing by this script.  Face, neck and clothes are relief maps (height
fields) under a soft studio light; eyes, brows, lips and hair are painted over them stroke by stroke.
The hair falls over the ears, so none are drawn.  Every part has its own seed: the same script always
gives the same picture, and changing one part leaves the others alone.

Run:    python tools/draw_portrait.py [output.png]        (default: app/avatars/default.png, 768 x 768)
Needs:  pip install numpy opencv-python-headless

Coordinates are in final pixels with x = 0 on the middle line of the face and y pointing down.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np

from tools.portraits.eyes import brow_hair
from tools.portraits.hair import across
from tools.portraits.light import unit, wrapped
from tools.portraits.paint import multiply, over, screen, spline, tapered, to_bytes, to_floats, to_linear, to_srgb

Array = np.ndarray
Point = tuple[float, float]

SIZE = 768  # side of the finished picture
SCALE = 2  # the picture is painted this much larger and then reduced
CENTRE_X = 384.0  # where x = 0 lies in the finished picture
SHIFT = 4  # OpenCV sub-pixel bits
SEED = 9
DEFAULT_OUTPUT = Path(__file__).resolve().parent.parent / "app" / "avatars" / "default.png"

# Landmarks the parts have to agree on.
EYE_X, EYE_Y = 64.5, 307.2
IRIS_RADIUS = 14.6
SEAM_Y = 445.0
MOUTH_HALF_WIDTH = 53.0
CHIN_Y = 524.0
HEAD_MIDDLE_Y = 315.0

# Light: unit vectors point from the surface to the lamp (x right, y down, z to the viewer).
KEY_LIGHT = (-0.52, -0.50, 0.69)
NECK_LIGHT = (-0.30, -0.80, 0.50)  # steeper, for the shadow of the chin
FILL_LIGHT = (0.62, 0.02, 0.78)
KEY_COLOUR = (1.00, 0.955, 0.90)
FILL_COLOUR = (0.30, 0.275, 0.275)
AMBIENT_COLOUR = (0.23, 0.215, 0.21)
BOUNCE_COLOUR = (0.28, 0.165, 0.13)  # warm light coming back from chest and clothes

# sRGB colours, 0..1
SKIN = (0.905, 0.735, 0.640)
LIP = (0.760, 0.400, 0.385)
BLUSH = (0.880, 0.560, 0.500)
CLOTH = (0.285, 0.420, 0.455)
HAIR_DARK = (0.085, 0.050, 0.038)
HAIR_MID = (0.325, 0.195, 0.128)
HAIR_LIGHT = (0.720, 0.500, 0.335)
LOCKS, STRANDS = 32, 4600  # on each side of the parting

# The jersey: neckline, shoulder line, and folds as (x, y, x, y, height, width).
COLLAR = (
    (-112, 621), (-106, 632), (-88, 649), (-48, 668), (0, 675), (48, 668), (88, 649), (106, 632), (112, 621),
)  # fmt: skip
SHOULDER = (
    (112, 621), (118, 617.5), (128, 621), (168, 637), (236, 656), (308, 679), (362, 716), (402, 790),
)  # fmt: skip
CLOTH_FOLDS = (
    (-112, 672, -70, 775, 6.8, 9), (-78, 705, -30, 790, 5.2, 8), (106, 674, 62, 775, 6.8, 9),
    (66, 708, 22, 790, 4.5, 8), (-262, 690, -238, 800, 12.0, 12), (266, 692, 238, 800, 12.0, 12),
    (-10, 722, 2, 790, 3.8, 10), (-335, 715, -322, 800, 9.0, 10), (332, 717, 322, 800, 9.0, 10),
)  # fmt: skip

_side = SIZE * SCALE
_rows, _cols = np.mgrid[0:_side, 0:_side].astype(np.float32)
X: Array = (_cols + 0.5) / SCALE - CENTRE_X
Y: Array = (_rows + 0.5) / SCALE


# ---------------------------------------------------------------- drawing helpers


def blur(image: Array, sigma: float) -> Array:
    """Gaussian blur; sigma in final pixels."""
    return cv2.GaussianBlur(image, (0, 0), sigma * SCALE) if sigma > 0 else image


def device(points: Array) -> Array:
    """Face coordinates to OpenCV fixed-point canvas coordinates."""
    xy = (np.asarray(points) + (CENTRE_X, 0.0)) * SCALE - 0.5
    return np.round(xy * (1 << SHIFT)).astype(np.int32)


def fill(points: Array, softness: float = 0.0) -> Array:
    """Anti-aliased mask of a closed outline, optionally blurred."""
    mask = np.zeros((_side, _side), np.uint8)
    cv2.fillPoly(mask, [device(points)], 255, cv2.LINE_AA, SHIFT)
    return blur(mask.astype(np.float32) / 255, softness)


def distance_to(points: Array) -> Array:
    """Distance of every pixel from an open curve, in final pixels."""
    mask = np.full((_side, _side), 255, np.uint8)
    cv2.polylines(mask, [device(points)], False, 0, 1, cv2.LINE_8, SHIFT)
    return cv2.distanceTransform(mask, cv2.DIST_L2, 5) / SCALE


def soft_line(curve: Array, sigma: float, smooth: float = 0.0) -> Array:
    """Mask of 1 on a dense curve, fading to both sides with a Gaussian profile."""
    return np.asarray(np.exp(-0.5 * np.square(blur(distance_to(curve), smooth) / sigma)))


def ridge(points: Sequence[Point] | Array, sigma: float) -> Array:
    """A soft line through a few points."""
    return soft_line(spline(points), sigma, 0.6)


def blob(cx: float, cy: float, sx: float, sy: float, angle: float = 0.0) -> Array:
    """A Gaussian bump of height 1; angle in degrees, clockwise."""
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    dx, dy = X - cx, Y - cy
    return np.asarray(np.exp(-0.5 * (np.square((dx * c + dy * s) / sx) + np.square((dy * c - dx * s) / sy))))


def pair(cx: float, cy: float, sx: float, sy: float, angle: float = 0.0) -> Array:
    """The same bump on both sides of the face."""
    return np.asarray(blob(cx, cy, sx, sy, angle) + blob(-cx, cy, sx, sy, -angle))


def mirror(points: Sequence[Point] | Array, side: int) -> Array:
    """Points of the picture's right half, flipped when side is -1."""
    return np.asarray(points, np.float64) * (side, 1.0)


def smoothstep(low: float, high: float, value: Array) -> Array:
    """0 below low, 1 above high, smooth in between (low may exceed high)."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def generator(part: int) -> np.random.Generator:
    """Random numbers for one part of the picture."""
    return np.random.default_rng((SEED, part))


def noise(rng: np.random.Generator, sigma: float) -> Array:
    """Smooth noise with unit variance."""
    small = max(1.0, sigma * SCALE / 2)
    side = int(np.ceil(_side / small)) + 4
    field = cv2.resize(
        rng.standard_normal((side, side)).astype(np.float32), (_side, _side), interpolation=cv2.INTER_CUBIC
    )
    return field / float(field.std())


@dataclass
class Detail:
    """An enlarged 8-bit cut-out of the picture for strokes finer than its pixels."""

    pixels: Array
    left: float
    top: float

    ZOOM: ClassVar[int] = 3

    def place(self, points: Array) -> Array:
        """Face coordinates to fixed-point coordinates of the cut-out."""
        xy = (np.asarray(points) - (self.left, self.top)) * (SCALE * self.ZOOM) - 0.5
        return np.round(xy * (1 << SHIFT)).astype(np.int32)


def with_details(
    image: Array, box: tuple[int, int, int, int], paint: Callable[[Detail], None], opacity: float
) -> Array:
    """Let paint() draw on an enlarged cut-out (left, top, right, bottom) and put it back."""
    left, top, right, bottom = box
    rows = slice(top * SCALE, bottom * SCALE)
    cols = slice(int((left + CENTRE_X) * SCALE), int((right + CENTRE_X) * SCALE))
    patch = np.ascontiguousarray(image[rows, cols])
    large = cv2.resize(patch, None, fx=Detail.ZOOM, fy=Detail.ZOOM, interpolation=cv2.INTER_LINEAR)
    detail = Detail(to_bytes(large), left, top)
    plain = to_floats(detail.pixels.copy())
    paint(detail)
    change = cv2.resize(to_floats(detail.pixels) - plain, patch.shape[1::-1], interpolation=cv2.INTER_AREA)
    result = image.copy()
    result[rows, cols] = patch + opacity * change
    return result


def hair_stroke(detail: Detail, points: Sequence[Array], width: float, colour: Array | Sequence[float]) -> None:
    """A tapered stroke through root, bend and tip: full root, pointed tip."""
    outline = tapered(spline(points, steps=7), width)
    colour_bytes = tuple(float(c) * 255 for c in colour)
    cv2.fillPoly(detail.pixels, [detail.place(outline)], colour_bytes, cv2.LINE_AA, SHIFT)


# ---------------------------------------------------------------- light


def normals_of(height: Array) -> Array:
    """Surface normals of a height field given in final pixels."""
    dy, dx = np.gradient(height, 1 / SCALE)
    normal = np.stack([-dx, -dy, np.ones_like(dx)], -1)
    return np.asarray(normal / np.linalg.norm(normal, axis=-1, keepdims=True))


def cast_shadow(height: Array, light: Sequence[float], reach: float, softness: float) -> Array:
    """How much key light arrives (0..1) when the relief shadows itself."""
    small = cv2.resize(height, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    direction = unit(light)
    step = direction / np.hypot(direction[0], direction[1])
    blocked = np.zeros_like(small)
    for distance in np.arange(2.0, reach, 3.0):
        shift = np.array([[1, 0, -step[0] * distance], [0, 1, -step[1] * distance]], np.float32)
        toward = cv2.warpAffine(small, shift, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE)
        excess = (toward - small - step[2] * distance) / (softness * (0.35 + distance / reach))
        blocked = np.maximum(blocked, np.clip(excess, 0, 1))
    return cv2.resize(1 - cv2.GaussianBlur(blocked, (0, 0), 2.5), (_side, _side), interpolation=cv2.INTER_CUBIC)


def occlusion(height: Array, mask: Array) -> Array:
    """Darkening of hollows: where the neighbourhood stands higher than the spot itself."""
    result = np.ones_like(height)
    for sigma, strength in ((3.0, 0.055), (9.0, 0.022)):
        weight = blur(mask, sigma) + 1e-3
        around = blur(height * mask, sigma) / weight
        result *= 1 - np.clip((around - height) * strength, 0, 0.6)
    return result


def scatter(light: Array) -> Array:
    """Light bleeding through skin: red travels farthest."""
    channels = [blur(light[..., i], sigma) for i, sigma in enumerate((5.0, 2.4, 1.6))]
    return np.stack(channels, -1)


# ---------------------------------------------------------------- outlines shared by several parts


def face_outline() -> Array:
    """Closed outline of head and jaw."""
    half = [
        (0, 92), (62, 100), (106, 132), (129, 178), (138, 230), (139.5, 280), (137, 330), (130, 378),
        (119, 418), (104, 453), (83, 482), (57, 505), (29, 520),
    ]  # fmt: skip
    left = [(-x, y) for x, y in half[:0:-1]]
    return spline([*half, (0, CHIN_Y), *left], closed=True)


def neck_half_width(y: Array) -> Array:
    """Half the width of neck and shoulder slope at height y."""
    rows = [(430, 78), (500, 75), (560, 73), (590, 76), (615, 88), (638, 116), (670, 200), (768, 420)]
    curve = spline(rows)
    return np.asarray(np.interp(y, curve[:, 0], curve[:, 1]), np.float32)


def lid_curves(side: int) -> tuple[Array, Array]:
    """Upper and lower lid edges, both from the inner to the outer corner."""
    upper = [
        (30.5, 315), (36, 308.6), (46, 300.4), (57, 296.4), (69, 295.6), (81, 297.9), (92, 303), (101, 308.8),
    ]  # fmt: skip
    lower = [(30.5, 315), (39, 317.2), (50, 320.2), (63, 321.6), (76, 320.6), (89, 316), (101, 308.8)]
    return mirror(spline(upper), side), mirror(spline(lower), side)


def lip_curves() -> tuple[Array, Array, Array]:
    """Upper lip edge, seam and lower lip edge, from the picture's left to its right corner."""
    w = MOUTH_HALF_WIDTH
    y = SEAM_Y
    top = [(w, y - 5.6), (38, y - 8.8), (22, y - 13.5), (9.5, y - 16), (0, y - 13)]
    seam = [(w, y - 5.6), (44, y - 3.0), (32, y - 0.6), (18, y - 0.4), (8, y + 0.9), (0, y + 1.7)]
    bottom = [(w, y - 5.6), (40, y + 7.2), (25, y + 16.6), (12, y + 20.2), (0, y + 20.6)]

    def both(half: list[Point]) -> Array:
        return spline([(-x, v) for x, v in half] + half[-2::-1])

    return both(top), both(seam), both(bottom)


# ---------------------------------------------------------------- relief


def head_relief(outline: Array) -> Array:
    """Smooth dome over the face outline."""
    rel = outline - (0, HEAD_MIDDLE_Y)
    angle = np.arctan2(rel[:, 1], rel[:, 0])
    order = np.argsort(angle)
    radius = np.hypot(rel[:, 0], rel[:, 1])[order]
    dx, dy = X, Y - HEAD_MIDDLE_Y
    edge = np.interp(np.arctan2(dy, dx), angle[order], radius, period=2 * np.pi).astype(np.float32)
    r = np.hypot(dx, dy) / edge
    return np.asarray(142 * np.sqrt(np.clip(1 - np.power(r, 2.25), 0.0, 1)) - 0.9 * np.clip(r - 1, 0, 0.3) * 128)


def nose_relief() -> Array:
    """Bridge, tip, wings and nostril hollows."""
    along = [
        (276, 0), (292, 3.5), (310, 9), (340, 19), (365, 29), (382, 34), (393, 31.5), (402, 19),
        (409, 6), (416, 0),
    ]  # fmt: skip
    heights = spline(along)
    widths = spline([(276, 16), (300, 11), (340, 12.5), (368, 16.5), (388, 20), (414, 18)])
    profile = np.interp(Y, heights[:, 0], heights[:, 1]).astype(np.float32)
    width = np.interp(Y, widths[:, 0], widths[:, 1]).astype(np.float32)
    bridge = blur(profile * np.exp(-np.power(np.abs(X / width), 2.3) * 0.62), 1.2)
    tip = 7.5 * blob(0, 388, 12.5, 11)
    wings = 12.5 * pair(24.5, 392, 7.5, 8.0, 10)
    side_groove = -4.0 * pair(33, 390, 4.0, 9, -18)
    nostrils = -8.0 * pair(12.5, 403, 6.0, 3.4, -14)
    return bridge + tip + wings + side_groove + nostrils


def mouth_relief() -> Array:
    """Muzzle, philtrum, both lips and the hollow above the chin."""
    top, seam, _ = lip_curves()
    y = SEAM_Y
    relief = 9.0 * blob(0, y - 6, 46, 34)
    relief += -2.4 * blob(0, y - 27, 4.4, 9) + 1.5 * pair(8.5, y - 26, 3.5, 9, 6)
    relief += 3.8 * blob(0, y - 5, 9, 6) + 3.6 * pair(22, y - 5.5, 15, 5, 12)
    relief += 6.5 * pair(13, y + 9.5, 16, 7.0, -8) + 1.2 * blob(0, y + 10, 8, 6)
    relief += 1.3 * soft_line(top, 1.9) * smoothstep(50, 30, np.abs(X))
    relief += -5.0 * soft_line(seam, 2.1, 0.6) * smoothstep(60, 46, np.abs(X))
    relief += -3.0 * pair(MOUTH_HALF_WIDTH + 2.5, y - 5.6, 5, 5.5)
    relief += -5.5 * blob(0, y + 33, 25, 7)
    return relief


def eye_relief() -> Array:
    """Sockets, eyeballs, brow ridge and lid creases."""
    relief = -13.0 * pair(62, 300, 33, 21, 4) - 9.0 * pair(32, 299, 12, 17, 8)
    relief += 11.0 * pair(65, 309, 23, 17)
    relief += 4.5 * pair(64, 270, 40, 12, 4)
    for side in (-1, 1):
        upper, lower = lid_curves(side)
        crease = upper[4:-4] - (0, 8.0)
        relief += -2.6 * soft_line(crease, 2.0, 0.8)
        pouch = lower[10:-8] + (0, 13)
        relief += -0.9 * soft_line(pouch, 4.0, 1.2)
    return relief


def cheek_relief() -> Array:
    """Cheekbones, cheeks, smile folds, temples, jaw and chin."""
    relief = 6.8 * pair(90, 350, 28, 22, 20) + 7.0 * pair(66, 376, 24, 22)
    relief += -4.5 * pair(102, 424, 22, 32, 22)
    relief += -3.0 * pair(120, 262, 14, 28)
    relief += 5.0 * pair(32, 205, 34, 32)
    relief += 9.0 * blob(0, 503, 22, 14)
    for side in (-1, 1):
        fold = mirror([(38, 396), (50, 412), (60, 430)], side)
        relief += -1.9 * ridge(fold, 3.6)
    return relief


# ---------------------------------------------------------------- parts


def background(rng: np.random.Generator) -> Array:
    """Plain studio wall, far out of focus, with a soft pool of light."""
    wall = np.asarray((0.640, 0.635, 0.625), np.float32) * np.ones((_side, _side, 1), np.float32)
    wall = over(wall, (0.840, 0.815, 0.780), 0.95 * blob(-120, 250, 260, 270))
    wall = over(wall, (0.420, 0.450, 0.480), 0.75 * blob(390, 640, 260, 330))
    wall = over(wall, (0.480, 0.490, 0.500), 0.55 * blob(-400, 800, 230, 240))
    return wall + 0.004 * noise(rng, 90)[..., None]


def lit_skin(relief: Array, mask: Array, albedo: Array, shadow: Array, gloss: Array) -> Array:
    """Skin colour under the studio light, sRGB."""
    normal = normals_of(relief)
    hollow = occlusion(relief, mask)[..., None]
    key = (1.12 * wrapped(normal, KEY_LIGHT, 0.18) * shadow)[..., None] * np.asarray(KEY_COLOUR, np.float32)
    bounce = wrapped(normal, FILL_LIGHT, 0.45)[..., None] * np.asarray(FILL_COLOUR, np.float32)
    sky = (0.62 - 0.38 * normal[..., 1:2]) * np.asarray(AMBIENT_COLOUR, np.float32)
    sky = sky + np.clip(normal[..., 1:2], 0, 1) * np.asarray(BOUNCE_COLOUR, np.float32)
    light = scatter((key + (bounce + sky) * hollow) * (0.55 + 0.45 * hollow))
    depth = np.clip(1 - light.mean(-1, keepdims=True), 0, 1)
    colour = np.power(albedo, 1 + depth * np.array([0.18, 0.42, 0.20], np.float32)) * light * 1.12

    view = np.asarray((0, 0, 1), np.float32)
    glossy = normals_of(blur(relief, 1.4))
    for lamp, strength in ((KEY_LIGHT, 1.0), (FILL_LIGHT, 0.10)):
        half_way = unit(unit(lamp) + view)
        aligned = np.clip(glossy @ half_way, 0, 1)
        shine = 0.085 * np.power(aligned, 22) + 0.075 * np.power(aligned, 90)
        reaches = shadow if lamp is KEY_LIGHT else 1.0
        colour += (strength * shine * gloss * reaches)[..., None] * np.array([1.0, 0.95, 0.89], np.float32)
    rim = np.power(np.clip(1 - normal[..., 2], 0, 1), 3) * np.clip(normal[..., 0] * 0.6 + 0.35, 0, 1)
    colour += (rim * 0.05)[..., None] * np.asarray((1.0, 0.93, 0.88), np.float32)
    return to_srgb(colour / (1 + 0.12 * colour))


def skin_albedo(rng: np.random.Generator) -> Array:
    """Skin colour before light: blush, warm and cool zones, mottling, freckles."""
    tone: Array = np.asarray(SKIN, np.float32) * np.ones((_side, _side, 1), np.float32)
    tone = over(tone, BLUSH, 0.34 * blob(-84, 374, 30, 24, 20) + 0.20 * blob(80, 372, 28, 22, -20))
    tone = over(tone, BLUSH, 0.24 * blob(0, 386, 22, 15) + 0.16 * blob(0, 508, 24, 14))
    tone = over(tone, (0.80, 0.60, 0.55), 0.28 * pair(60, 326, 30, 8, 6))
    tone = over(tone, (0.80, 0.59, 0.52), 0.32 * pair(66, 290, 34, 11, 4))
    tone = over(tone, (0.92, 0.77, 0.67), 0.4 * blob(0, 210, 80, 50))
    mottling = 0.005 * noise(rng, 7) + 0.004 * noise(rng, 2.5) + 0.007 * noise(rng, 0.7)
    tone = tone * (1 + mottling[..., None] * np.asarray((0.7, 1.0, 1.0), np.float32))
    return over(tone, (0.70, 0.46, 0.36), freckles(rng))


def freckles(rng: np.random.Generator) -> Array:
    """Mask of faint freckles across nose and cheeks."""
    spots = np.zeros((_side, _side), np.uint8)
    for x, y in rng.normal((0, 358), (62, 20), (150, 2)):
        radius = int(rng.uniform(0.5, 1.3) * SCALE * (1 << SHIFT))
        cv2.circle(spots, device(np.array([x, y])).tolist(), radius, rng.uniform(40, 255), -1, cv2.LINE_AA, SHIFT)
    return 0.17 * blur(spots.astype(np.float32) / 255, 0.5)


def neck(image: Array, face: Array, rng: np.random.Generator) -> Array:
    """Neck and upper chest, in the soft shadow of the jaw."""
    width = neck_half_width(Y)
    across = np.clip(np.abs(X) / width, 0, 1)
    relief = -122 + 78 * np.sqrt(1 - np.power(across, 2.3))
    relief += 4.0 * pair(31, 606, 7, 56, 14) - 5.0 * blob(0, 655, 13, 12) + 4.5 * pair(62, 660, 38, 6, -10)
    mask = smoothstep(-0.8, 0.8, width - np.abs(X)) * (Y > 430)
    scene = np.where(face > 0, np.maximum(face, relief), relief)
    shadow = 0.12 + 0.88 * cast_shadow(scene, NECK_LIGHT, 150, 40)
    albedo = to_linear(np.asarray(SKIN, np.float32) * (0.97, 0.955, 0.94) * (1 + 0.01 * noise(rng, 3))[..., None])
    painted = lit_skin(relief, mask, albedo, shadow, np.full_like(X, 0.5))
    jaw = fill(face_outline() + (5, 20), 15) * smoothstep(690, 560, Y)
    painted = multiply(painted, (0.62, 0.46, 0.41), 0.75 * jaw)
    painted = multiply(painted, (0.62, 0.45, 0.40), 0.75 * fill(face_outline() + (2, 5), 4))
    painted = multiply(painted, (0.72, 0.56, 0.50), 0.55 * smoothstep(0.62, 1.0, across) * smoothstep(660, 600, Y))
    return over(image, painted, mask)


def clothes_outline() -> Array:
    """Closed outline of the jersey."""
    right = spline(SHOULDER)
    return np.vstack([mirror(right, -1)[::-1], spline(COLLAR), right, [(402, 900), (-402, 900)]])


def clothes(image: Array, rng: np.random.Generator) -> Array:
    """Crew-neck jersey with a ribbed collar."""
    collar_in = spline(COLLAR)
    body = clothes_outline()
    mask = fill(body, 0.4)
    inside = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 5) / SCALE
    relief = blur(52 * (1 - np.exp(-inside / 36)), 3)
    for x0, y0, x1, y1, depth, width in CLOTH_FOLDS:
        relief += depth * ridge([(x0, y0), ((x0 + x1) / 2 + 6, (y0 + y1) / 2), (x1, y1)], width)
    collar = distance_to(collar_in)
    band = smoothstep(17, 15, collar)
    relief += 5.0 * band * np.sqrt(np.clip(1 - np.square((collar - 8) / 9.5), 0, 1))
    weave = 0.5 + 0.5 * np.sin(np.arctan2(Y - 560, X) * 300)
    relief += band * 0.35 * weave + 0.07 * noise(rng, 0.8) * (1 - band) + 0.12 * noise(rng, 14)
    normal = normals_of(blur(relief, 0.5))
    light = wrapped(normal, KEY_LIGHT, 0.1)[..., None] * np.asarray(KEY_COLOUR, np.float32) * 1.05
    light = light + wrapped(normal, FILL_LIGHT, 0.4)[..., None] * np.asarray(FILL_COLOUR, np.float32)
    light = light + np.asarray(AMBIENT_COLOUR, np.float32) * 0.55
    painted = to_srgb(to_linear(CLOTH) * light)
    painted = multiply(painted, (0.55, 0.55, 0.58), 0.7 * np.exp(-np.square((collar - 18) / 4)))
    image = multiply(image, (0.62, 0.48, 0.43), 0.5 * fill(body - (0, 5), 5) * smoothstep(135, 115, np.abs(X)))
    return over(image, painted, mask)


def face(image: Array, relief: Array, mask: Array, rng: np.random.Generator) -> Array:
    """The lit skin of the face with the lips' colour in it."""
    shadow = 0.30 + 0.70 * cast_shadow(relief, KEY_LIGHT, 70, 22)
    albedo = skin_albedo(rng)
    top, seam, bottom = lip_curves()
    lips = fill(np.vstack([top, bottom[::-1]]), 0.9)
    upright = cv2.resize(noise(rng, 1.6)[::6], (_side, _side))
    creases = 0.5 * noise(rng, 1.2) + 0.5 * upright
    rose = np.asarray(LIP, np.float32) * (1 + 0.035 * creases[..., None])
    upper_part = fill(np.vstack([top, seam[::-1]]), 1.2)
    rose = over(rose, rose * (0.90, 0.84, 0.85), upper_part)
    albedo = over(albedo, rose, 0.88 * lips)
    gloss = 0.75 + 0.35 * pair(30, 205, 40, 34) + 0.5 * blob(0, 384, 10, 14) + 0.3 * pair(84, 352, 24, 18)
    gloss = gloss * (1 + 0.12 * noise(rng, 0.9)) + 1.1 * lips - 0.45 * pair(62, 300, 36, 16)
    return over(image, lit_skin(relief, mask, to_linear(albedo), shadow, np.clip(gloss, 0.1, 2)), mask)


def nose(image: Array) -> Array:
    """Nostrils and the small darks around the wings."""
    for side in (-1, 1):
        nostril = mirror(
            spline([(6.0, 402.5), (11, 399.6), (17.5, 400.2), (20, 403.2), (15, 405), (9, 405)], closed=True),
            side,
        )
        image = multiply(image, (0.60, 0.40, 0.36), 0.75 * fill(nostril, 2.2))
        image = multiply(image, (0.36, 0.20, 0.18), 0.72 * fill(nostril, 0.9))
        wing = mirror([(33.5, 391), (33.5, 396), (30, 402), (25, 404)], side)
        image = multiply(image, (0.78, 0.60, 0.54), 0.34 * ridge(wing, 1.9))
    return image


def mouth(image: Array) -> Array:
    """Lip seam, corners and the soft lights on the lips."""
    _, seam, _ = lip_curves()
    fade = smoothstep(MOUTH_HALF_WIDTH + 2, MOUTH_HALF_WIDTH - 12, np.abs(X))
    away = blur(distance_to(seam), 0.4)
    image = multiply(image, (0.62, 0.40, 0.40), 0.65 * np.exp(-0.5 * np.square(away / 2.4)) * fade)
    image = multiply(image, (0.40, 0.20, 0.21), 0.80 * np.exp(-0.5 * np.square(away / 0.95)) * (0.35 + 0.65 * fade))
    image = multiply(image, (0.70, 0.50, 0.46), 0.45 * pair(MOUTH_HALF_WIDTH + 1.0, SEAM_Y - 5.6, 3.4, 2.8))
    image = multiply(image, (0.80, 0.66, 0.61), 0.45 * blob(2, SEAM_Y + 26, 20, 4.5))
    shine = 0.26 * blob(-11, SEAM_Y + 9, 9, 2.8, 6) + 0.15 * blob(13, SEAM_Y + 9, 7, 2.4, -6)
    shine += 0.10 * blob(-7, SEAM_Y - 15.5, 5, 1.2, -18)
    return screen(image, (1.0, 0.90, 0.88), shine)


def iris(size: Array, angle: Array, rng: np.random.Generator) -> Array:
    """Colour of the iris by relative radius (1 = rim) and angle."""
    base = np.asarray((0.25, 0.150, 0.085), np.float32) * np.ones((*size.shape, 1), np.float32)
    fibres = sum(np.sin(angle * k + rng.uniform(0, 6.28) + 3 * size) * a for k, a in ((17, 0.4), (31, 0.35), (53, 0.3)))
    base = over(base, (0.47, 0.29, 0.155), 0.65 * np.exp(-np.square((size - 0.58) / 0.17)) * (0.65 + 0.5 * fibres))
    base = over(base, (0.14, 0.085, 0.06), 0.85 * smoothstep(0.78, 1.0, size))
    return over(base, (0.025, 0.018, 0.018), smoothstep(0.44, 0.38, size))


def eye(image: Array, side: int, rng: np.random.Generator) -> Array:
    """One eye: ball, iris, catch-lights, lids and lashes."""
    upper, lower = lid_curves(side)
    opening = fill(np.vstack([upper, lower[::-1]]), 0.45)
    cx = side * (EYE_X - 0.5)
    ball = np.asarray((0.910, 0.872, 0.845), np.float32) * np.ones((_side, _side, 1), np.float32)
    off = np.hypot((X - cx) / 36, (Y - EYE_Y) / 22)
    ball = multiply(ball, (0.74, 0.63, 0.59), smoothstep(0.50, 1.05, off))
    ball = over(ball, (0.86, 0.55, 0.50), 0.95 * blob(side * 34.0, 314.2, 4.2, 2.8))
    ball = multiply(ball, (0.93, 0.93, 0.97), 0.4 * blob(side * 84, 311, 12, 8))
    size = np.hypot(X - cx, Y - EYE_Y) / IRIS_RADIUS
    angle = np.arctan2(Y - EYE_Y, X - cx)
    ball = over(ball, iris(size, angle, rng), smoothstep(1.06, 0.94, size))
    glow = blob(cx + 3.0, EYE_Y + 6.5, 7.0, 4.2) * smoothstep(0.95, 0.80, size) * smoothstep(0.42, 0.52, size)
    ball = screen(ball, (0.66, 0.42, 0.20), 0.62 * glow)
    lid_shadow = soft_line(upper, 4.6)
    ball = multiply(ball, (0.42, 0.34, 0.34), 0.80 * lid_shadow)
    rounded_square = np.cbrt(np.abs(X - cx + 4.9) ** 3 + np.abs(0.88 * (Y - EYE_Y + 5.0)) ** 3)
    window = smoothstep(3.4, 2.2, rounded_square)
    ball = over(ball, (1.0, 0.99, 0.97), 0.96 * window)
    ball = over(ball, (0.95, 0.97, 1.0), 0.45 * smoothstep(1.7, 0.9, np.hypot(X - cx - 5.2, Y - EYE_Y - 5.0)))

    image = multiply(image, (0.70, 0.53, 0.47), 0.42 * soft_line(upper - (0, 2), 3.5))
    image = over(image, ball, opening)
    return lids(image, side, upper, lower, rng)


def lids(image: Array, side: int, upper: Array, lower: Array, rng: np.random.Generator) -> Array:
    """Crease, lash line, waterline and lashes of one eye."""
    crease = mirror(spline([(38, 302), (47, 292.5), (60, 287), (74, 286.4), (88, 290.5), (101, 299.5)]), side)
    image = multiply(image, (0.56, 0.38, 0.34), 0.56 * soft_line(crease, 1.3, 0.5))
    image = multiply(image, (0.72, 0.55, 0.49), 0.30 * soft_line(crease - (0, 3), 4.0))
    image = screen(image, (0.30, 0.24, 0.21), 0.35 * blob(side * 64 - 3, 290.6, 13, 1.7))
    rim = soft_line(lower[10:-4] + (0, 0.9), 0.9, 0.3)
    image = over(image, (0.93, 0.76, 0.70), 0.60 * rim)
    under = soft_line(lower[20:-2] + (0, 2.6), 1.5, 0.5)
    image = multiply(image, (0.62, 0.44, 0.39), 0.42 * under * smoothstep(34, 70, np.abs(X)))

    box = (16, 270, 118, 336) if side > 0 else (-118, 270, -16, 336)
    image = with_details(image, box, lambda detail: lash_line(detail, upper), 0.92)
    image = over(image, blur(image, 0.6), soft_line(upper, 2.0))
    image = with_details(image, box, lambda detail: upper_lashes(detail, side, upper, rng), 0.75)
    return with_details(image, box, lambda detail: lower_lashes(detail, side, lower, rng), 0.40)


def lash_line(detail: Detail, upper: Array) -> None:
    """The dark edge of the upper lid, strongest towards the outer corner."""
    thickness = 0.3 + 1.9 * np.sin(np.linspace(0.15, 2.75, len(upper)))[:, None] ** 0.8
    rise = np.hstack([np.zeros_like(thickness), thickness])
    outline = np.vstack([upper - 0.7 * rise, (upper + 0.3 * rise)[::-1]])
    cv2.fillPoly(detail.pixels, [detail.place(outline)], (38, 25, 22), cv2.LINE_AA, SHIFT)


def upper_lashes(detail: Detail, side: int, upper: Array, rng: np.random.Generator) -> None:
    """Curved lashes, fanning outwards, in little groups."""
    for t in np.sort(rng.uniform(0.12, 1.0, 95)):
        root = upper[int(t * (len(upper) - 1))] + (0, rng.uniform(-0.9, 0.2))
        group = 0.22 * np.sin(38 * t)
        lean = side * (-0.45 + 1.65 * t + group) + rng.normal(0, 0.06)
        length = np.interp(t, (0.1, 0.45, 0.8, 0.92, 1.0), (1.9, 4.6, 7.4, 7.0, 5.9)) * rng.uniform(0.75, 1.12)
        tip = root + np.array([lean, -(1.0 - 0.45 * t)]) * length
        bend = root + np.array([lean * 0.62, -(0.30 - 0.16 * t)]) * length
        hair_stroke(detail, (root, bend, tip), 0.62, (0.11, 0.07, 0.06))


def lower_lashes(detail: Detail, side: int, lower: Array, rng: np.random.Generator) -> None:
    """Short sparse lashes on the outer part of the lower lid."""
    for t in np.sort(rng.uniform(0.28, 0.99, 44)):
        root = lower[int(t * (len(lower) - 1))] + (0, 1.5)
        length = rng.uniform(1.6, 3.4) * (0.6 + 0.5 * t)
        tip = root + np.array([side * (t - 0.40 + 0.2 * np.sin(40 * t)) * 1.3, 0.75]) * length
        bend = 0.5 * (root + tip) + (0, 0.25)
        hair_stroke(detail, (root, bend, tip), 0.42, (0.25, 0.16, 0.13))


def brows(image: Array, rng: np.random.Generator) -> Array:
    """Soft brows built of short hairs over a faint base."""
    for side in (-1, 1):
        lower = mirror(spline([(31, 276), (48, 271.5), (70, 265.5), (89, 263.5), (103, 268.8), (111, 274.5)]), side)
        upper = mirror(spline([(31, 267), (47, 261.5), (69, 256.2), (89, 257), (103, 265.8), (111, 274.0)]), side)
        image = multiply(
            image,
            (0.55, 0.42, 0.36),
            0.68 * fill(np.vstack([upper, lower[::-1]]), 2.6) * smoothstep(24, 46, np.abs(X)),
        )
        box = (16, 240, 124, 292) if side > 0 else (-124, 240, -16, 292)
        image = with_details(image, box, partial(brow_hairs, upper=upper, lower=lower, rng=rng), 0.72)
    return image


def brow_hairs(detail: Detail, upper: Array, lower: Array, rng: np.random.Generator) -> None:
    """All hairs of a brow."""
    for _ in range(420):
        along, hair = brow_hair((lower, upper), 1.0, rng)
        tone = np.asarray((0.23, 0.145, 0.105)) * rng.uniform(0.7, 1.5) * (1 + 1.1 * np.exp(-along / 0.10))
        hair_stroke(detail, hair, rng.uniform(0.4, 0.75), tone)


def hair_guides(side: int) -> Array:
    """Guide curves of one side, from the face edge to the silhouette: (guides, points, 2)."""
    if side > 0:
        guides = [
            [(20, 150), (46, 155), (80, 181), (105, 222), (121, 276), (131, 330),
             (137, 390), (143, 450), (147, 520), (147, 600), (143, 690), (137, 800)],
            [(19, 134), (56, 134), (100, 162), (128, 212), (143, 270), (152, 330),
             (160, 395), (169, 460), (179, 530), (185, 600), (186, 690), (178, 800)],
            [(18, 106), (62, 102), (112, 128), (146, 186), (163, 252), (172, 320),
             (181, 390), (192, 460), (204, 530), (211, 600), (214, 690), (206, 800)],
            [(16, 63), (68, 66), (123, 97), (162, 162), (180, 236), (190, 310),
             (200, 388), (212, 462), (225, 532), (233, 600), (240, 690), (230, 800)],
        ]  # fmt: skip
    else:
        guides = [
            [(20, 150), (-12, 147), (-58, 164), (-95, 206), (-118, 262), (-130, 322),
             (-137, 385), (-143, 450), (-148, 520), (-147, 600), (-142, 690), (-135, 800)],
            [(19, 134), (-24, 126), (-82, 146), (-120, 196), (-141, 260), (-152, 325),
             (-161, 395), (-170, 460), (-181, 530), (-187, 600), (-187, 690), (-178, 800)],
            [(18, 106), (-34, 94), (-100, 116), (-142, 174), (-163, 246), (-173, 318),
             (-182, 390), (-193, 460), (-206, 530), (-213, 600), (-216, 690), (-207, 800)],
            [(16, 63), (-42, 60), (-110, 84), (-158, 150), (-180, 230), (-191, 308),
             (-202, 388), (-214, 462), (-228, 532), (-236, 600), (-243, 690), (-232, 800)],
        ]  # fmt: skip
    return np.stack([spline(g, steps=10) for g in guides])


def hair_tone(value: Array | float) -> Array:
    """Hair colours for brightness values 0..1."""
    stops = np.stack([HAIR_DARK, HAIR_MID, HAIR_LIGHT])
    return np.stack([np.interp(value, (0.0, 0.5, 1.0), stops[:, i]) for i in range(3)], -1)


def draw_strand(canvas: Array, curve: Array, tones: Array, thickness: int) -> None:
    """One hair, coloured piece by piece, thinner towards its end."""
    points = device(curve).tolist()
    colours = (tones * 255).tolist()
    thin_from = len(points) * (3 + len(points) % 5) // 8
    for i, (start, end, colour) in enumerate(zip(points[:-1], points[1:], colours, strict=False)):
        cv2.line(canvas, start, end, colour, thickness if i < thin_from else 1, cv2.LINE_AA, SHIFT)


def lock_wave(t: Array, phase: float) -> tuple[Array, Array]:
    """Sideways wave of a lock and its slope, both growing from the cheek downwards."""
    turn = 2 * np.pi * (2.9 * t**1.15) + phase - 0.4
    grown = smoothstep(0.34, 0.72, t)
    return 12.0 * grown * np.sin(turn), grown * np.cos(turn)


def hair_side(canvas: Array, side: int, rng: np.random.Generator) -> None:
    """All locks of one side, each a bundle of strands with a rounded shading of its own."""
    guides = hair_guides(side)
    count = guides.shape[1]
    t = np.linspace(0, 1, count)
    locks = np.sort(np.concatenate([rng.uniform(0, 1, LOCKS - 2), [0.01, 0.99]]))
    tone = rng.normal(0, 0.075, len(locks))
    phase = rng.normal(0, 0.55, len(locks))
    depth = rng.permutation(len(locks))
    reach = rng.uniform(1.0, 1.25, len(locks))
    roots = rng.uniform(0, 1, STRANDS)
    nearest = np.abs(roots[:, None] - locks[None]).argmin(1)
    offset = roots - locks[nearest]
    order = np.lexsort((-np.abs(offset) + rng.normal(0, 0.006, len(roots)), depth[nearest]))
    for i in order:
        lock = nearest[i]
        gather = 0.22 * smoothstep(0.1, 0.6, t) + 0.45 * smoothstep(0.55, 1.0, t / reach[lock])
        u = locks[lock] + offset[i] * (1 - gather) + rng.normal(0, 0.006)
        wave, slope = lock_wave(t, phase[lock] + rng.normal(0, 0.10))
        stray = rng.normal(0, 0.6) + 1.5 * np.sin(6 * t + rng.uniform(0, 6.3)) * t
        curve = across(guides, u) + np.stack([wave + stray, 0 * t], 1)
        ahead = rng.uniform()
        curve[:-1] += (curve[1:] - curve[:-1]) * ahead
        rounded = np.cos(np.clip(np.abs(offset[i]) / 0.026, 0, 1) * np.pi / 2)
        shine_at = 0.19 + 0.04 * np.sin(9 * roots[i]) + rng.normal(0, 0.02)
        shine = np.exp(-np.square((t - shine_at) / 0.085)) * (0.45 + 0.55 * rounded)
        value = 0.23 + tone[lock] + rng.normal(0, 0.055) + 0.13 * rounded
        value = value + (0.44 if side < 0 else 0.30) * shine
        value = value - side * slope * 0.24 * (0.4 + 0.6 * rounded) + 0.05 * (side < 0)
        value = value + 0.06 * np.sin(5 * t + 3 * phase[lock] + lock)
        value = value - 0.16 * np.exp(-np.square(t / 0.05))
        value = value - 0.16 * np.exp(-np.square(roots[i] / 0.16)) * smoothstep(0.30, 0.45, t)
        draw_strand(canvas, curve, hair_tone(value), 2 if rounded < 0.8 else 1)


def baby_hair(detail: Detail, side: int, rng: np.random.Generator) -> None:
    """Fine short hairs that soften the line between forehead and hair."""
    guides = hair_guides(side)
    edge, inner = guides[0], guides[1]
    for _ in range(260):
        start = rng.integers(1, 45)
        away = inner[start] - edge[start]
        away = away / (np.linalg.norm(away) + 1e-6)
        along = edge[start + 2] - edge[start]
        along = along / (np.linalg.norm(along) + 1e-6)
        root = edge[start] - away * rng.uniform(-7.0, 1.2)
        length = rng.uniform(18, 42)
        bend = root + (0.13 * away + 0.50 * along) * length
        tip = root + (0.30 * away + 0.97 * along) * length
        tone = hair_tone(rng.uniform(0.25, 0.55))
        hair_stroke(detail, (root, bend, tip), rng.uniform(0.3, 0.55), tone)


def loose_hairs(canvas: Array, side: int, rng: np.random.Generator) -> None:
    """A few fine hairs standing off the silhouette."""
    guides = hair_guides(side)
    for _ in range(12):
        start = rng.integers(0, guides.shape[1] - 30)
        piece = guides[-1][start : start + 24]
        bulge = np.sin(np.linspace(0, np.pi, 24))[:, None] * rng.uniform(0.5, 6.0)
        outwards = piece - guides[-2][start : start + 24]
        outwards = outwards / (np.linalg.norm(outwards, axis=1, keepdims=True) + 1e-6)
        draw_strand(canvas, piece + outwards * bulge, hair_tone(np.full(24, rng.uniform(0.35, 0.6))), 1)


def hair_back(image: Array, rng: np.random.Generator) -> Array:
    """The dark hair behind neck and jaw."""
    half = [
        (0, 90), (120, 110), (170, 200), (185, 320), (190, 420), (200, 520), (206, 610), (206, 700),
        (200, 800),
    ]  # fmt: skip
    outline = spline([*half, *[(-x, y) for x, y in half[::-1]]])
    image = over(image, HAIR_DARK, fill(outline, 1.5))
    canvas = to_bytes(image)
    for _ in range(900):
        x = rng.uniform(-1, 1)
        t = np.linspace(0, 1, 14)
        curve = np.stack([x * (120 + 105 * t) + 5 * np.sin(6 * t + rng.uniform(0, 2)), 250 + 540 * t], 1)
        value = np.full(14, 0.10 + rng.normal(0, 0.05)) + 0.10 * abs(x) ** 2
        draw_strand(canvas, curve, hair_tone(np.clip(value, 0, 1)), 2)
    return blur(to_floats(canvas), 0.4)


def hair_front(image: Array, rng: np.random.Generator) -> Array:
    """The hair framing the face, with its shadow on skin and clothes."""
    base = np.zeros_like(X)
    for side in (-1, 1):
        guides = hair_guides(side)
        base = np.maximum(base, fill(np.vstack([guides[0], guides[-1][::-1]])))
    shift = np.array([[1, 0, 4 * SCALE], [0, 1, 7 * SCALE]], np.float32)
    moved = cv2.warpAffine(base, shift, (_side, _side))
    receiver = np.maximum(fill(face_outline()), fill(clothes_outline()))
    image = multiply(image, (0.62, 0.44, 0.38), 0.62 * blur(moved, 6) * receiver)
    bare = image
    image = over(image, (0.15, 0.09, 0.065), blur(base, 1.0))
    canvas = to_bytes(image)
    for side in (1, -1):
        hair_side(canvas, side, rng)
    image = to_floats(canvas)
    for side in (1, -1):
        loose_hairs(canvas, side, rng)
    image = 0.6 * image + 0.4 * to_floats(canvas)
    edge = np.minimum(distance_to(hair_guides(-1)[0][:50]), distance_to(hair_guides(1)[0][:50]))
    image = over(image, bare, 0.85 * smoothstep(6.5, 0.0, edge) * smoothstep(330, 240, Y))
    for side in (1, -1):
        box = (0, 130, 160, 340) if side > 0 else (-160, 130, 30, 340)
        image = with_details(image, box, partial(baby_hair, side=side, rng=rng), 0.45)
    parting = ridge([(20.5, 150), (19.5, 128), (18, 104), (16.5, 84)], 0.9)
    return over(image, (0.62, 0.45, 0.37), 0.40 * parting * smoothstep(84, 130, Y))


def finish(image: Array, rng: np.random.Generator) -> Array:
    """A little lens glow, a vignette and fine grain; then reduce to the final size."""
    image = screen(np.clip(image, 0, 1), (0.10, 0.09, 0.08), np.clip(blur(image, 14).mean(-1) - 0.35, 0, 1))
    image = image * (1 - 0.16 * smoothstep(300, 560, np.hypot(X, Y - 340)))[..., None]
    small = cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    grain = rng.normal(0, 0.0035, (SIZE, SIZE, 1)).astype(np.float32)
    return to_bytes(small + grain)


def draw() -> Array:
    """The finished portrait, RGB, 8 bits."""
    outline = face_outline()
    mask = fill(outline, 0.7)
    relief = head_relief(outline) + nose_relief() + mouth_relief() + eye_relief() + cheek_relief()
    image = background(generator(0))
    image = hair_back(image, generator(1))
    image = neck(image, np.where(mask > 0.5, relief, -200).astype(np.float32), generator(2))
    image = clothes(image, generator(3))
    image = face(image, relief, mask, generator(4))
    image = nose(image)
    image = mouth(image)
    for side in (-1, 1):
        image = eye(image, side, generator(5 + side))
    image = brows(image, generator(7))
    image = hair_front(image, generator(8))
    return finish(image, generator(9))


def main() -> None:
    """Draw and save."""
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_OUTPUT
    output.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(output), cv2.cvtColor(draw(), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main()
