"""What tells one face from another, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

from tools.portraits.paint import Point

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Skin:
    """Colours are sRGB 0..1. ``age``: 0 young, 1 old. ``shade``: what shadows are glazed with."""

    tone: Colour
    blush: Colour
    lip: Colour
    shade: Colour = (0.62, 0.46, 0.41)
    blush_strength: float = 1.0
    gloss: float = 1.0
    freckles: float = 0.0
    age: float = 0.0
    mottle: float = 1.0


@dataclass(frozen=True)
class Eyes:
    """``upper``, ``lower``: lid edges from the inner to the outer corner, around the middle of the iris."""

    upper: tuple[Point, ...]
    lower: tuple[Point, ...]
    crease: tuple[Point, ...]
    iris: tuple[Colour, Colour, Colour]  # rim, middle, glow
    at: Point = (64.5, 307.2)
    scale: Point = (1.0, 1.0)
    tilt: float = 0.0
    radius: float = 15.2
    white: Colour = (0.915, 0.885, 0.865)
    lashes: float = 1.0  # of their length
    lash_count: int = 95
    liner: float = 1.0
    shadow: Colour = (0.72, 0.55, 0.49)  # on the lid
    shadow_strength: float = 0.30


@dataclass(frozen=True)
class Brows:
    """``lower``, ``upper``: edges from the nose outwards, around the middle of the iris."""

    lower: tuple[Point, ...]
    upper: tuple[Point, ...]
    tone: Colour
    base: float = 0.6
    hairs: int = 420
    length: float = 1.0


@dataclass(frozen=True)
class Nose:
    """Factors on an average nose; ``bridge``, ``wings``: of their heights."""

    width: float = 1.0
    length: float = 1.0
    bridge: float = 1.0
    wings: float = 1.0
    tip: float = 1.0


@dataclass(frozen=True)
class Mouth:
    """``y``: of the seam. ``upper``, ``lower``: factors on the lips' heights. ``smile``: how far corners rise."""

    y: float = 445.0
    half_width: float = 53.0
    upper: float = 1.0
    lower: float = 1.0
    smile: float = 5.6
    gloss: float = 1.0


@dataclass(frozen=True)
class Head:
    """``outline``: its right half from the top to the chin. ``cheek``, ``jaw``, ``brow``, ``chin``: relief factors."""

    outline: tuple[Point, ...]
    neck: tuple[tuple[float, float], ...]  # height, half width
    cheek: float = 1.0
    hollow: float = 1.0
    brow: float = 1.0
    chin: float = 1.0
    ears: float = 0.0  # 0: hidden by hair, 1: drawn
    ear_at: Point = (140.0, 330.0)


@dataclass(frozen=True)
class Look:
    """A face. ``zoom``: how much of the picture it fills. ``middle_y``: what height is the picture's middle."""

    seed: int
    skin: Skin
    head: Head
    eyes: Eyes
    brows: Brows
    nose: Nose
    mouth: Mouth
    zoom: float = 1.12
    middle_y: float = 365.0
