"""Recordings of many nodes: written on one, kept in a store that they share, fetched by whoever is asked for them."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from app.disk import FULL, read_plain
from app.errors import Refusal
from app.objects.catalogue import Entry
from app.objects.faults import NoSuchObject, StoreAway
from app.objects.object_store import ObjectStore
from app.objects.shelf import Shelf
from app.recordings.recording_info import RecordingInfo
from app.recordings.store import DAY_S, KNOWN, RecordingStore, is_id

logger = logging.getLogger(__name__)

KIND = "recordings"
FILM = "recording.mp4"
STAMP, FETCHING = ".shared", ".fetching"  # suffixes: the generation that a local file is a copy of; one on its way
STAMP_MOST_BYTES = 64
FILM_MOST_BYTES = 64 * 1024**3
COPIES_MOST_BYTES = 4 * 1024**3
NS_PER_S = 1_000_000_000


class SharedRecordingStore(RecordingStore):
    """Puts each finished recording into a shared store, and fetches those of other nodes.

    What is not put yet is found in the folder after a restart, too: :meth:`put_finished` puts it. While the store is
    away, what lies in the folder is served.

    Bound: of recordings that the store has, copies of ``COPIES_MOST_BYTES`` in all; full: the longest unused go.
    """

    def __init__(
        self,
        folder: Path,
        keep_days: float,
        objects: ObjectStore,
        spare_bytes: int = 0,
        mark: Callable[[Path], None] = lambda path: None,
    ) -> None:
        super().__init__(folder, keep_days, spare_bytes, mark)
        self._objects, self._shelf = objects, Shelf(objects, KIND, is_id)
        self._guard = threading.Lock()
        self._unsent: set[str] = set()  # finished, and not in the store as far as is known
        self._scanned = False

    @property
    def unsent(self) -> int:
        """How many are finished and not yet in the store."""
        return len(self._unsent)

    def note(self, info: RecordingInfo) -> None:
        """See :meth:`RecordingStore.note`."""
        super().note(info)
        if info.state != "recording":
            with self._guard:
                self._unsent.add(info.session)

    def find(self, session: str) -> RecordingInfo | None:
        """See :meth:`RecordingStore.find`.

        Raises:
            StoreAway: when it is not known here, and the store cannot be asked.
        """
        local = super().find(session)
        if local is not None and self._stamp(session) is None:
            return local  # of this node alone, so far
        try:
            entry = self._shelf.catalogue.look(session)
        except StoreAway:
            if local is None:
                raise
            return local
        return _info(entry) if entry is not None else None

    def fetch(self, session: str) -> Path | None:
        """Return where a recording can be read, after fetching it where needed; None where there is none.

        Raises:
            StoreAway: when it cannot be fetched.
            Refusal: ``disk_full``.
            OSError: when the disk cannot be used.
        """
        path, stamp = self.path(session), self._stamp(session)
        if stamp is None and path.exists():
            return path
        try:
            entry = self._shelf.catalogue.look(session)
        except StoreAway:
            if stamp is not None and path.exists():
                return path
            raise
        info = _info(entry) if entry is not None else None
        if entry is None or info is None:
            return None
        if stamp == entry.manifest.generation and path.exists():
            self._stamp_path(session).touch()  # it is the last one used
            return path
        return self._fetched(entry, info)

    def bytes_by_owner(self, without: Collection[str] = ()) -> Counter[str]:
        """Add up what is in the store, as it was listed last, and what is here alone."""
        kept: Counter[str] = Counter()
        entries = self._shelf.catalogue.entries
        for entry in entries.values():
            info = _info(entry)
            if info is not None:
                kept[info.owner] += entry.bytes
        return kept + super().bytes_by_owner({*without, *entries, *self._stamped()})

    def delete(self, session: str) -> bool:
        """See :meth:`RecordingStore.delete`: for all nodes.

        Raises:
            StoreAway: when it cannot be deleted.
        """
        if not is_id(session):
            return False
        is_copy = self._stamp(session) is not None
        if is_copy:
            there = self._shelf.withdraw(session)
            return self._remove(session) or there
        there = self.discard(session)  # what is putting it finds it gone, and takes it back
        try:
            return self._shelf.withdraw(session) or there
        except StoreAway:
            if not there:
                raise
            return True

    def sweep(self, writing: Collection[str] = ()) -> None:
        """See :meth:`RecordingStore.sweep`; the store's are looked through, too.

        Raises:
            StoreAway: when that cannot be done.
        """
        super().sweep(writing)
        with suppress(FileNotFoundError):
            for path in self._folder.glob(f"*{FETCHING}"):
                if time.time() - path.stat().st_mtime > DAY_S:
                    path.unlink()
        self._shelf.catalogue.refresh()
        for session, entry in self._shelf.catalogue.entries.items():
            if self._keep_days and time.time_ns() - entry.kept_ns > self._keep_days * DAY_S * NS_PER_S:
                self._shelf.withdraw(session)
                self._remove(session)
        self._shelf.sweep()

    def refresh(self) -> None:
        """List the store anew, and remove copies of what others deleted, and those that are too many.

        Raises:
            StoreAway: when that cannot be done.
            OSError: when the folder cannot be read.
        """
        self._shelf.catalogue.refresh()
        entries = self._shelf.catalogue.entries
        for session in self._stamped():
            if session not in entries:
                self._remove(session)
        self._make_room(0)

    def put_finished(self) -> None:
        """Put what is finished into the store.

        Raises:
            StoreAway: when that cannot be done; it is tried again then.
            OSError: when the folder cannot be read.
        """
        if not self._scanned:
            self._scan()
        for session in sorted(self._unsent):
            info = super().find(session)
            if info is not None and info.state != "recording" and self.path(session).exists():
                self._put(info)
            with self._guard:
                self._unsent.discard(session)

    def adopt(self, data_dir: Path) -> None:
        """Put what was recorded in another data folder before there was a store; it stays there, too.

        Raises:
            StoreAway: when that cannot be done; what was put is not put again then.
            OSError: when the folder cannot be read.
        """
        if data_dir / KIND != self._folder:
            SharedRecordingStore(data_dir, self._keep_days, self._objects).put_finished()

    def _put(self, info: RecordingInfo) -> None:
        session = info.session
        if not self._shelf.publish(session, {FILM: self.path(session)}, asdict(info)):
            there = self._shelf.catalogue.get(session)
            known = _info(there) if there is not None else None
            if known is not None and known != info and known.bytes >= info.bytes:
                logger.warning("recordings: %s was kept by another node, and longer; that one stays", session)
                self._remove(session)
                return
            if known != info:  # a piece of a session that went on elsewhere, or nothing that can be used
                self._shelf.withdraw(session)
                self._shelf.publish(session, {FILM: self.path(session)}, asdict(info))
        entry = self._shelf.catalogue.get(session)
        if not self._facts(session).exists():  # deleted meanwhile
            self._shelf.withdraw(session)
        elif entry is not None:
            self._stamp_path(session).write_text(entry.manifest.generation)

    def _fetched(self, entry: Entry, info: RecordingInfo) -> Path | None:
        session = info.session
        path = self.path(session)
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{threading.get_native_id()}{FETCHING}")
        try:
            self._make_room(entry.bytes)
            self._shelf.fetch(entry, FILM, draft, FILM_MOST_BYTES)
            os.utime(draft, ns=(entry.kept_ns, entry.kept_ns))  # it expires as what it is a copy of
            os.replace(draft, path)
            super().note(info)
            self._stamp_path(session).write_text(entry.manifest.generation)
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

    def _make_room(self, needed_bytes: int) -> None:
        """Remove copies that were not used for longest, as far as they are too many, or the disk lacks room.

        Raises:
            OSError: when there is none.
        """
        copies = sorted((self._stamp_path(session) for session in self._stamped()), key=_changed_s)
        taken = sum(_bytes(stamp.with_suffix(".mp4")) for stamp in copies)
        while copies:
            if taken + needed_bytes <= COPIES_MOST_BYTES and self._has_room(needed_bytes):
                return
            oldest = copies.pop(0)
            taken -= _bytes(oldest.with_suffix(".mp4"))
            self._remove(oldest.stem)
        if needed_bytes:
            self.disk.require(needed_bytes)

    def _has_room(self, needed_bytes: int) -> bool:
        try:
            self.disk.require(needed_bytes)
            return True
        except OSError:
            return False

    def _scan(self) -> None:
        """Find what was finished and not put before this process began."""
        stamped = set(self._stamped())
        for facts in self._folder.glob("*.json") if self._folder.is_dir() else ():
            if facts.stem not in stamped:
                info = self._read(facts.stem)
                if info is not None and info.state != "recording":
                    with self._guard:
                        self._unsent.add(facts.stem)
        self._scanned = True

    def _remove(self, session: str) -> bool:
        self._stamp_path(session).unlink(missing_ok=True)
        return self.discard(session)

    def _stamped(self) -> list[str]:
        return [path.stem for path in self._folder.glob(f"*{STAMP}")] if self._folder.is_dir() else []

    def _stamp(self, session: str) -> str | None:
        if not is_id(session):
            return None
        try:
            return read_plain(self._stamp_path(session), STAMP_MOST_BYTES).decode("ascii", "replace")
        except OSError:
            return None

    def _stamp_path(self, session: str) -> Path:
        return self._folder / f"{session}{STAMP}"


def _info(entry: Entry) -> RecordingInfo | None:
    """Read what is known of a recording; None where it cannot be used."""
    try:
        if entry.fault:
            raise ValueError(entry.fault)
        info = KNOWN.validate_json(json.dumps(dict(entry.manifest.details)), strict=True)
        if info.session != entry.id or info.state == "recording" or FILM not in entry.manifest.parts:
            raise ValueError("it is another recording's, or none")
        return info
    except ValueError as error:
        logger.warning("recordings: %s cannot be read and is left out: %s", entry.id, error)
        return None


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
