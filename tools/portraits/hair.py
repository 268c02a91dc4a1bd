"""Hair, in four kinds: long strands along guides, tufts that stand on the head, curls, and short fuzz."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tools.portraits.canvas import Canvas, strokes
from tools.portraits.look import Colour
from tools.portraits.paint import Array, Point, multiply, over, ramp, smoothstep, spline, to_bytes, to_floats

Tones = tuple[Colour, ...]  # from dark to light
Lines = tuple[tuple[Point, ...], ...]
Rng = np.random.Generator


@dataclass(frozen=True)
class Strands:
    """Long hair. ``shine``: where along the hair, how widely, how much. ``wave``: units, turns, from where."""

    tones: Tones
    count: int = 4200
    locks: int = 32
    wave: tuple[float, float, float] = (0.0, 1.0, 0.4)
    shine: tuple[tuple[float, float, float], ...] = ((0.19, 0.09, 0.4),)
    base: float = 0.23
    gather: float = 0.35
    lift: float = 0.0  # lighter by so much on the lamp's side
    width: float = 0.9
    ragged: float = 0.0  # how unequally long it is


@dataclass(frozen=True)
class Tufts:
    """Short hair in pointed locks. ``flow``: how far a lock of the first and of the last row reaches."""

    tones: Tones
    locks: int = 170
    strands: int = 34
    spread: float = 9.0
    base: float = 0.22
    shine: float = 0.40
    width: float = 0.9
    droop: float = 0.0  # how far tips fall


def guides_of(lines: Lines, side: int = 1) -> Array:
    """Make dense guides (guides, points, 2) of a few points each."""
    return np.stack([spline(line, steps=10) * (side, 1.0) for line in lines])


def across(guides: Array, u: Array) -> Array:
    """Make the curve whose n-th point lies at u[n] across the guides: 0 is the first of them, 1 the last."""
    place = np.clip(u, 0, 1) * (len(guides) - 1)
    low = np.minimum(place.astype(int), len(guides) - 2)
    mix = (place - low)[:, None]
    index = np.arange(guides.shape[1])
    return np.asarray(guides[low, index] * (1 - mix) + guides[low + 1, index] * mix)


def area(canvas: Canvas, guides: Array, softness: float = 1.0) -> Array:
    """Make the mask of what lies between the first and the last guide."""
    return canvas.fill(np.vstack([guides[0], guides[-1][::-1]]), softness)


def drop_shadow(canvas: Canvas, image: Array, mask: Array, shade: Colour, strength: float = 0.6) -> Array:
    """Darken what lies a little below and to the right of a mask."""
    import cv2

    shift = np.array([[1, 0, 4 * canvas.unit], [0, 1, 7 * canvas.unit]], np.float32)
    return multiply(image, shade, strength * canvas.blur(cv2.warpAffine(mask, shift, mask.shape[::-1]), 6))


def paint_strands(canvas: Canvas, image: Array, guides: Array, style: Strands, rng: Rng) -> Array:
    """Paint hair along guides, lock by lock, each a bundle with a rounded shading of its own."""
    full = guides[:, : round(guides.shape[1] * (1 - 0.75 * style.ragged))]
    image = over(image, np.asarray(style.tones[0]) * 1.15, area(canvas, full))
    picture = to_bytes(image)
    t = np.linspace(0, 1, guides.shape[1])
    locks = np.sort(np.concatenate([rng.uniform(0, 1, style.locks - 2), [0.01, 0.99]]))
    tone, phase = rng.normal(0, 0.07, len(locks)), rng.normal(0, 0.55, len(locks))
    depth, reach = rng.permutation(len(locks)), rng.uniform(1.0, 1.25, len(locks))
    roots = rng.uniform(0, 1, style.count)
    nearest = np.abs(roots[:, None] - locks[None]).argmin(1)
    offset = roots - locks[nearest]
    half = 0.84 / style.locks
    swing, turns, begins = style.wave
    grown = smoothstep(begins, begins + 0.38, t)
    for i in np.lexsort((-np.abs(offset) + rng.normal(0, 0.006, len(roots)), depth[nearest])):
        lock = nearest[i]
        gather = style.gather * (0.4 * smoothstep(0.1, 0.6, t) + smoothstep(0.55, 1.0, t / reach[lock]))
        curve = across(guides, locks[lock] + offset[i] * (1 - gather) + rng.normal(0, 0.006))
        turn = 2 * np.pi * turns * t**1.15 + phase[lock] + rng.normal(0, 0.10)
        stray = rng.normal(0, 0.5 if rng.uniform() > 0.03 else 0.8) + 1.2 * np.sin(6 * t + rng.uniform(0, 6.3)) * t
        curve = curve + np.stack([swing * grown * np.sin(turn) + stray, 0 * t], 1)
        curve[:-1] += (curve[1:] - curve[:-1]) * rng.uniform()
        rounded = np.cos(np.clip(np.abs(offset[i]) / half, 0, 1) * np.pi / 2)
        value = style.base + tone[lock] + rng.normal(0, 0.05) + 0.13 * rounded + style.lift
        for at, wide, bright in style.shine:
            place = at + 0.04 * np.sin(9 * roots[i]) + rng.normal(0, 0.02)
            value = value + bright * np.exp(-np.square((t - place) / wide)) * (0.45 + 0.55 * rounded)
        if swing:
            value = value + grown * np.cos(turn) * 0.22 * (0.4 + 0.6 * rounded)
        value = value + 0.05 * np.sin(5 * t + 3 * phase[lock] + lock) - 0.14 * np.exp(-np.square(t / 0.05))
        end = max(3, round(len(t) * (1 - style.ragged * rng.uniform() ** 2)))
        tones = ramp(np.clip(value, 0, 1), style.tones)
        canvas.strand(picture, curve[:end], tones[:end], style.width if rounded < 0.8 else 0.7 * style.width)
    return to_floats(picture)


def paint_tufts(
    canvas: Canvas, image: Array, rows: tuple[Array, Array], flows: tuple[Array, Array], style: Tufts, rng: Rng
) -> Array:
    """Paint locks whose roots lie between two curves; the last row is painted first, the first one over it.

    ``rows``: the first and the last row's roots, (n, 2). ``flows``: how a lock of each leans, (n, 2).
    """
    picture = to_bytes(image)
    place = rng.uniform(0, 1, (style.locks, 2))
    for u, r in place[np.argsort(-place[:, 1] + rng.normal(0, 0.05, style.locks))]:
        at = np.array([u, r])
        tip = _between(rows, at) + _between(flows, at) * rng.uniform(0.85, 1.15) + rng.normal(0, 4.0, 2)
        tone = rng.normal(0, 0.06)
        for across in np.sort(rng.uniform(-1, 1, style.strands))[rng.permutation(style.strands)]:
            slip = across * style.spread
            root = _between(rows, np.clip(at + (slip / 260, rng.normal(0, 0.02)), 0, 1))
            end = tip + (slip * 0.16, 0) + rng.normal(0, 1.2, 2)
            middle = 0.5 * (root + end) + (0.10 * slip, -0.16 * np.linalg.norm(end - root))
            end = end + (0, style.droop)
            curve = spline([root, middle, end], steps=7)
            t = np.linspace(0, 1, len(curve))
            rounded = np.cos(across * np.pi / 2)
            value = style.base + tone + 0.12 * rounded + rng.normal(0, 0.045) - 0.12 * np.exp(-np.square(t / 0.16))
            lamp = 1.0 - 0.45 * u
            value = value + style.shine * lamp * np.exp(-np.square((t - 0.52 + rng.normal(0, 0.03)) / 0.20)) * rounded
            canvas.strand(picture, curve, ramp(np.clip(value, 0, 1), style.tones), style.width)
    return to_floats(picture)


def _between(curves: tuple[Array, Array], at: Array) -> Array:
    index = at[0] * (len(curves[0]) - 1)
    low = int(min(index, len(curves[0]) - 2))
    first, last = (c[low] + (c[low + 1] - c[low]) * (index - low) for c in curves)
    return np.asarray(first + (last - first) * at[1])


def paint_curls(
    canvas: Canvas, image: Array, outline: Array, hole: Array, tones: Tones, rng: Rng, count: int = 5200
) -> Array:
    """Paint coily hair within an outline and outside of a hole, curl by curl, those at the rim first."""
    left, top = outline.min(0)
    right, bottom = outline.max(0)
    middle, half = (outline.max(0) + outline.min(0)) / 2, (outline.max(0) - outline.min(0)) / 2
    inside, face = canvas.fill(outline), canvas.fill(hole)
    image = over(image, np.asarray(tones[0]) * 0.9, canvas.blur(inside, 3) * (1 - face))
    spots = rng.uniform((left, top), (right, bottom), (count * 2, 2))
    at = np.clip(canvas.pixels(spots).astype(int), 0, canvas.side - 1)
    spots = spots[(inside[at[:, 1], at[:, 0]] > 0.4) & (face[at[:, 1], at[:, 0]] < 0.5)][:count]
    dome = (spots - middle) / half
    radius = np.hypot(dome[:, 0], dome[:, 1])
    picture = to_bytes(image)
    for i in np.argsort(-radius + rng.normal(0, 0.22, len(spots))):
        (x, y), (dx, dy), far = spots[i], dome[i], radius[i]
        lamp = np.clip(-0.60 * dx - 0.66 * dy + 0.45 * np.sqrt(max(0.0, 1 - far**2)), -0.2, 1)
        size, turns = rng.uniform(2.6, 5.6), rng.uniform(1.1, 1.9)
        t = np.linspace(0, 1, 15)
        angle = rng.uniform(0, 6.28) + rng.choice((-1, 1)) * turns * 6.28 * t
        shrinking = size * (1 - 0.55 * t)
        drift = rng.normal(0, 2.6, 2) + np.asarray((dx, dy)) * 2.2
        curve = np.stack(
            [x + shrinking * np.cos(angle) + drift[0] * t, y + shrinking * np.sin(angle) + drift[1] * t], 1
        )
        facing = np.clip(-0.6 * np.cos(angle) - 0.7 * np.sin(angle), 0, 1)
        value = 0.10 + 0.42 * max(0.0, lamp) + 0.46 * facing * max(0.08, lamp) + rng.normal(0, 0.06)
        canvas.strand(picture, curve, ramp(np.clip(value, 0, 1), tones), rng.uniform(0.8, 1.5))
    return to_floats(picture)


def paint_fuzz(
    canvas: Canvas,
    image: Array,
    density: Array,
    heading: Callable[[float, float], Point],
    hair: tuple[Tones, int, float, float, float],
    rng: Rng,
) -> Array:
    """Paint short hairs where ``density`` (0..1) lets them be. ``hair``: tones, tries, length, width, opacity."""
    tones, tries, length, width, opacity = hair
    unit = canvas.unit
    ys, xs = np.nonzero(density > 0.02)
    chosen = rng.integers(0, len(xs), tries)

    def draw(picture: Array) -> None:
        for index in chosen:
            px, py = xs[index], ys[index]
            if rng.uniform() > density[py, px]:
                continue
            root = np.array([(px - canvas.side / 2) / unit, (py - canvas.side / 2) / unit + canvas.middle_y])
            way = np.asarray(heading(*root)) + rng.normal(0, 0.28, 2)
            tip = root + way / (np.linalg.norm(way) + 1e-6) * length * rng.uniform(0.6, 1.3)
            tone = ramp(np.asarray(np.clip(rng.beta(1.6, 3.0) * 1.1, 0, 1)), tones)
            bend = 0.5 * (root + tip) + rng.normal(0, 0.06 * length, 2)
            canvas.stroke(picture, [np.asarray(root), bend, tip], width * rng.uniform(0.75, 1.25), tone)

    return strokes(image, opacity, draw)
