"""A folder as a store: what lies in it, without following links, and whether it is still the one it was."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from app.disk import read_plain
from app.objects.faults import NoSuchObject, StoreAway
from app.objects.object_stat import ObjectStat

MARK = "lipwire-store"  # a file: a folder without it is none, but for instance the place of a disk that is not mounted
MARK_MOST_BYTES = 64
MEMORY_MOST_BYTES = 8192
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}")  # of what we write; whatever else lies there is not ours


class Folder:
    """Looks at a folder that several nodes share. Plain files alone count: no links, pipes or strange names.

    ``memory``: a file of this node's own, in which it notes which folder that was: so one that is empty after a
    restart, as its disk is not mounted, is not taken for the store.
    """

    def __init__(self, root: Path, memory: Path | None = None) -> None:
        self.root, self._memory = root, memory
        self._mark: bytes | None = None  # as it was seen first

    def require(self) -> None:
        """See that the folder is there, and is the one that it was at first.

        Raises:
            StoreAway: when it is not.
        """
        try:
            if self._mark is None:
                self._mark = self._remembered() or self._made()
            if read_plain(self.root / MARK, MARK_MOST_BYTES) != self._mark:
                raise StoreAway(f"another store lies at {self.root} than before{self._advice()}")
        except OSError as error:
            raise StoreAway(f"{self.root}: {error}") from error

    def stat(self, key: str) -> ObjectStat:
        """Return what is known of a file.

        Raises:
            NoSuchObject: when there is none.
        """
        try:
            found = os.lstat(self.root / key)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NoSuchObject(key) from error
        if not stat.S_ISREG(found.st_mode):
            raise NoSuchObject(key)
        return _stat(key, found)

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        """Yield the files in a folder (``prefix`` ends with a slash) and below it.

        Raises:
            OSError: when a folder cannot be read.
        """
        try:
            with os.scandir(self.root / prefix) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in found:
            if _NAME.fullmatch(entry.name) is None:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self.list(f"{prefix}{entry.name}/")
            elif entry.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):  # removed meanwhile
                    yield _stat(prefix + entry.name, entry.stat(follow_symlinks=False))

    def _made(self) -> bytes:
        """Make the folder and its mark where they are not there; returns the mark."""
        self.root.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            _write_new(self.root / MARK, secrets.token_hex(8).encode())
        mark = read_plain(self.root / MARK, MARK_MOST_BYTES)
        if self._memory is not None:
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            self._memory.write_bytes(os.fsencode(self.root) + b"\n" + mark)
        return mark

    def _remembered(self) -> bytes | None:
        """Return the mark that this node noted; None where it was of another folder, or there was none."""
        if self._memory is None:
            return None
        try:
            root, _, mark = read_plain(self._memory, MEMORY_MOST_BYTES).rpartition(b"\n")
        except FileNotFoundError:
            return None
        return mark if root == os.fsencode(self.root) else None

    def _advice(self) -> str:
        return f"; where that is meant, remove {self._memory}" if self._memory is not None else ""


def _write_new(path: Path, data: bytes) -> None:
    """Write a file whole, where there is none."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    draft.write_bytes(data)
    try:
        os.link(draft, path)
    finally:
        draft.unlink()


def _stat(key: str, found: os.stat_result) -> ObjectStat:
    return ObjectStat(key, found.st_size, found.st_mtime_ns, f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}")
