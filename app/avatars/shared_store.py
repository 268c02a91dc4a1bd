"""Avatars of many nodes: kept in a store that they share, and copied to each node's folder as they are used."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from app.avatars.adoption import adopt
from app.avatars.avatar_folder import over_bytes
from app.avatars.avatar_info import AvatarInfo, is_id, read_details
from app.avatars.bundled import is_bundled
from app.avatars.copies import Copies
from app.avatars.damage import AvatarDamaged, minding_the_disk
from app.avatars.framing import AS_IT_IS, Framing
from app.avatars.mouth import Points, check_mouth, mouth_as_json
from app.avatars.mouth_file import MOUTH
from app.avatars.refusals import NoSuchAvatar, not_correctable, not_deletable
from app.avatars.share import EVERYBODY, Share
from app.avatars.shelved import SIDE, parts_of
from app.avatars.store import DAY_NS, SPARE_BYTES, AvatarStore
from app.avatars.uses import Uses, last_use_ns
from app.avatars.video import VIDEO_MAX_SIDE, Progress
from app.faces.face import FaceFinder
from app.objects.catalogue import Entry
from app.objects.object_store import ObjectStore
from app.objects.shelf import Shelf

logger = logging.getLogger(__name__)

KIND = "avatars"


class SharedAvatarStore(AvatarStore):
    """Keeps avatars in a shared store, and in its folder a copy of each that was used here: engines read that alone.

    Which avatars there are is what the store listed last: :meth:`refresh` lists it anew. While the store is away, what
    was known goes on, as far as there are copies; uploads, corrections and deletions are refused with ``store_away``.
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
        self._copies, self._uses = Copies(self.disk(self._folder), self._shelf, self.drafts), Uses(self._shelf)
        self._catalogue.seed(self._copies.known())

    def refresh(self) -> set[str]:
        """List the store anew; returns the ids of avatars that are gone or changed, and so must be prepared anew.

        Raises:
            StoreAway: when that cannot be done.
            OSError: when the folder cannot be read.
        """
        self._catalogue.refresh()
        self._copies.remove_others(self._catalogue.entries)
        return self._catalogue.take_changes()

    def adopt(self, data_dir: Path) -> int:
        """Put avatars into the store that were in a data folder before there was one; see :func:`adopt`."""
        return adopt(data_dir / KIND, self._shelf)

    def sweep(self) -> None:
        """Remove from the store what uploads that never ended left there.

        Raises:
            StoreAway: when that cannot be done.
        """
        self._shelf.sweep()

    def use(self, id: str) -> None:
        """See :meth:`AvatarStore.use`; the other nodes hear of it by :meth:`tell_uses`.

        Raises:
            StoreAway: when it is not known, and the store cannot be asked.
        """
        if not is_bundled(id):
            self._entry(id)
            self._uses.note(id)
            self._copies.note_use(id)

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
        if is_bundled(id):
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
        framing: Framing = AS_IT_IS,
    ) -> AvatarInfo:
        """See :meth:`AvatarStore.add`: it is kept once the store has committed it.

        Raises:
            StoreAway: when it cannot be kept; nothing of it is known then.
        """
        self._catalogue.refresh()  # no work for nothing; and what others put counts
        return super().add(upload, name, progress, share, framing)

    def delete(self, id: str) -> None:
        """See :meth:`AvatarStore.delete`: for all nodes.

        Raises:
            StoreAway: when it cannot be deleted.
        """
        if is_bundled(id):
            raise not_deletable()
        with minding_the_disk():
            if not is_id(id) or not self._withdraw(id):
                raise NoSuchAvatar(id)

    def _withdraw(self, id: str) -> bool:
        there = self._shelf.withdraw(id)
        self._copies.remove(id)
        return there

    def _keep(self, staged: Path, info: AvatarInfo, upload: bytes | Path, share: Share) -> AvatarInfo:
        """Put a finished folder's objects into the store, and where that has committed them, keep it as their copy."""
        parts = parts_of(staged, info, upload)
        if share.room_bytes is not None and sum(path.stat().st_size for path in parts.values()) > share.room_bytes:
            raise over_bytes()
        there = self._catalogue.look(info.id)
        if there is not None:
            try:
                return self._copies.details(there)  # of who was faster
            except AvatarDamaged:
                self._shelf.withdraw(info.id)
        details = read_details(staged) | {SIDE: min(self._max_side, VIDEO_MAX_SIDE)}
        if not self._shelf.publish(info.id, parts, details):
            return self.info(info.id)
        self._copies.put(staged, self._entry(info.id))
        return info

    def _ids(self) -> list[str]:
        return list(self._catalogue.entries)

    def _newest_first(self) -> list[str]:
        entries = self._catalogue.entries.values()
        return [entry.id for entry in sorted(entries, key=lambda each: (each.kept_ns, each.id), reverse=True)]

    def _read_info(self, id: str) -> AvatarInfo | None:
        try:
            return self._copies.details(self._entry(id))
        except NoSuchAvatar:
            return None

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
        self._copies.details(entry)
        return entry

    def _place(self, id: str) -> Path:
        """Return where an avatar's files are ready to be read; they are fetched where they are not there."""
        with minding_the_disk():
            try:
                return self._copies.ready(id, self._entry)
            except AvatarDamaged as damaged:
                self._tell(damaged)
                raise
