"""A node's copies of avatars of a shared store: fetched as they are used, and kept as long as there is room."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from pathlib import Path

from app.avatars.avatar_folder import place_avatar, remove
from app.avatars.avatar_info import AvatarInfo, is_id, kept_at, note_use, read_details, read_info, used_at
from app.avatars.copy_stamp import CopyStamp, read_stamp, write_stamp
from app.avatars.damage import AvatarDamaged
from app.avatars.mouth_file import MOUTH
from app.avatars.refusals import NoSuchAvatar
from app.avatars.shelved import details_of, disk_bytes, fetch_avatar, fetch_mouth, mouth_mark
from app.avatars.staging import Staging
from app.avatars.turns import Turns
from app.disk import FULL, Disk
from app.objects.catalogue import Entry
from app.objects.faults import NoSuchObject, StoreAway
from app.objects.manifest import Manifest
from app.objects.object_stat import ObjectStat
from app.objects.shelf import Shelf

logger = logging.getLogger(__name__)

DAMAGED_MOST = 1000  # that are remembered, so that they are not fetched again and again
TRIES = 3  # at an avatar that is deleted and uploaded again while it is fetched


class Copies:
    """Folders as :class:`AvatarStore` has them, each with a stamp that says of what it is a copy. For any thread.

    Bound: as long as the disk has room; for another copy those that were not used for longest go.
    """

    def __init__(self, disk: Disk, shelf: Shelf, drafts: Staging) -> None:
        self._disk, self._folder, self._shelf, self._drafts = disk, disk.folder, shelf, drafts
        self._turns = Turns()
        self._damaged: dict[str, tuple[str, str]] = {}  # id → the generation that could not be used, and why

    def known(self) -> Iterator[Entry]:
        """Tell of them as if the store had listed them."""
        for folder in self._folders():
            stamp = read_stamp(folder)
            if stamp is None:
                continue
            try:
                manifest = Manifest(stamp.generation, {}, read_details(folder))
            except (OSError, ValueError, RecursionError):
                logger.warning("avatars: the copy of %s cannot be read, and is fetched anew", folder.name)
                continue
            mouth = {MOUTH: ObjectStat("", 0, 0, stamp.mouth)} if stamp.mouth else {}
            yield Entry(folder.name, "", kept_at(folder), manifest, mouth)

    def details(self, entry: Entry) -> AvatarInfo:
        """Return what is known of an avatar.

        Raises:
            AvatarDamaged: when it cannot be used, as far as that is known.
        """
        generation, why = self._damaged.get(entry.id, ("", ""))
        if why and generation == entry.manifest.generation:
            raise AvatarDamaged(entry.id, why)
        try:
            return details_of(entry)
        except ValueError as error:
            raise AvatarDamaged(entry.id, f"{type(error).__name__}: {error}") from error

    def ready(self, id: str, entry_of: Callable[[str], Entry]) -> Path:
        """Return the folder of a copy that is up to date, after fetching it where it is not.

        Raises:
            NoSuchAvatar: when there is none.
            AvatarDamaged: when what was fetched cannot be used.
            StoreAway: when it cannot be fetched.
            OSError: when the disk does not take it.
        """
        folder = self._folder / id
        with self._turns.of(id):
            for _ in range(TRIES):
                entry = entry_of(id)
                stamp = read_stamp(folder)
                if stamp is None or stamp.generation != entry.manifest.generation:
                    if not self._fetch(entry, folder):
                        continue
                elif stamp.mouth != mouth_mark(entry):
                    self._fetch_mouth(entry, folder, stamp)
                return folder
        raise NoSuchAvatar(id)

    def put(self, staged: Path, entry: Entry) -> None:
        """Keep a finished folder as the copy of what was just put.

        Raises:
            OSError: when it cannot be kept.
        """
        write_stamp(staged, staged, CopyStamp(entry.manifest.generation))
        with self._turns.of(entry.id):
            remove(self._folder / entry.id)
            place_avatar(staged, self._folder / entry.id)

    def remove(self, id: str) -> None:
        """Remove a copy, or what stands in its place; none is fine."""
        with self._turns.of(id):
            remove(self._folder / id)

    def remove_others(self, ids: Container[str]) -> None:
        """Remove the copies of all but these."""
        for folder in self._folders():
            if folder.name not in ids and read_stamp(folder) is not None:
                self.remove(folder.name)

    def note_use(self, id: str) -> None:
        """Note that one is used now, where it is there."""
        if (self._folder / id).is_dir():
            try:
                note_use(self._folder / id)
            except OSError as error:  # a session more is worth more than a date
                logger.warning("avatars: the use of %s cannot be noted: %s", id, error)

    def _fetch(self, entry: Entry, folder: Path) -> bool:
        """Make a copy; False where the avatar was deleted, or another one put in its place, meanwhile."""
        info = self.details(entry)
        with self._drafts.one() as staged:
            self._make_room(disk_bytes(entry, info), entry.id)
            try:
                fetch_avatar(self._shelf, entry, info, staged)
                write_stamp(staged, staged, CopyStamp(entry.manifest.generation, mouth_mark(entry)))
                remove(folder)
                place_avatar(staged, folder)
                read_info(folder)
                return True
            except (NoSuchObject, ValueError, RecursionError, AvatarDamaged) as error:
                again = self._shelf.catalogue.look(entry.id)
                if again is None or again.manifest.generation != entry.manifest.generation:
                    return False
                why = error.why if isinstance(error, AvatarDamaged) else f"{type(error).__name__}: {error}"
        remove(folder)
        if len(self._damaged) >= DAMAGED_MOST:
            self._damaged.clear()
        self._damaged[entry.id] = entry.manifest.generation, why
        raise AvatarDamaged(entry.id, why)

    def _fetch_mouth(self, entry: Entry, folder: Path, stamp: CopyStamp) -> None:
        with suppress(StoreAway):  # a face with the mouth that it had is better than none
            with self._drafts.one() as staged:
                fetch_mouth(self._shelf, entry, folder, staged)
                write_stamp(folder, staged, CopyStamp(stamp.generation, mouth_mark(entry)))
            return
        self._shelf.catalogue.note_change(entry.id)

    def _make_room(self, needed_bytes: int, id: str) -> None:
        """Remove the copies that were not used for longest, as long as the disk lacks room.

        Raises:
            OSError: when there is none.
        """
        copies = sorted((each for each in self._folders() if each.name != id and read_stamp(each)), key=used_at)
        while True:
            try:
                return self._disk.require(needed_bytes)
            except OSError as error:
                if error.errno not in FULL or not copies:
                    raise
                oldest = copies.pop(0)
                if not self._turns.is_held(oldest.name):  # to wait for it might take for ever
                    logger.info("avatars: the copy of %s makes room for that of %s", oldest.name, id)
                    remove(oldest)

    def _folders(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return [path for path in self._folder.iterdir() if is_id(path.name)]
