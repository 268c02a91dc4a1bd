"""Folders in which avatars are made. What a killed process leaves behind is swept up by the next one."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PREFIX = "draft-"
KEPT_S = 24 * 3600  # where a disk knows no locks: no avatar takes that long to make


@dataclass(frozen=True, slots=True)
class Draft:
    """A folder that its maker holds a lock on, so that nobody takes it for one that was left behind."""

    path: Path
    lock: int  # a descriptor

    def discard(self) -> None:
        """Remove it, unless it was renamed; to be called once."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)


class Staging:
    """Makes drafts beside the avatars, so that a finished one is moved by a rename. For any thread.

    Several servers may share the folder: a draft is somebody's as long as its lock is held, which ends with the
    process.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self) -> Draft:
        """Make a folder; the caller discards it.

        Raises:
            OSError: when it cannot be made.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            self._remove_abandoned()
            path = Path(tempfile.mkdtemp(dir=self._folder, prefix=PREFIX))
            return Draft(path, _locked(path))

    @contextmanager
    def one(self) -> Iterator[Path]:
        """Yield a folder; it is removed at the end unless it was renamed.

        Raises:
            OSError: when it cannot be made.
        """
        draft = self.begin()
        try:
            yield draft.path
        finally:
            draft.discard()

    def sweep(self) -> None:
        """Remove what processes that are gone left behind.

        Raises:
            OSError: when the folder cannot be read.
        """
        if self._folder.is_dir():
            with self._alone():
                self._remove_abandoned()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from sweeping between a draft's making and its lock."""
        lock = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with suppress(OSError):  # a disk that knows no locks
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _remove_abandoned(self) -> None:
        for draft in self._folder.glob(f"{PREFIX}*"):
            with suppress(OSError):  # gone meanwhile, or no folder
                if _is_abandoned(draft):
                    shutil.rmtree(draft, ignore_errors=True)


def _locked(path: Path) -> int:
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    with suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return lock


def _is_abandoned(draft: Path) -> bool:
    lock = os.open(draft, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    except OSError:
        return time.time() - draft.stat().st_mtime > KEPT_S
    finally:
        os.close(lock)
