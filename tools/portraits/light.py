"""The studio's light on reliefs: a warm lamp from the left, a soft one from the right, a rim light from behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from tools.portraits.canvas import Canvas
from tools.portraits.paint import Array, to_srgb

# unit vectors from the surface to the lamp: x right, y down, z to the viewer
KEY = (-0.56, -0.50, 0.66)
NECK_KEY = (-0.30, -0.80, 0.50)  # steeper, for the shadow of the chin
FILL = (0.66, 0.02, 0.75)
KEY_COLOUR = np.asarray((1.00, 0.955, 0.90), np.float32)
FILL_COLOUR = np.asarray((0.27, 0.265, 0.29), np.float32)
AMBIENT = np.asarray((0.205, 0.20, 0.205), np.float32)
BOUNCE = np.asarray((0.26, 0.16, 0.13), np.float32)  # warm light coming back from chest and clothes
SHADOW_SIDE = 512  # pixels of the relief in which shadows are looked for


@dataclass(frozen=True)
class Surface:
    """How a surface takes light. ``scatter``: how far light bleeds through, 1 for skin."""

    scatter: float = 1.0
    rim: tuple[float, float, float] = (1.0, 0.93, 0.88)
    rim_strength: float = 0.16


@dataclass(frozen=True)
class Form:
    """A surface's shape. ``height``: units. ``mask``: where it is. ``gloss``: 1 for dry skin, pixel by pixel."""

    height: Array
    mask: Array
    gloss: Array


def unit(vector: Sequence[float] | Array) -> Array:
    """Make a vector of length one."""
    v = np.asarray(vector, np.float32)
    return v / np.linalg.norm(v)


def normals(canvas: Canvas, height: Array) -> Array:
    """Find the surface normals of a height field in units."""
    dy, dx = np.gradient(height, 1 / canvas.unit)
    normal = np.stack([-dx, -dy, np.ones_like(dx)], -1).astype(np.float32)
    return np.asarray(normal / np.linalg.norm(normal, axis=-1, keepdims=True))


def wrapped(normal: Array, lamp: Sequence[float], wrap: float) -> Array:
    """Light by a lamp that reaches a little round the corner, as a large soft box does."""
    return np.asarray(np.clip((normal @ unit(lamp) + wrap) / (1 + wrap), 0, 1))


def cast_shadow(canvas: Canvas, height: Array, lamp: Sequence[float], reach: float, softness: float) -> Array:
    """Tell how much of the lamp's light arrives, 0..1, where the relief shadows itself."""
    small = cv2.resize(height, (SHADOW_SIDE, SHADOW_SIDE), interpolation=cv2.INTER_AREA)
    a_unit = canvas.unit * SHADOW_SIDE / canvas.side
    direction = unit(lamp)
    step = direction / np.hypot(direction[0], direction[1])
    blocked = np.zeros_like(small)
    for distance in np.arange(2.0, reach, 3.0):
        far = distance * a_unit
        shift = np.array([[1, 0, -step[0] * far], [0, 1, -step[1] * far]], np.float32)
        toward = cv2.warpAffine(small, shift, (SHADOW_SIDE, SHADOW_SIDE), borderMode=cv2.BORDER_REPLICATE)
        excess = (toward - small - step[2] * distance) / (softness * (0.35 + distance / reach))
        blocked = np.maximum(blocked, np.clip(excess, 0, 1))
    soft = 1 - cv2.GaussianBlur(blocked, (0, 0), 2.5 * a_unit)
    return cv2.resize(soft, (canvas.side, canvas.side), interpolation=cv2.INTER_CUBIC)


def occlusion(canvas: Canvas, height: Array, mask: Array) -> Array:
    """Darken hollows: where the neighbourhood stands higher than the spot itself."""
    result = np.ones_like(height)
    for sigma, strength in ((3.0, 0.062), (9.0, 0.026)):
        weight = canvas.blur(mask, sigma) + 1e-3
        around = canvas.blur(height * mask, sigma) / weight
        result *= 1 - np.clip((around - height) * strength, 0, 0.6)
    return result


def lit(canvas: Canvas, form: Form, albedo: Array, shadow: Array, surface: Surface) -> Array:
    """Light a form whose colour in linear light is ``albedo``; returns sRGB. ``shadow``: 1 where the lamp reaches."""
    normal = normals(canvas, form.height)
    hollow = occlusion(canvas, form.height, form.mask)[..., None]
    key = (1.16 * wrapped(normal, KEY, 0.16) * shadow)[..., None] * KEY_COLOUR
    sky = (0.62 - 0.38 * normal[..., 1:2]) * AMBIENT + np.clip(normal[..., 1:2], 0, 1) * BOUNCE
    soft = wrapped(normal, FILL, 0.45)[..., None] * FILL_COLOUR + sky
    light = (key + soft * hollow) * (0.50 + 0.50 * hollow)
    if surface.scatter > 0:  # light bleeds through skin: red travels farthest
        light = np.stack([canvas.blur(light[..., i], s * surface.scatter) for i, s in enumerate((4.6, 2.1, 1.4))], -1)
    depth = np.clip(1 - light.mean(-1, keepdims=True), 0, 1) * surface.scatter
    colour = np.power(albedo, 1 + depth * np.array([0.16, 0.38, 0.24], np.float32)) * light * 1.12
    colour = colour + _shine(canvas, form, shadow)
    edge = np.power(np.clip(1 - normal[..., 2], 0, 1), 2.4) * np.clip(normal[..., 0] * 0.95 + 0.05, 0, 1)
    colour += (edge * surface.rim_strength)[..., None] * np.asarray(surface.rim, np.float32)
    return to_srgb(colour / (1 + 0.12 * colour))


def _shine(canvas: Canvas, form: Form, shadow: Array) -> Array:
    glossy = normals(canvas, canvas.blur(form.height, 1.2))
    shine = np.zeros_like(form.height)
    for lamp, strength in ((KEY, 1.0), (FILL, 0.16)):
        aligned = np.clip(glossy @ unit(unit(lamp) + np.asarray((0, 0, 1), np.float32)), 0, 1)
        one = 0.085 * np.power(aligned, 20) + 0.085 * np.power(aligned, 90)
        shine += strength * one * (shadow if lamp is KEY else 1.0)
    return np.asarray((shine * form.gloss)[..., None] * np.array([1.0, 0.95, 0.89], np.float32))
