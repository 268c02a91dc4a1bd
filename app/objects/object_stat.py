"""What a store says of an object without reading it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """``mark``: another one whenever the object is. ``changed_ns``: when it was written, on the store's clock."""

    key: str
    bytes: int
    changed_ns: int
    mark: str
