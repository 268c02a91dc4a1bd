"""Stores to try, each of which can be taken away and given back with all that it keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.objects.object_store import ObjectStore
from tests.s3 import BUCKET, S3


@dataclass(frozen=True)
class Tried:
    """``connect`` makes a node's own connection."""

    url: str
    endpoint: str
    take_away: Callable[[], object]
    give_back: Callable[[], object]

    def connect(self, data: Path | None = None) -> ObjectStore:
        return ObjectStore(self.url, self.endpoint, data and data / "store-mark")


def folder(path: Path) -> Tried:
    away = path.with_name(path.name + "-away")
    return Tried(f"file://{path}", "", lambda: path.rename(away), lambda: away.rename(path))


def bucket(server: S3, prefix: str) -> Tried:
    return Tried(f"s3://{BUCKET}/{prefix}", server.url, server.cut, server.mend)
