"""How a face looks while it speaks or listens, as far as somebody asked for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Expression:
    """Moods, each 0…1 and blended already; all 0 is neutral. An engine without such looks ignores it.

    ``attending``: it listens to somebody, and shows it.
    ``nod``: how far a nod that was asked for bows the head at this moment, 0…1 of its depth.
    """

    warm: float = 0.0
    serious: float = 0.0
    surprised: float = 0.0
    sorry: float = 0.0
    attending: float = 0.0
    nod: float = 0.0


NEUTRAL = Expression()
