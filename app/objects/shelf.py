"""Sets of objects of one kind: put whole or not at all, fetched, and taken away."""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.objects.catalogue import Catalogue, Entry
from app.objects.faults import ObjectExists, StoreAway
from app.objects.manifest import MANIFEST, Manifest, Part
from app.objects.object_store import ObjectStore

logger = logging.getLogger(__name__)

ABANDONED_NS = 24 * 3600 * 1_000_000_000  # after that nobody is still at an upload
GENERATION_BYTES = 8
HASHED_BYTES = 1024 * 1024


class DamagedPart(ValueError):
    """What was fetched is not what was put."""


class Shelf:
    """Keeps ``kind/ID/GENERATION/part`` objects, and last ``kind/ID/info.json``, which commits them. For any thread;
    every method blocks.

    Each writer has a generation of its own, so nobody overwrites or removes what another one is writing: of two who
    put the same set at once the one who commits first has put it, and the other one takes its own objects away.
    """

    def __init__(self, objects: ObjectStore, kind: str, is_id: Callable[[str], bool]) -> None:
        self._objects, self._kind = objects, kind
        self.catalogue = Catalogue(objects, kind, is_id)

    def publish(self, id: str, parts: Mapping[str, Path], details: Mapping[str, Any]) -> bool:
        """Put a set; returns whether it is this one that is there now: somebody else may have been faster.

        Raises:
            StoreAway: when it cannot be done; then the set is not there, unless the store took it and could not say so.
            OSError: when a part's file cannot be read.
        """
        sums = {name: Part(path.stat().st_size, _sha256(path)) for name, path in parts.items()}
        manifest = Manifest(secrets.token_hex(GENERATION_BYTES), sums, details)
        try:
            for name, path in parts.items():
                self._objects.put(self._key(id, manifest, name), path)
            self._objects.put(f"{self._kind}/{id}/{MANIFEST}", manifest.dump(), create=True)
        except ObjectExists:
            there = self.catalogue.look(id)
            if there is None or there.manifest.generation != manifest.generation:
                for name in parts:
                    self._objects.delete(self._key(id, manifest, name))
                return False
        else:
            self.catalogue.look(id)
        return True

    def add(self, entry: Entry, name: str, data: bytes) -> None:
        """Put an object beside those of a committed set, or replace it.

        Raises:
            StoreAway: when it cannot be done.
        """
        self._objects.put(self._key(entry.id, entry.manifest, name), data)
        self.catalogue.look(entry.id)

    def drop(self, entry: Entry, name: str) -> None:
        """Remove such an object; one that is not there is fine.

        Raises:
            StoreAway: when it cannot be done.
        """
        self._objects.delete(self._key(entry.id, entry.manifest, name))
        self.catalogue.look(entry.id)

    def read(self, entry: Entry, name: str, most_bytes: int) -> bytes:
        """Return such an object.

        Raises:
            NoSuchObject: when it is not there.
            ObjectTooLarge: when it is larger.
            StoreAway: when it cannot be read.
        """
        return self._objects.get(self._key(entry.id, entry.manifest, name), most_bytes)

    def fetch(self, entry: Entry, name: str, path: Path, most_bytes: int) -> None:
        """Write a part of a set into a file, as it was put.

        Raises:
            NoSuchObject: when it is not there.
            DamagedPart: when it is another one, or over ``most_bytes``.
            StoreAway: when it cannot be read.
            OSError: when the file cannot be written.
        """
        part, stat = entry.manifest.parts.get(name), entry.objects.get(name)
        if part is None or stat is None or stat.bytes != part.bytes or part.bytes > most_bytes:
            raise DamagedPart(f"{name} is missing, or has a size that it cannot have")
        if self._objects.get_to(stat, path) != part.sha256:
            raise DamagedPart(f"{name} is not what was put")

    def withdraw(self, id: str) -> bool:
        """Remove a set, its commit mark first; tells whether it was there.

        Raises:
            StoreAway: when it cannot be done.
        """
        entry = self.catalogue.look(id)
        if entry is None:
            return False
        self._objects.delete(entry.objects[MANIFEST].key)
        self.catalogue.look(id)
        try:
            for name, stat in entry.objects.items():
                if name != MANIFEST:  # by now it may be that of a new upload
                    self._objects.delete(stat.key)
        except StoreAway as away:  # it is gone for everybody; what is left is swept
            logger.warning("store: objects of %s that was deleted are left for now: %s", id, away.why)
        return True

    def sweep(self) -> None:
        """Remove what uploads that never ended left behind.

        Raises:
            StoreAway: when it cannot be done.
        """
        for stat in self.catalogue.leftovers(time.time_ns() - ABANDONED_NS):
            logger.info("store: %s belongs to nothing and is removed", stat.key)
            self._objects.delete(stat.key)

    def _key(self, id: str, manifest: Manifest, name: str) -> str:
        return f"{self._kind}/{id}/{manifest.generation}/{name}"


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(HASHED_BYTES):
            digest.update(block)
    return digest.hexdigest()
