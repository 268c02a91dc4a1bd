"""Recordings of many nodes: written on one, kept in a store that they share, fetched by whoever is asked for them."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import asdict, replace
from pathlib import Path

from app.disk import read_plain
from app.objects.catalogue import Entry
from app.objects.faults import NoSuchObject, StoreAway
from app.objects.object_store import ObjectStore
from app.objects.shelf import Shelf
from app.recordings.copies import FETCHING, FILM, FILM_MOST_BYTES, RecordingCopies
from app.recordings.piecing import Join, longest_only, piece_together
from app.recordings.recording_info import RecordingInfo
from app.recordings.store import DAY_S, FACTS_MOST_BYTES, KNOWN, RecordingStore, is_id

logger = logging.getLogger(__name__)

KIND = "recordings"
TRIES = 5  # to put what several nodes put at the same time
PLAN = ".plan"  # suffix: what a file is to be once it was joined; its ``bytes`` are those that it has before
NS_PER_S = 1_000_000_000


class SharedRecordingStore(RecordingStore):
    """Puts each finished recording into a shared store, and fetches those of other nodes.

    A session that moved was recorded by several nodes: ``join`` makes one of what they put, in whatever order.
    What is not put yet is found in the folder after a restart, too: :meth:`put_finished` puts it. While the store is
    away, what lies in the folder is served.
    """

    def __init__(
        self,
        folder: Path,
        keep_days: float,
        objects: ObjectStore,
        spare_bytes: int = 0,
        mark: Callable[[Path], None] = lambda path: None,
        join: Join = longest_only,
    ) -> None:
        super().__init__(folder, keep_days, spare_bytes, mark)
        self._objects, self._shelf = objects, Shelf(objects, KIND, is_id)
        self._join = join
        self._copies = RecordingCopies(self._folder, self, self._shelf)
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
        if local is not None and self._copies.generation(session) is None:
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
        path, stamp = self.path(session), self._copies.generation(session)
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
            self._copies.use(session)  # it is the last one used
            return path
        return self._copies.fetch(entry, info)

    def bytes_by_owner(self, without: Collection[str] = ()) -> Counter[str]:
        """Add up what is in the store, as it was listed last, and what is here alone."""
        kept: Counter[str] = Counter()
        entries = self._shelf.catalogue.entries
        for entry in entries.values():
            info = _info(entry)
            if info is not None:
                kept[info.owner] += entry.bytes
        return kept + super().bytes_by_owner({*without, *entries, *self._copies.all()})

    def delete(self, session: str) -> bool:
        """See :meth:`RecordingStore.delete`: for all nodes.

        Raises:
            StoreAway: when it cannot be deleted.
        """
        if not is_id(session):
            return False
        is_copy = self._copies.generation(session) is not None
        if is_copy:
            there = self._shelf.withdraw(session)
            return self._copies.remove(session) or there
        there = self.discard(session)  # what is putting it finds it gone, and takes it back
        try:
            return self._shelf.withdraw(session) or there
        except StoreAway:
            if not there:
                raise
            return True

    def discard(self, session: str) -> bool:
        """See :meth:`RecordingStore.discard`."""
        if is_id(session):
            self._plan(session).unlink(missing_ok=True)
        return super().discard(session)

    def sweep(self, writing: Collection[str] = ()) -> None:
        """See :meth:`RecordingStore.sweep`; the store's are looked through, too.

        Raises:
            StoreAway: when that cannot be done.
        """
        super().sweep(writing)
        self._copies.sweep()
        self._shelf.catalogue.refresh()
        for session, entry in self._shelf.catalogue.entries.items():
            if self._keep_days and time.time_ns() - entry.kept_ns > self._keep_days * DAY_S * NS_PER_S:
                self._shelf.withdraw(session)
                self._copies.remove(session)
        self._shelf.sweep()

    def refresh(self) -> None:
        """List the store anew, and remove copies of what others deleted, and those that are too many.

        Raises:
            StoreAway: when that cannot be done.
            OSError: when the folder cannot be read.
        """
        self._shelf.catalogue.refresh()
        entries = self._shelf.catalogue.entries
        for session in self._copies.all():
            if session not in entries:
                self._copies.remove(session)
        self._copies.make_room(0)

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
            SharedRecordingStore(data_dir, self._keep_days, self._objects, join=self._join).put_finished()

    def _put(self, info: RecordingInfo) -> None:
        """Put what is here; where another node has put another piece of the session, both as one.

        What is joined lies here, whole, before the store's goes: a process that is killed in between loses nothing.
        """
        info = self._finish_join(info)  # of a process that was killed in between
        session = info.session
        for _ in range(TRIES):
            if self._shelf.publish(session, {FILM: self.path(session)}, asdict(info)):
                break
            there = self._shelf.catalogue.get(session)
            known = _info(there) if there is not None else None
            if known is not None and known.pieces == info.pieces:
                break  # put before, by a process that was killed then
            if known is not None and info.pieces < known.pieces:
                self._copies.remove(session)
                return
            if there is not None and known is not None and not known.pieces < info.pieces:
                joined = self._joined(there, known, info)
                if joined is None:
                    self._copies.remove(session)
                    return
                info = joined
            self._shelf.withdraw(session)
        entry = self._shelf.catalogue.get(session)
        if not self._facts(session).exists():  # deleted meanwhile
            self._shelf.withdraw(session)
            self._copies.remove(session)  # what was joined since then
        elif entry is not None and (known := _info(entry)) is not None and known.pieces == info.pieces:
            self._copies.stamp(session, entry.manifest.generation)

    def _joined(self, entry: Entry, there: RecordingInfo, here: RecordingInfo) -> RecordingInfo | None:
        """Let one recording of the store's and this node's lie here; None: the store's is to stay as it is.

        Raises:
            StoreAway: when the store's cannot be fetched.
            OSError: when the disk has no room.
        """
        path = self.path(here.session)
        theirs, both = (path.with_suffix(f".{name}{FETCHING}") for name in ("theirs", "both"))
        try:
            self.disk.require(2 * entry.bytes + here.bytes)
            self._shelf.fetch(entry, FILM, theirs, FILM_MOST_BYTES)
            info = piece_together((here, path), (there, theirs), self._join, both)
            self._plan(here.session).write_text(json.dumps(asdict(replace(info, bytes=path.stat().st_size))))
            os.replace(both, path)
            return self._finish_join(here)
        except NoSuchObject:
            return here  # there is nothing else any more
        except ValueError as error:
            stays = max(there, here, key=lambda each: each.duration_ms)
            logger.warning(
                "recordings: two pieces of %s cannot be one, %d ms stay: %s", here.session, stays.duration_ms, error
            )
            return None if stays is there else replace(here, joined=tuple(sorted(here.pieces | there.pieces)))
        finally:
            theirs.unlink(missing_ok=True)
            both.unlink(missing_ok=True)

    def _finish_join(self, here: RecordingInfo) -> RecordingInfo:
        """Return what is known of a file; where it was joined, and that was not noted yet, it is noted now."""
        plan, path = self._plan(here.session), self.path(here.session)
        try:
            info = KNOWN.validate_json(read_plain(plan, FACTS_MOST_BYTES), strict=True)
        except FileNotFoundError:
            return here
        except ValueError:  # it was being written: nothing was joined yet
            plan.unlink()
            return here
        if path.stat().st_size != info.bytes:
            self._mark(path)
            here = replace(info, bytes=path.stat().st_size)
            if self._facts(here.session).exists():  # else it was deleted meanwhile
                super().note(here)
        plan.unlink()
        return here

    def _plan(self, session: str) -> Path:
        return self._folder / f"{session}{PLAN}"

    def _scan(self) -> None:
        """Find what was finished and not put before this process began."""
        stamped = set(self._copies.all())
        for facts in self._folder.glob("*.json") if self._folder.is_dir() else ():
            if facts.stem not in stamped:
                info = self._read(facts.stem)
                if info is not None and info.state != "recording":
                    with self._guard:
                        self._unsent.add(facts.stem)
        self._scanned = True


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
