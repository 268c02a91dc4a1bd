"""A rectangle of a picture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle in pixels; ``right`` and ``bottom`` are the first outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def at(self) -> tuple[slice, slice]:
        """Its index into a picture."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def edges(self) -> tuple[int, int, int, int]:
        """Its left, top, right and bottom."""
        return self.left, self.top, self.right, self.bottom

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it."""
        return self.left >= self.right or self.top >= self.bottom

    def grown(self, by: int) -> Area:
        """Return it larger by so many pixels on every side."""
        return Area(self.left - by, self.top - by, self.right + by, self.bottom + by)

    def even(self) -> Area:
        """Return the least area around it with even edges: chroma has one pixel for two by two."""
        return Area(self.left & ~1, self.top & ~1, self.right + self.right % 2, self.bottom + self.bottom % 2)

    def within(self, other: Area) -> Area:
        """Return what both share."""
        return Area(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )

    def joined(self, other: Area) -> Area:
        """Return the least area around both."""
        return Area(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def seen_from(self, left: int, top: int) -> Area:
        """Return it in coordinates that begin at (left, top)."""
        return Area(self.left - left, self.top - top, self.right - left, self.bottom - top)
