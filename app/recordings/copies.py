"""A node's copies of recordings that are in a shared store: fetched when used, and which of them go."""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from app.disk import FULL, read_plain
from app.errors import Refusal
from app.objects.catalogue import Entry
from app.objects.faults import NoSuchObject
from app.objects.shelf import Shelf
from app.recordings.recording_info import RecordingInfo
from app.recordings.store import DAY_S, RecordingStore, is_id

logger = logging.getLogger(__name__)

FILM = "recording.mp4"  # of the objects of a recording
STAMP, FETCHING = ".shared", ".fetching"  # suffixes: the generation that a local file is a copy of; one on its way
STAMP_MOST_BYTES = 64
FILM_MOST_BYTES = 64 * 1024**3
COPIES_MOST_BYTES = 4 * 1024**3


class RecordingCopies:
    """Beside each file of ``local`` that is a copy lies a stamp, which says of what.

    Bound: ``COPIES_MOST_BYTES`` in all; full: the longest unused go.
    """

    def __init__(self, folder: Path, local: RecordingStore, shelf: Shelf) -> None:
        self._folder, self._local, self._shelf = folder, local, shelf

    def all(self) -> list[str]:
        """Return the sessions whose recordings are copies."""
        return [path.stem for path in self._folder.glob(f"*{STAMP}")] if self._folder.is_dir() else []

    def generation(self, session: str) -> str | None:
        """Return what a session's file is a copy of; None where it is none."""
        if not is_id(session):
            return None
        try:
            return read_plain(self._stamp_path(session), STAMP_MOST_BYTES).decode("ascii", "replace")
        except OSError:
            return None

    def stamp(self, session: str, generation: str) -> None:
        """Say that a session's file is a copy from now on."""
        self._stamp_path(session).write_text(generation)

    def use(self, session: str) -> None:
        """Make it the one that was used last."""
        self._stamp_path(session).touch()

    def remove(self, session: str) -> bool:
        """Remove a session's file and its stamp; False where there was none."""
        self._stamp_path(session).unlink(missing_ok=True)
        return self._local.discard(session)

    def sweep(self) -> None:
        """Remove what was on its way when a process ended."""
        with suppress(FileNotFoundError):
            for path in self._folder.glob(f"*{FETCHING}"):
                if time.time() - path.stat().st_mtime > DAY_S:
                    path.unlink()

    def fetch(self, entry: Entry, info: RecordingInfo) -> Path | None:
        """Fetch a recording's film; None where it was deleted meanwhile, or cannot be read.

        Raises:
            StoreAway: when it cannot be fetched.
            Refusal: ``disk_full``.
            OSError: when the disk cannot be used.
        """
        session = info.session
        path = self._local.path(session)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{threading.get_native_id()}{FETCHING}")
        try:
            self.make_room(entry.bytes)
            self._shelf.fetch(entry, FILM, draft, FILM_MOST_BYTES)
            os.utime(draft, ns=(entry.kept_ns, entry.kept_ns))  # it expires as what it is a copy of
            os.replace(draft, path)
            RecordingStore.note(self._local, info)  # not as one that was made here
            self.stamp(session, entry.manifest.generation)
            return path
        except NoSuchObject:  # deleted meanwhile
            return None
        except ValueError as error:
            logger.warning("recordings: %s cannot be read and is left out: %s", session, error)
            return None
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise Refusal("disk_full", "The server's disk has no room to fetch this recording; try later.") from error
        finally:
            draft.unlink(missing_ok=True)

    def make_room(self, needed_bytes: int) -> None:
        """Remove copies that were not used for longest, as far as they are too many, or the disk lacks room.

        Raises:
            OSError: when there is none.
        """
        copies = sorted((self._stamp_path(session) for session in self.all()), key=_changed_s)
        taken = sum(_bytes(stamp.with_suffix(".mp4")) for stamp in copies)
        while copies:
            if taken + needed_bytes <= COPIES_MOST_BYTES and self._has_room(needed_bytes):
                return
            oldest = copies.pop(0)
            taken -= _bytes(oldest.with_suffix(".mp4"))
            self.remove(oldest.stem)
        if needed_bytes:
            self._local.disk.require(needed_bytes)

    def _has_room(self, needed_bytes: int) -> bool:
        try:
            self._local.disk.require(needed_bytes)
            return True
        except OSError:
            return False

    def _stamp_path(self, session: str) -> Path:
        return self._folder / f"{session}{STAMP}"


def _changed_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
