"""The file of keys: sums and quotas, read as a whole and written as a whole."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from app.access.key import Key
from app.access.quota import Quota
from app.config import SettingsError

KEYS = "keys.json"  # in the data folder, unless it is put elsewhere
MAX_BYTES = 4 * 1024 * 1024  # some 10,000 keys
MODE = 0o600
NAME = r"^[^\x00-\x1f\x7f-\x9f]{1,64}$"


class KeysFileError(SettingsError):
    """The file of keys cannot be used; the message says why, and what to do."""


class KeyEntry(BaseModel):
    """A key as the file has it. What is None is as the settings say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^key_[0-9a-f]{12}$")
    name: str = Field(pattern=NAME)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", repr=False)
    added: AwareDatetime
    expires: AwareDatetime | None = None
    sessions: int | None = Field(default=None, ge=0)
    minutes: float | None = Field(default=None, ge=0)
    avatars: int | None = Field(default=None, ge=0)
    megabytes: float | None = Field(default=None, ge=0)

    def key(self, usual: Quota) -> Key:
        """Return the key, its quota ``usual`` where the file says nothing else."""
        own = {name: getattr(self, name) for name in ("sessions", "minutes", "avatars", "megabytes")}
        quota = replace(usual, **{name: value for name, value in own.items() if value is not None})
        return Key(self.id, self.name, self.sha256, quota, self.expires)

    def has_expired(self, now: datetime) -> bool:
        """Tell whether its time is over."""
        return self.expires is not None and now >= self.expires


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keys: list[KeyEntry]


@dataclass(frozen=True, slots=True)
class Stamp:
    """By which a change of the file is noticed."""

    mtime_ns: int
    inode: int
    size: int

    @classmethod
    def of(cls, path: Path) -> Stamp | None:
        """Look at a file; None where there is none.

        Raises:
            OSError: when that cannot be told.
        """
        try:
            stat = path.stat()
        except FileNotFoundError:
            return None
        return cls(stat.st_mtime_ns, stat.st_ino, stat.st_size)


def read_entries(path: Path) -> list[KeyEntry]:
    """Read the file; a missing one holds none.

    Raises:
        KeysFileError: when it cannot be read, or is damaged.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise KeysFileError(f"The keys file {path} is larger than {MAX_BYTES // 2**20} MB: it is none of ours.")
        entries = _File.model_validate_json(text).keys
    except FileNotFoundError:
        return []
    except OSError as error:
        raise KeysFileError(
            f"The keys file {path} cannot be read ({error.strerror}); see to its permissions."
        ) from error
    except ValidationError as invalid:  # without what it holds
        first = invalid.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise KeysFileError(
            f"The keys file {path} is damaged ({where + ': ' if where else ''}{first['msg']}): bring back a copy, or "
            "move it away and add the keys anew with lipwire keys add."
        ) from None
    for what in ("id", "name", "sha256"):
        if len({getattr(entry, what) for entry in entries}) < len(entries):
            raise KeysFileError(f"The keys file {path} is damaged: two keys have the same {what}; take one out.")
    return entries


def change_entries(path: Path, change: Callable[[list[KeyEntry]], Sequence[KeyEntry]]) -> None:
    """Read the file, change it, and put the new one into its place; one who changes it at a time.

    Raises:
        KeysFileError: as :func:`read_entries` does, or when it cannot be written.
    """
    path = path.resolve()  # a link stays one
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path.with_name(path.name + ".lock")):
            _write(path, change(read_entries(path)))
    except OSError as error:
        raise KeysFileError(f"The keys file {path} cannot be written ({error.strerror}).") from error


def _write(path: Path, entries: Sequence[KeyEntry]) -> None:
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".")  # mode 0600
    try:
        os.fchmod(descriptor, MODE)
        if path.exists():  # root may write what the service reads
            with suppress(PermissionError):
                os.fchown(descriptor, path.stat().st_uid, path.stat().st_gid)
        elif os.geteuid() == 0:
            os.fchown(descriptor, path.parent.stat().st_uid, path.parent.stat().st_gid)
        with os.fdopen(descriptor, "w") as file:
            file.write(json.dumps(_File(keys=list(entries)).model_dump(mode="json"), indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
