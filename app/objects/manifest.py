"""What is written of a set of objects once all of it is there: its commit mark."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MANIFEST = "info.json"
MANIFEST_MOST_BYTES = 256 * 1024
PARTS_MOST = 8
PART_MOST_BYTES = 64 * 1024**3
GENERATION = re.compile(r"[0-9a-f]{16}")
PART = re.compile(r"[a-z][a-z0-9]{0,15}(\.[a-z0-9]{1,8})?")
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Part:
    """One object of a set."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """``generation``: made up by who wrote the set, so that no two writers ever write one object. ``details``: what is
    known of it, for whoever made it.
    """

    generation: str
    parts: Mapping[str, Part] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    def dump(self) -> bytes:
        """Write what :meth:`parse` reads."""
        parts = {name: {"bytes": part.bytes, "sha256": part.sha256} for name, part in self.parts.items()}
        return json.dumps({"generation": self.generation, "parts": parts, "details": dict(self.details)}).encode()

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """Read one that anybody may have written.

        Raises:
            ValueError, RecursionError: when it is none.
        """
        stored = json.loads(data)
        if not isinstance(stored, dict):
            raise ValueError(f"{MANIFEST} holds no object")
        generation, parts, details = (stored.get(name) for name in ("generation", "parts", "details"))
        if not isinstance(generation, str) or GENERATION.fullmatch(generation) is None:
            raise ValueError(f"{MANIFEST} names no generation")
        if not isinstance(details, dict) or not isinstance(parts, dict) or len(parts) > PARTS_MOST:
            raise ValueError(f"{MANIFEST} names no parts, or no details")
        return cls(generation, {_name(name): _part(part) for name, part in parts.items()}, details)


def _name(name: str) -> str:
    if PART.fullmatch(name) is None:
        raise ValueError(f"{MANIFEST} names a part that cannot be")
    return name


def _part(stored: Any) -> Part:
    length, sha256 = (stored.get("bytes"), stored.get("sha256")) if isinstance(stored, dict) else (None, None)
    if type(length) is not int or not 0 <= length <= PART_MOST_BYTES:
        raise ValueError(f"{MANIFEST} names a part without a size that can be")
    if not isinstance(sha256, str) or SHA256.fullmatch(sha256) is None:
        raise ValueError(f"{MANIFEST} names a part without its sum")
    return Part(length, sha256)
