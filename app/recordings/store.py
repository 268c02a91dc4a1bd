"""Recordings on disk: an MP4 and a few facts each, found by the id of their session until they expire."""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import av
from pydantic import TypeAdapter

from app.disk import Disk, open_plain, read_plain
from app.recordings.boxes import whole_until
from app.recordings.recording_info import RecordingFault, RecordingInfo

logger = logging.getLogger(__name__)

DAY_S = 24 * 3600
FACTS_MOST_BYTES = 64 * 1024
ABANDONED_S = 60  # without a byte more: whoever wrote it is gone
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
KNOWN = TypeAdapter(RecordingInfo)
CUT_SHORT = RecordingFault("cut_short", "The server was killed while it recorded; what it had written can be played.")


def is_id(session: str) -> bool:
    """Tell whether a session can have that id."""
    return _ID.fullmatch(session) is not None


class RecordingStore:
    """Keeps ``{session}.mp4`` and ``{session}.json`` in a folder, for ``keep_days`` (0: for ever).

    ``spare_bytes`` of the disk stay free. What is mended is given to ``mark``. Every method reads or writes files: call
    them off the event loop. Several servers may share the folder.
    """

    def __init__(
        self, folder: Path, keep_days: float, spare_bytes: int = 0, mark: Callable[[Path], None] = lambda path: None
    ) -> None:
        self._folder, self._keep_days, self._mark = folder / "recordings", keep_days, mark
        self.disk = Disk(self._folder, spare_bytes)

    def note(self, info: RecordingInfo) -> None:
        """Write down what is known of a recording: as a whole, or, where a full disk has no room for that, over what
        was written before, which takes none.

        Raises:
            OSError: when it cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        facts = self._facts(info.session)
        draft = facts.with_suffix(".part")
        text = json.dumps(asdict(info))
        try:
            draft.write_text(text)
            os.replace(draft, facts)
        except OSError:
            draft.unlink(missing_ok=True)
            with facts.open("r+") as file:
                file.write(text)
                file.truncate()

    def find(self, session: str) -> RecordingInfo | None:
        """Return what is known of a recording that can be played; None where there is none."""
        info = self._read(session)
        if info is None or info.state != "recording":
            return info
        length = self.playable_bytes(info)
        return replace(info, bytes=length) if length else None

    def path(self, session: str) -> Path:
        """Return where a session's recording lies, or is to be written."""
        return self._folder / f"{session}.mp4"

    def fetch(self, session: str) -> Path | None:
        """Return where a session's recording can be read now."""
        return self.path(session)

    def playable_bytes(self, info: RecordingInfo) -> int:
        """Return how much of a recording can be played: all, or its whole fragments while it is written."""
        try:
            with open_plain(self.path(info.session)) as file:
                return whole_until(file.fileno()) if info.state == "recording" else os.fstat(file.fileno()).st_size
        except FileNotFoundError:
            return 0

    def bytes_by_owner(self, without: Collection[str] = ()) -> Counter[str]:
        """Add up the recordings of each owner, but for those sessions'."""
        kept: Counter[str] = Counter()
        for facts in self._folder.glob("*.json") if self._folder.is_dir() else ():
            info = None if facts.stem in without else self._read(facts.stem)
            if info is not None:
                with suppress(FileNotFoundError):
                    kept[info.owner] += self.path(facts.stem).stat().st_size
        return kept

    def delete(self, session: str) -> bool:
        """Remove a recording; tells whether there was one."""
        return self.discard(session)

    def discard(self, session: str) -> bool:
        """Remove what this server wrote of a recording; tells whether there was something."""
        if not is_id(session):
            return False
        there = False
        for path in (self.path(session), self._facts(session)):
            with suppress(FileNotFoundError):
                path.unlink()
                there = True
        return there

    def sweep(self, writing: Collection[str] = ()) -> None:
        """Remove what has expired, and mend what servers that were killed left behind, except those sessions'."""
        for path in list(self._folder.glob("*.*")) if self._folder.is_dir() else []:
            with suppress(FileNotFoundError):
                age_s = time.time() - path.stat().st_mtime
                if self._keep_days and age_s > self._keep_days * DAY_S:
                    path.unlink()
                elif path.suffix == ".signing" and age_s > ABANDONED_S:
                    path.unlink()  # the copy of a file that was being signed
                elif path.suffix == ".mp4" and age_s > ABANDONED_S and path.stem not in writing:
                    self._mend(path.stem)

    def _mend(self, session: str) -> None:
        """Cut an abandoned recording after its last whole fragment."""
        info = self._read(session)
        if info is None or info.state != "recording":
            return
        length = self.playable_bytes(info)
        if length == 0:
            self.delete(session)
            return
        try:
            path = self.path(session)
            written = path.stat()
            os.truncate(path, length)
            self._mark(path)
            os.utime(path, ns=(written.st_atime_ns, written.st_mtime_ns))  # it expires as if it had not been mended
            with av.open(str(path)) as container:
                duration_ms = (container.duration or 0) * 1000 // av.time_base
            self.note(
                replace(info, state="failed", bytes=path.stat().st_size, duration_ms=duration_ms, error=CUT_SHORT)
            )
            logger.warning("recordings: %s was cut short and has been mended, %d ms", session, duration_ms)
        except (OSError, av.FFmpegError) as error:
            logger.warning("recordings: %s could not be mended: %s", session, error)

    def _read(self, session: str) -> RecordingInfo | None:
        if not is_id(session):
            return None
        try:
            info = KNOWN.validate_json(read_plain(self._facts(session), FACTS_MOST_BYTES), strict=True)
            if info.session != session:
                raise ValueError("it is another recording's")
            return info
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            logger.warning("recordings: %s cannot be read and is left out: %s", session, error)
            return None

    def _facts(self, session: str) -> Path:
        return self._folder / f"{session}.json"
