"""All keys that open this server, as they are now."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from app.access.key import Key, id_of, sum_of
from app.access.keys_file import KEYS, KeyEntry, KeysFileError, Stamp, read_entries
from app.access.quota import Quota
from app.clock import wall_clock
from app.config import Settings, SettingsError
from app.errors import Refusal

logger = logging.getLogger(__name__)

PATIENCE_S = 1.0  # for a disk
SHORT = 16  # characters; a shorter key can be guessed
SUM_PREFIX = "sha256:"
_SUM = re.compile(r"[0-9a-fA-F]{64}")
OTHERS_MAY_WRITE = 0o022


class KeyRing:
    """The keys of the environment, which are the operator's, and those of the keys file.

    The file is looked at before each use (:meth:`refresh`) and read again when it has changed, so a key that was added
    or revoked counts at once. One that is damaged changes nothing, and the log says so. Once keys are wanted, they
    are until the process ends: a file that is gone is one without keys, and one without keys opens no door. A file
    can be read by any number at a time; what was read is published whole.
    """

    def __init__(self, texts: Sequence[str], path: Path, usual: Quota | None = None, must_exist: bool = False) -> None:
        """Take the keys of the environment, and read the file; where it ``must_exist``, keys are wanted without it too.

        Raises:
            KeysFileError: when it is damaged.
            SettingsError: when a sum in the environment is none.
        """
        usual = usual or Quota()
        self._operators = tuple(_operator_key(text, number, usual) for number, text in enumerate(texts, 1))
        self._path, self._usual = path, usual
        self._stamp = _first_stamp(path)
        self._looking: asyncio.Future[None] | None = None
        self._entries = tuple(read_entries(path))
        self._is_wanted = bool(texts) or must_exist or self._stamp is not None
        _warn_of_permissions(path)

    @classmethod
    def of(cls, settings: Settings) -> KeyRing:
        """Make the ring that the settings describe; raises as the constructor does."""
        usual = Quota(settings.key_sessions, settings.key_minutes, settings.key_avatars, settings.key_megabytes)
        return cls(settings.api_keys, keys_path(settings), usual, must_exist=settings.keys_file is not None)

    @property
    def is_wanted(self) -> bool:
        """Whether a key must be given: there are some, or there were."""
        return self._is_wanted

    async def refresh(self) -> None:
        """Read the file again if it has changed; a disk that does not answer changes nothing, and is waited for once.

        Whoever comes meanwhile waits for the look that is going on.
        """
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(asyncio.to_thread(self._look))
        await asyncio.wait({self._looking}, timeout=PATIENCE_S)

    def find(self, text: str) -> Key | None:
        """Return the key with that text, None where there is none, or it has expired."""
        wanted, found = sum_of(text), None
        for key in self._operators:  # each is compared, so that the time says nothing
            if hmac.compare_digest(wanted, key.sum) and found is None:
                found = key
        entries, now = self._entries, wall_clock()
        for entry in entries:
            if hmac.compare_digest(wanted, entry.sha256) and found is None and not entry.has_expired(now):
                found = entry.key(self._usual)
        return found

    def by_id(self, id: str) -> Key | None:
        """Return the key with that id, None where it was revoked or has expired."""
        now: datetime = wall_clock()
        operators = (key for key in self._operators if key.id == id)
        entries = (entry.key(self._usual) for entry in self._entries if entry.id == id and not entry.has_expired(now))
        return next(operators, None) or next(entries, None)

    def _look(self) -> None:
        try:
            has_changed = Stamp.of(self._path) != self._stamp
        except OSError:
            return  # what is known stays
        if has_changed:
            self._read()

    def _read(self) -> None:
        try:
            stamp = Stamp.of(self._path)  # before it is read: what changes meanwhile is read again
            if stamp == self._stamp:
                return  # another reader was first
            self._stamp = stamp
            entries: tuple[KeyEntry, ...] = tuple(read_entries(self._path))
        except (KeysFileError, OSError) as error:
            logger.error("keys: %s The keys that were known before stay.", error)
            return
        if stamp is None and self._entries:
            logger.error("keys: %s is gone, and its %d keys with it.", self._path, len(self._entries))
        self._entries = entries
        self._is_wanted = self._is_wanted or stamp is not None
        logger.info("keys: %d of %s are known now", len(entries), self._path)
        _warn_of_permissions(self._path)


def revoked() -> Refusal:
    """Make the refusal of what a key owns that no longer counts."""
    return Refusal("key_revoked", "The API key of this session has been revoked or has expired; use another.")


def _first_stamp(path: Path) -> Stamp | None:
    try:
        return Stamp.of(path)
    except OSError as error:
        raise KeysFileError(f"The keys file {path} cannot be looked at ({error.strerror}).") from error


def keys_path(settings: Settings) -> Path:
    """Return where the keys file is, or would be."""
    return settings.keys_file or settings.data_dir / KEYS


def _operator_key(text: str, number: int, usual: Quota) -> Key:
    if text.startswith(SUM_PREFIX):
        sum = text.removeprefix(SUM_PREFIX).lower()
        if _SUM.fullmatch(sum) is None:
            raise SettingsError("LIPWIRE_API_KEYS: behind sha256: there must be 64 hexadecimal digits.")
    else:
        sum = sum_of(text)
        if len(text) < SHORT:
            logger.warning(
                "keys: number %d of LIPWIRE_API_KEYS has %d characters and can be guessed; lipwire keys add makes one "
                "that cannot.",
                number,
                len(text),
            )
    return Key(id_of(sum), f"environment {number}", sum, usual, is_operator=True)


def _warn_of_permissions(path: Path) -> None:
    try:
        if path.stat().st_mode & OTHERS_MAY_WRITE:
            logger.warning("keys: others may write %s, and so make keys of their own; chmod 600 it.", path)
    except OSError:
        pass  # there is none
