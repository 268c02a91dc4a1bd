"""Avatars on disk: content-addressed, whole or not at all, and there after a restart."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.avatars.avatar import Avatar
from app.avatars.avatar_folder import folder_bytes, over_bytes, place_avatar, read_avatar, write_avatar
from app.avatars.avatar_info import PICTURE, AvatarInfo, is_id, kept_at, note_use, read_info, used_at
from app.avatars.bundled import DEFAULT_ID, bundled_avatar, bundled_info, bundled_picture, is_bundled
from app.avatars.correction import corrected
from app.avatars.damage import AvatarDamaged, minding_the_disk
from app.avatars.footage import MARK_BYTES, video_format
from app.avatars.framing import AS_IT_IS, Framing, not_of_videos
from app.avatars.mouth import HANDLE_POINTS, Points, check_mouth
from app.avatars.mouth_file import read_mouth, remove_mouth, write_mouth
from app.avatars.picture import MAX_BYTES, read_picture
from app.avatars.preview import Preview
from app.avatars.refusals import AvatarFixed, NoSuchAvatar, StoreFull, not_correctable, not_deletable
from app.avatars.share import EVERYBODY, Share
from app.avatars.staging import Staging
from app.avatars.upload import head_of, id_of
from app.avatars.video import VIDEO_MAX_SIDE, Progress, read_video
from app.disk import FULL, Disk
from app.errors import Refusal
from app.faces.face import FaceFinder

logger = logging.getLogger(__name__)

SPARE_BYTES = 256 * 1024 * 1024
DAY_NS = 24 * 3600 * 1_000_000_000
TOLD_MOST = 1000  # damaged avatars that the log has been told of
__all__ = ["DEFAULT_ID", "AvatarFixed", "AvatarStore", "Mouth", "NoSuchAvatar", "StoreFull"]


@dataclass(frozen=True, slots=True)
class Mouth:
    """A mouth as it was ``found``, and as somebody ``corrected`` it, if anybody did."""

    found: Points
    corrected: Points | None


class AvatarStore:
    """Keeps uploaded pictures and videos under a folder, one folder an avatar; the bundled ones are beside them.

    Every method reads or writes files: call them off the event loop. An avatar's id is the SHA-256 of what
    was uploaded, the size it was scaled to and its owner, so the same file is kept once for each of them, who do not
    learn of each other. ``spare_bytes`` of the disk stay free.
    """

    def __init__(
        self, folder: Path, finder: FaceFinder, max_side: int, max_avatars: int, spare_bytes: int = SPARE_BYTES
    ) -> None:
        self._folder, self._finder = folder / "avatars", finder
        self._max_side, self._max_avatars = max_side, max_avatars
        self._spare_bytes = spare_bytes
        self._told: dict[str, str] = {}  # damaged avatars → why, so that the log says it once
        self.drafts = Staging(self._folder)

    def all(self) -> list[AvatarInfo]:
        """Return the default avatar, then the uploaded ones, the newest first; damaged ones are left out.

        Raises:
            PictureError: ``disk_unusable``.
        """
        with minding_the_disk():
            ids = self._newest_first()
        found = [self._usable(id) for id in ids]
        return [self.info(DEFAULT_ID), *(info for info in found if info is not None)]

    def disk(self, folder: Path) -> Disk:
        """Return the disk for what is to be written into a folder."""
        return Disk(folder, self._spare_bytes)

    def info(self, id: str) -> AvatarInfo:
        """Return one avatar's details.

        Raises:
            NoSuchAvatar: when it is not kept here.
            AvatarDamaged: when it cannot be used.
        """
        if is_bundled(id):
            return bundled_info(id)
        info = self._info(id)
        if info is None:
            raise NoSuchAvatar(id)
        return info

    def picture_file(self, id: str) -> Path:
        """Return where an avatar's picture lies.

        Raises:
            NoSuchAvatar: when it is not kept here.
        """
        return bundled_picture(id) if is_bundled(id) else self._place(self.info(id).id) / PICTURE

    def load(self, id: str) -> Avatar:
        """Read an avatar with its mesh, corrected where somebody did that.

        Raises:
            NoSuchAvatar: when it is not kept here.
        """
        if is_bundled(id):
            return bundled_avatar(id, self._finder, self._max_side)
        avatar = self._as_found(id)
        mouth = read_mouth(self._folder / id, avatar)
        return avatar if mouth is None else corrected(avatar, mouth)

    def use(self, id: str) -> None:
        """Note that a session is made with an avatar, which may have been loaded long ago.

        Raises:
            NoSuchAvatar: when it is not kept here any more.
        """
        if is_bundled(id):
            return
        if not is_id(id) or not os.path.lexists(self._folder / id):
            raise NoSuchAvatar(id)
        try:
            note_use(self._folder / id)
        except OSError as error:  # a session more is worth more than a date
            logger.warning("avatars: the use of %s cannot be noted: %s", id, error)

    def expire(self, keep_days: float, in_use: Collection[str]) -> list[str]:
        """Remove avatars that nobody used for so many days; what is ``in_use`` counts as used now. Returns their ids.

        Raises:
            OSError: when the folder cannot be read.
        """
        gone = []
        for folder in self._folders():
            if folder.name in in_use:
                self.use(folder.name)
            elif time.time_ns() - used_at(folder) > keep_days * DAY_NS:
                self._bury(folder.name)
                gone.append(folder.name)
                logger.info("avatars: %s was not used for %g days and is removed", folder.name, keep_days)
        return gone

    def mouth(self, id: str) -> Mouth:
        """Return where an uploaded avatar's mouth is.

        Raises:
            NoSuchAvatar: when it is not kept here.
            AvatarFixed: for a bundled one.
        """
        avatar = self._as_found(id)
        found = avatar.mesh[HANDLE_POINTS].astype(np.float64).round(2)
        return Mouth(found, read_mouth(self._folder / id, avatar))

    def correct_mouth(self, id: str, mouth: Points) -> None:
        """Keep a corrected mouth: what is loaded from now on has it.

        Raises:
            NoSuchAvatar: when it is not kept here.
            AvatarFixed: for a bundled one.
            MouthError: when it is no mouth.
            PictureError: ``disk_full``.
        """
        avatar = self._as_found(id)
        check_mouth(mouth, avatar.mesh, avatar.width, avatar.height)
        with minding_the_disk(), self.drafts.one() as staged:
            try:
                write_mouth(self._folder / id, staged, mouth)
            except FileNotFoundError as error:  # deleted in the meantime
                raise NoSuchAvatar(id) from error

    def reset_mouth(self, id: str) -> None:
        """Go back to the mouth as it was found.

        Raises:
            NoSuchAvatar: when it is not kept here.
            AvatarFixed: for a bundled one.
        """
        if is_bundled(id):
            raise not_correctable()
        remove_mouth(self._folder / self.info(id).id)

    def bytes_by_owner(self) -> Counter[str]:
        """Add up what each owner's avatars take."""
        kept: Counter[str] = Counter()
        for folder in self._folders():
            info = self._usable(folder.name)  # whose a damaged one is cannot be told
            if info is not None:
                kept[info.owner] += folder_bytes(folder)
        return kept

    def add(
        self,
        upload: bytes | Path,
        name: str,
        progress: Progress = lambda done, expected: None,
        share: Share = EVERYBODY,
        framing: Framing = AS_IT_IS,
    ) -> AvatarInfo:
        """Keep an uploaded picture or video. A file's first bytes say which of the two it is; only
        a picture can be framed.

        ``progress`` is told of a video's frames. An exception from it ends the work, and nothing is kept.

        Raises:
            PictureError: when it cannot become an avatar.
            StoreFull: when there are too many.
            Refusal: ``quota_avatars``, ``quota_bytes``, when their owner has too many.
        """
        id = id_of(upload, self._max_side, share.owner, framing)
        known = self._usable(id)
        if known is not None:
            return known
        if len(self._ids()) >= self._max_avatars:
            raise StoreFull()
        self._require_share(share)
        if isinstance(upload, Path) and video_format(head_of(upload, MARK_BYTES)):
            if framing.changes:
                raise not_of_videos()
            return self._add_video(id, upload, name, progress, share)
        data = head_of(upload, MAX_BYTES + 1) if isinstance(upload, Path) else upload
        found = read_picture(data, self._finder, self._max_side, framing)
        height, width = found.image.shape[:2]
        info = AvatarInfo(id, name, width, height, found.notice, owner=share.owner)
        with minding_the_disk(), self.drafts.one() as staged:
            self.disk(staged).require(len(data))
            write_avatar(staged, info, found.image, {"mesh": found.mesh.round(2).tolist()}, found.mask)
            return self._keep(staged, info, upload, share)

    def preview(self, upload: Path, framing: Framing) -> Preview:
        """Show how a picture would look; nothing of it is kept.

        Raises:
            PictureError: when it cannot become an avatar.
        """
        if video_format(head_of(upload, MARK_BYTES)):
            raise not_of_videos()
        return Preview.of(read_picture(head_of(upload, MAX_BYTES + 1), self._finder, self._max_side, framing))

    def delete(self, id: str) -> None:
        """Remove an avatar; sessions that use it go on.

        Raises:
            NoSuchAvatar: when it is not kept here.
            AvatarFixed: for a bundled one.
        """
        if is_bundled(id):
            raise not_deletable()
        if not is_id(id) or not os.path.lexists(self._folder / id):
            raise NoSuchAvatar(id)
        with minding_the_disk():
            self._bury(id)

    def _bury(self, id: str) -> None:
        """Remove an avatar, or what stands in its place.

        Raises:
            NoSuchAvatar: when it is gone.
            OSError: when it cannot be removed.
        """
        place = self._folder / id
        if place.is_symlink() or not place.is_dir():
            try:
                place.unlink()
            except FileNotFoundError as error:
                raise NoSuchAvatar(id) from error
            return
        try:
            with self.drafts.one() as grave:
                os.replace(place, grave)  # gone at once, and whole
        except FileNotFoundError as error:
            raise NoSuchAvatar(id) from error
        except OSError as error:
            if error.errno not in FULL:
                raise
            shutil.rmtree(place)  # there is no room for a grave

    def _as_found(self, id: str) -> Avatar:
        """Read an uploaded avatar without its correction."""
        if is_bundled(id):
            raise not_correctable()
        info = self.info(id)
        try:
            return read_avatar(self._place(id), info)
        except (OSError, ValueError, RecursionError) as error:
            if not os.path.lexists(self._folder / id):  # deleted in the meantime
                raise NoSuchAvatar(id) from error
            damaged = AvatarDamaged(id, f"{type(error).__name__}: {error}")
            self._tell(damaged)
            raise damaged from error

    def _require_share(self, share: Share) -> None:
        if share.most_avatars and share.most_avatars <= sum(
            info is not None and info.owner == share.owner for info in map(self._usable, self._ids())
        ):
            most = share.most_avatars
            raise Refusal("quota_avatars", f"This key keeps {most} of {most} avatars; delete one first.")
        if share.room_bytes is not None and share.room_bytes <= 0:
            raise over_bytes()

    def _add_video(self, id: str, path: Path, name: str, progress: Progress, share: Share) -> AvatarInfo:
        with minding_the_disk(), self.drafts.one() as staged:
            video = read_video(path, self.disk(staged), self._finder, min(self._max_side, VIDEO_MAX_SIDE), progress)
            height, width = video.first.shape[:2]
            info = AvatarInfo(id, name, width, height, video.notice, video.frames, share.owner)
            write_avatar(staged, info, video.first, {})
            return self._keep(staged, info, path, share)

    def _keep(self, staged: Path, info: AvatarInfo, upload: bytes | Path, share: Share) -> AvatarInfo:
        """Make a finished folder an avatar; ``upload`` is what it was made of.

        Raises:
            Refusal: ``quota_bytes``.
        """
        if share.room_bytes is not None and folder_bytes(staged) > share.room_bytes:
            raise over_bytes()
        place_avatar(staged, self._folder / info.id)
        return info

    def _folders(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return [path for path in self._folder.iterdir() if is_id(path.name)]

    def _ids(self) -> list[str]:
        return [folder.name for folder in self._folders()]

    def _newest_first(self) -> list[str]:
        return [folder.name for _, folder in sorted(((kept_at(each), each) for each in self._folders()), reverse=True)]

    def _place(self, id: str) -> Path:
        """Return where an avatar's files are ready to be read."""
        return self._folder / id

    def _read_info(self, id: str) -> AvatarInfo | None:
        return read_info(self._folder / id)

    def _info(self, id: str) -> AvatarInfo | None:
        if not is_id(id):  # a client says it: it may hold anything, and paths
            return None
        try:
            return self._read_info(id)
        except AvatarDamaged as damaged:
            self._tell(damaged)
            raise

    def _usable(self, id: str) -> AvatarInfo | None:
        try:
            return self._info(id)
        except AvatarDamaged:
            return None

    def _tell(self, damaged: AvatarDamaged) -> None:
        id = damaged.id
        if self._told.get(id) != damaged.why:
            if len(self._told) >= TOLD_MOST:
                self._told.clear()
            self._told[id] = damaged.why
            logger.warning("avatars: %s cannot be used and is left out: %s", id, damaged.why)
