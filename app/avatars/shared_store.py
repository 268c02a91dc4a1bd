"""Avatars of many nodes: kept in a store that they share, and copied to each node's folder as they are used."""

from __future__ import annotations

import json
import logging
import os
import time
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from app.avatars.avatar_folder import over_bytes, place_avatar, remove
from app.avatars.avatar_info import AvatarInfo, is_id, kept_at, note_use, read_details, read_info, used_at
from app.avatars.copy_stamp import CopyStamp, read_stamp, write_stamp
from app.avatars.damage import AvatarDamaged, minding_the_disk
from app.avatars.mouth import Points, check_mouth, mouth_as_json
from app.avatars.mouth_file import MOUTH
from app.avatars.refusals import AvatarFixed, NoSuchAvatar, not_correctable
from app.avatars.share import EVERYBODY, Share
from app.avatars.shelved import SIDE, details_of, disk_bytes, fetch_avatar, fetch_mouth, mouth_mark, parts_of
from app.avatars.store import DAY_NS, DEFAULT_ID, SPARE_BYTES, TOLD_MOST, AvatarStore
from app.avatars.turns import Turns
from app.avatars.uses import Uses, last_use_ns
from app.avatars.video import VIDEO_MAX_SIDE, Progress
from app.disk import FULL
from app.faces.face import FaceFinder
from app.objects.catalogue import Entry
from app.objects.faults import NoSuchObject, StoreAway
from app.objects.manifest import Manifest
from app.objects.object_stat import ObjectStat
from app.objects.object_store import ObjectStore
from app.objects.shelf import Shelf

logger = logging.getLogger(__name__)

KIND = "avatars"
TRIES = 3  # at an avatar that is deleted and uploaded again while it is fetched


class SharedAvatarStore(AvatarStore):
    """Keeps avatars in a shared store, and in its folder a copy of each that was used here: engines read that alone.

    Which avatars there are is what the store listed last: :meth:`refresh` lists it anew. While the store is away, what
    was known goes on, as far as there are copies; uploads, corrections and deletions are refused with ``store_away``.

    Bound: copies stay as long as the disk has room; for another one those that were not used for longest go.
    """

    def __init__(
        self,
        folder: Path,
        finder: FaceFinder,
        max_side: int,
        max_avatars: int,
        objects: ObjectStore,
        spare_bytes: int = SPARE_BYTES,
    ) -> None:
        super().__init__(folder, finder, max_side, max_avatars, spare_bytes)
        self._shelf = Shelf(objects, KIND, is_id)
        self._catalogue = self._shelf.catalogue
        self._turns, self._uses = Turns(), Uses(self._shelf)
        self._damaged: dict[str, tuple[str, str]] = {}  # id → the generation that could not be used, and why
        self._catalogue.seed(self._copied())

    def refresh(self) -> set[str]:
        """List the store anew; returns the ids of avatars that are gone or changed, and so must be prepared anew.

        Raises:
            StoreAway: when that cannot be done.
            OSError: when the folder cannot be read.
        """
        self._catalogue.refresh()
        for folder in self._folders():
            if self._catalogue.get(folder.name) is None and read_stamp(folder) is not None:
                with self._turns.of(folder.name):
                    remove(folder)
        return self._catalogue.take_changes()

    def sweep(self) -> None:
        """Remove from the store what uploads that never ended left there.

        Raises:
            StoreAway: when that cannot be done.
        """
        self._shelf.sweep()

    def use(self, id: str) -> None:
        """See :meth:`AvatarStore.use`; the other nodes hear of it by :meth:`tell_uses`."""
        if id == DEFAULT_ID:
            return
        self._entry(id)
        self._uses.note(id)
        if (self._folder / id).is_dir():
            try:
                note_use(self._folder / id)
            except OSError as error:  # a session more is worth more than a date
                logger.warning("avatars: the use of %s cannot be noted: %s", id, error)

    def tell_uses(self, keep_days: float) -> None:
        """Tell the other nodes what was used here.

        Raises:
            StoreAway: when that cannot be done.
        """
        self._uses.tell(keep_days)

    def expire(self, keep_days: float, in_use: Collection[str]) -> list[str]:
        """Remove what nobody used for so many days, on any node. Returns their ids.

        Raises:
            StoreAway: when that cannot be done.
        """
        self._uses.tell(keep_days, in_use)
        self._catalogue.refresh()  # others may have used them meanwhile
        gone = []
        for id, entry in self._catalogue.entries.items():
            if id not in in_use and time.time_ns() - last_use_ns(entry) > keep_days * DAY_NS:
                self._withdraw(id)
                gone.append(id)
                logger.info("avatars: %s was not used for %g days and is removed", id, keep_days)
        return gone

    def correct_mouth(self, id: str, mouth: Points) -> None:
        """See :meth:`AvatarStore.correct_mouth`; the other nodes have it within seconds.

        Raises:
            StoreAway: when it cannot be kept.
        """
        avatar = self._as_found(id)
        if avatar.video is not None:
            avatar.video.release()
        check_mouth(mouth, avatar.mesh, avatar.width, avatar.height)
        self._shelf.add(self._committed(id), MOUTH, json.dumps(mouth_as_json(mouth)).encode())
        self._place(id)

    def reset_mouth(self, id: str) -> None:
        """See :meth:`AvatarStore.reset_mouth`.

        Raises:
            StoreAway: when it cannot be done.
        """
        if id == DEFAULT_ID:
            raise not_correctable()
        self._shelf.drop(self._committed(id), MOUTH)

    def bytes_by_owner(self) -> Counter[str]:
        """Add up what each owner's avatars take in the store."""
        kept: Counter[str] = Counter()
        for entry in self._catalogue.entries.values():
            info = self._usable(entry.id)
            if info is not None:
                kept[info.owner] += entry.bytes
        return kept

    def add(
        self,
        upload: bytes | Path,
        name: str,
        progress: Progress = lambda done, expected: None,
        share: Share = EVERYBODY,
    ) -> AvatarInfo:
        """See :meth:`AvatarStore.add`: it is kept once the store has committed it.

        Raises:
            StoreAway: when it cannot be kept; nothing of it is known then.
        """
        self._catalogue.refresh()  # no work for nothing; and what others put counts
        return super().add(upload, name, progress, share)

    def delete(self, id: str) -> None:
        """See :meth:`AvatarStore.delete`: for all nodes.

        Raises:
            StoreAway: when it cannot be deleted.
        """
        if id == DEFAULT_ID:
            raise AvatarFixed("The default avatar cannot be deleted.")
        with minding_the_disk():
            if not is_id(id) or not self._withdraw(id):
                raise NoSuchAvatar(id)

    def _withdraw(self, id: str) -> bool:
        there = self._shelf.withdraw(id)
        with self._turns.of(id):
            if os.path.lexists(self._folder / id):
                remove(self._folder / id)
        return there

    def _keep(self, staged: Path, info: AvatarInfo, upload: bytes | Path, share: Share) -> AvatarInfo:
        """Put a finished folder's objects into the store, and where that has committed them, keep it as their copy."""
        parts = parts_of(staged, info, upload)
        if share.room_bytes is not None and sum(path.stat().st_size for path in parts.values()) > share.room_bytes:
            raise over_bytes()
        there = self._catalogue.look(info.id)
        if there is not None:
            try:
                return self._details(there)  # of who was faster
            except AvatarDamaged:
                self._shelf.withdraw(info.id)
        details = read_details(staged) | {SIDE: min(self._max_side, VIDEO_MAX_SIDE)}
        if not self._shelf.publish(info.id, parts, details):
            return self.info(info.id)
        entry = self._entry(info.id)
        write_stamp(staged, staged, CopyStamp(entry.manifest.generation))
        with self._turns.of(info.id):
            remove(self._folder / info.id)
            place_avatar(staged, self._folder / info.id)
        return info

    def _ids(self) -> list[str]:
        return list(self._catalogue.entries)

    def _newest_first(self) -> list[str]:
        entries = self._catalogue.entries.values()
        return [entry.id for entry in sorted(entries, key=lambda each: (each.kept_ns, each.id), reverse=True)]

    def _read_info(self, id: str) -> AvatarInfo | None:
        try:
            entry = self._entry(id)
        except NoSuchAvatar:
            return None
        return self._details(entry)

    def _details(self, entry: Entry) -> AvatarInfo:
        generation, why = self._damaged.get(entry.id, ("", ""))
        if why and generation == entry.manifest.generation:
            raise AvatarDamaged(entry.id, why)
        try:
            return details_of(entry)
        except ValueError as error:
            raise AvatarDamaged(entry.id, f"{type(error).__name__}: {error}") from error

    def _entry(self, id: str) -> Entry:
        """Return what is known of an avatar; of one that is not known, the store is asked.

        Raises:
            NoSuchAvatar: when there is none.
            StoreAway: when it is not known, and the store cannot be asked.
        """
        entry = self._catalogue.get(id) or self._catalogue.look(id)
        if entry is None:
            raise NoSuchAvatar(id)
        return entry

    def _committed(self, id: str) -> Entry:
        """Ask the store for an avatar that is to be changed."""
        entry = self._catalogue.look(id)
        if entry is None:
            raise NoSuchAvatar(id)
        self._details(entry)
        return entry

    def _place(self, id: str) -> Path:
        """Return where an avatar's files are ready to be read; they are fetched where they are not there.

        Raises:
            NoSuchAvatar: when there is none.
            AvatarDamaged: when what was fetched cannot be used.
            PictureError: ``disk_full``, ``disk_unusable``.
            StoreAway: when it cannot be fetched.
        """
        folder = self._folder / id
        with self._turns.of(id), minding_the_disk():
            for _ in range(TRIES):
                entry = self._entry(id)
                stamp = read_stamp(folder)
                if stamp is None or stamp.generation != entry.manifest.generation:
                    if not self._fetch(entry, folder):
                        continue
                elif stamp.mouth != mouth_mark(entry):
                    self._fetch_mouth(entry, folder, stamp)
                return folder
        raise NoSuchAvatar(id)

    def _fetch(self, entry: Entry, folder: Path) -> bool:
        """Make a copy; False where the avatar was deleted, or another one put in its place, meanwhile."""
        info = self._details(entry)
        with self.drafts.one() as staged:
            self._make_room(disk_bytes(entry, info), entry.id)
            try:
                fetch_avatar(self._shelf, entry, info, staged)
                write_stamp(staged, staged, CopyStamp(entry.manifest.generation, mouth_mark(entry)))
                remove(folder)
                place_avatar(staged, folder)
                read_info(folder)
                return True
            except (NoSuchObject, ValueError, RecursionError, AvatarDamaged) as error:
                again = self._catalogue.look(entry.id)
                if again is None or again.manifest.generation != entry.manifest.generation:
                    return False
                why = error.why if isinstance(error, AvatarDamaged) else f"{type(error).__name__}: {error}"
        remove(folder)
        if len(self._damaged) >= TOLD_MOST:
            self._damaged.clear()
        self._damaged[entry.id] = entry.manifest.generation, why
        damaged = AvatarDamaged(entry.id, why)
        self._tell(damaged)
        raise damaged

    def _fetch_mouth(self, entry: Entry, folder: Path, stamp: CopyStamp) -> None:
        try:
            with self.drafts.one() as staged:
                fetch_mouth(self._shelf, entry, folder, staged)
                write_stamp(folder, staged, CopyStamp(stamp.generation, mouth_mark(entry)))
        except StoreAway:  # a face with the mouth that it had is better than none
            self._catalogue.note_change(entry.id)

    def _make_room(self, needed_bytes: int, id: str) -> None:
        """Remove the copies that were not used for longest, as long as the disk lacks room.

        Raises:
            OSError: when there is none.
        """
        copies = sorted((each for each in self._folders() if each.name != id and read_stamp(each)), key=used_at)
        while True:
            try:
                return self.disk(self._folder).require(needed_bytes)
            except OSError as error:
                if error.errno not in FULL or not copies:
                    raise
                oldest = copies.pop(0)
                if not self._turns.is_held(oldest.name):  # to wait for it might take for ever
                    logger.info("avatars: the copy of %s makes room for that of %s", oldest.name, id)
                    remove(oldest)

    def _copied(self) -> Iterator[Entry]:
        """Tell of the copies, as if the store had listed them."""
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
