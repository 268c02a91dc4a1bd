"""What the doctor found: one line each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at (``area``), and how it is. ``todo``: what to do where it is not ``ok``."""

    level: Level
    area: str
    said: str
    todo: str = ""

    def __str__(self) -> str:
        return f"{self.level:7} {self.area:11} {self.said}{f'; {self.todo}' if self.todo else ''}"


def ok(area: str, said: str) -> Finding:
    """Say that something is as it should be."""
    return Finding("ok", area, said)


def warn(area: str, said: str, todo: str) -> Finding:
    """Say that something will not do for all that one may want."""
    return Finding("warn", area, said, todo)


def problem(area: str, said: str, todo: str) -> Finding:
    """Say that something keeps the service from running, or is not safe."""
    return Finding("problem", area, said, todo)
