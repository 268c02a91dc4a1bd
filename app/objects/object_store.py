"""A store of objects that nodes share: a folder, or a bucket of an S3-compatible server."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from app.objects.connecting import connect, folder_of, require_obstore
from app.objects.faults import NoSuchObject, ObjectExists, ObjectTooLarge, StoreAway
from app.objects.object_stat import ObjectStat
from app.tallies import STORE_REQUESTS

if TYPE_CHECKING:
    from obstore.store import LocalStore, S3Store

logger = logging.getLogger(__name__)

BLOCK_BYTES = 5 * 1024 * 1024  # that are sent or fetched in one request; S3 takes no smaller parts
BLOCKS_AT_ONCE = 2
LISTED_MOST = 200_000  # objects: a folder or bucket with more of them is another one than was meant
NS_PER_US = 1000
WHY_MOST = 400  # characters


class ObjectStore:
    """Reads and writes objects at ``file:///folder`` or ``s3://bucket/prefix``. For any thread; every method blocks.

    Bound: of a file that is sent or fetched, two blocks are in memory at a time, of a listing ``LISTED_MOST`` lines;
    full: the listing fails. Each request has a time limit (``connecting.py``) and is tried twice.

    ``memory``: a file in which this node may note which folder the store is.

    Raises:
        SettingsError: when the package that it needs is not installed.
    """

    def __init__(self, url: str, endpoint: str = "", memory: Path | None = None) -> None:
        require_obstore()
        import obstore  # of an extra, and only needed where there is a store
        from obstore import exceptions

        self.url = url
        self._obstore, self._faults, self._endpoint = obstore, exceptions, endpoint
        self._folder = folder_of(url, memory)
        self._store: LocalStore | S3Store | None = None

    def put(self, key: str, data: bytes | Path, create: bool = False) -> None:
        """Write an object, whole or not at all. ``create``: only where there is none; such a one is sent in one piece.

        Raises:
            ObjectExists: when there is one, with ``create``.
            StoreAway: when it cannot be done.
        """
        with self._asked("put", key):
            try:
                self._obstore.put(
                    self._connected(),
                    key,
                    data,
                    mode="create" if create else "overwrite",
                    chunk_size=BLOCK_BYTES,
                    max_concurrency=BLOCKS_AT_ONCE,
                )
            except FileNotFoundError as error:  # the bucket, or the folder
                raise StoreAway(_why(error)) from error

    def get(self, key: str, most_bytes: int) -> bytes:
        """Return an object.

        Raises:
            NoSuchObject: when it is not there.
            ObjectTooLarge: when it is larger.
            StoreAway: when it cannot be read.
        """
        with self._asked("get", key):
            self._require_plain(key)
            found = self._obstore.get(self._connected(), key)
            if found.meta["size"] > most_bytes:
                raise ObjectTooLarge(f"{key} has {found.meta['size']} bytes, over {most_bytes}")
            return bytes(found.bytes())

    def get_to(self, stat: ObjectStat, path: Path) -> str:
        """Write a listed object into a file; returns its SHA-256. Only a block of it is in memory at a time.

        Raises:
            NoSuchObject: when it is not there any more.
            StoreAway: when it cannot be read.
            OSError: when the file cannot be written.
        """
        digest = hashlib.sha256()
        with open(path, "wb") as file:
            for start in range(0, stat.bytes, BLOCK_BYTES):
                length = min(BLOCK_BYTES, stat.bytes - start)
                with self._asked("get", stat.key):
                    self._require_plain(stat.key)
                    block = self._obstore.get_range(self._connected(), stat.key, start=start, length=length)
                file.write(block)
                digest.update(block)
        return digest.hexdigest()

    def list(self, prefix: str) -> list[ObjectStat]:
        """Return what is known of all objects whose keys begin so; ``prefix`` ends with a slash.

        Raises:
            StoreAway: when they cannot be listed.
        """
        with self._asked("list", prefix):
            found: list[ObjectStat] = []
            for stat in self._listed(prefix):
                if len(found) >= LISTED_MOST:
                    raise StoreAway(f"there are over {LISTED_MOST} objects under {prefix}")
                found.append(stat)
            return found

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is fine.

        Raises:
            StoreAway: when it cannot be removed.
        """
        with self._asked("delete", key):
            try:
                self._obstore.delete(self._connected(), key)
            except FileNotFoundError:
                logger.debug("store: %s is gone already", key)

    def _listed(self, prefix: str) -> Iterator[ObjectStat]:
        if self._folder is not None:
            self._folder.require()
            yield from self._folder.list(prefix)
            return
        for chunk in self._obstore.list(self._connected(), prefix):
            for meta in chunk:
                changed_ns = round(meta["last_modified"].timestamp() * 1e6) * NS_PER_US
                yield ObjectStat(meta["path"], meta["size"], changed_ns, f"{meta['e_tag']}-{changed_ns}-{meta['size']}")

    def _connected(self) -> LocalStore | S3Store:
        if self._folder is not None:
            self._folder.require()
        if self._store is None:
            self._store = connect(self.url, self._endpoint)
        return self._store

    def _require_plain(self, key: str) -> None:
        if self._folder is not None:
            self._folder.require()
            self._folder.stat(key)

    @contextmanager
    def _asked(self, operation: str, key: str) -> Iterator[None]:
        """Tell what obstore raises by what it means here."""
        outcome = "ok"
        try:
            yield
        except self._faults.AlreadyExistsError as error:
            raise ObjectExists(key) from error
        except FileNotFoundError as error:
            if "NoSuchBucket" not in str(error):
                raise NoSuchObject(key) from error
            outcome = "away"
            raise StoreAway(_why(error)) from error
        except StoreAway:
            outcome = "away"
            raise
        except (self._faults.BaseError, OSError) as error:
            outcome = "away"
            raise StoreAway(_why(error)) from error
        finally:
            STORE_REQUESTS.note(operation, outcome)


def _why(error: Exception) -> str:
    return str(error).partition("\n")[0][:WHY_MOST]
