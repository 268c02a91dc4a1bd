"""Colours and masks: what needs no canvas. Pictures are float32 (height, width, 3), RGB, 0..1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Array = np.ndarray
Point = tuple[float, float]
Points = Sequence[Point] | Array
Colour = Sequence[float] | Array


def to_linear(colour: Colour) -> Array:
    """Turn sRGB 0..1 into linear light."""
    return np.asarray(np.power(np.clip(np.asarray(colour, np.float32), 0, 1), 2.2))


def to_srgb(linear: Array) -> Array:
    """Turn linear light into sRGB 0..1."""
    return np.asarray(np.power(np.clip(linear, 0, 1), 1 / 2.2))


def to_bytes(image: Array) -> Array:
    """Make an 8-bit picture of 0..1 floats."""
    return np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)


def to_floats(picture: Array) -> Array:
    """Make 0..1 floats of an 8-bit picture."""
    return picture.astype(np.float32) / 255


def spline(points: Points | Sequence[Array], closed: bool = False, steps: int = 16) -> Array:
    """Draw a dense Catmull-Rom curve through the points; returns (n, 2)."""
    pts = np.asarray(points, np.float64)
    before, after = (pts[-1:], pts[:2]) if closed else (2 * pts[:1] - pts[1:2], 2 * pts[-1:] - pts[-2:-1])
    ext = np.vstack([before, pts, after])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    out = []
    for p0, p1, p2, p3 in zip(ext[:-3], ext[1:-2], ext[2:-1], ext[3:], strict=True):
        square = 2 * p0 - 5 * p1 + 4 * p2 - p3
        cube = 3 * p1 - p0 - 3 * p2 + p3
        out.append(0.5 * (2 * p1 + (p2 - p0) * t + square * t**2 + cube * t**3))
    if not closed:
        out.append(pts[-1:])
    return np.vstack(out)


def tapered(curve: Array, width: float) -> Array:
    """Outline a hair along a dense curve: full root, pointed tip."""
    tangent = np.gradient(curve, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1) / (np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-6)
    t = np.linspace(0, 1, len(curve))[:, None]
    half = 0.5 * width * np.power(1 - t, 0.8) * np.minimum(1, 0.5 + 4 * t)
    return np.vstack([curve + normal * half, (curve - normal * half)[::-1]])


def mirrored(half: Points) -> Array:
    """Close the outline of which the right half is given, from its top to its bottom."""
    right = np.asarray(half, np.float64)
    left = right[::-1] * (-1.0, 1.0)
    return np.vstack([right, left[left[:, 0] < 0]])


def smoothstep(low: float, high: float, value: Array) -> Array:
    """Rise smoothly from 0 below ``low`` to 1 above ``high``; ``low`` may exceed ``high``."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def over(image: Array, colour: Colour, mask: Array) -> Array:
    """Paint a colour, or a picture, through a mask."""
    return np.asarray(image + (np.asarray(colour, np.float32) - image) * np.clip(mask, 0, 1)[..., None])


def multiply(image: Array, colour: Sequence[float], mask: Array) -> Array:
    """Glaze: darken towards picture times colour through a mask."""
    return over(image, image * np.asarray(colour, np.float32), mask)


def screen(image: Array, colour: Sequence[float], mask: Array) -> Array:
    """Add light of a colour through a mask."""
    return np.asarray(1 - (1 - image) * (1 - np.asarray(colour, np.float32) * np.clip(mask, 0, 1)[..., None]))


def ramp(value: Array, stops: Sequence[Colour]) -> Array:
    """Pick colours between evenly spaced ``stops`` for values 0..1."""
    colours = np.asarray(stops, np.float64)
    at = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(value, at, colours[:, channel]) for channel in range(3)], -1)
