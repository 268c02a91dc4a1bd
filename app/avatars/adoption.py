"""Avatars that were in a data folder before there was a shared store: they are put there, once."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.avatars.avatar_info import AvatarInfo, is_id, read_details, read_info
from app.avatars.copy_stamp import CopyStamp, read_stamp, write_stamp
from app.avatars.damage import AvatarDamaged
from app.avatars.film_again import write_film
from app.avatars.mouth_file import MOST_BYTES, MOUTH
from app.avatars.shelved import SIDE, VIDEO, mouth_mark, parts_of
from app.avatars.staging import Staging
from app.avatars.video import VIDEO_MAX_SIDE
from app.disk import read_plain
from app.objects.shelf import Shelf

logger = logging.getLogger(__name__)

LOCK = ".adopting"


def adopt(folder: Path, shelf: Shelf) -> int:
    """Put what a folder of avatars has, and no stamp, into the store; returns how many that were.

    Each stays where it is, stamped as the copy that it is from then on, so that one which is deleted later does not
    come back. Of several processes one does it; of several machines who is first.

    Raises:
        StoreAway: when it cannot be done now; what was put is stamped, and the rest is tried again then.
        OSError: when the folder cannot be used.
    """
    if not folder.is_dir():
        return 0
    done = 0
    with _alone(folder) as is_mine:
        for place in sorted(folder.iterdir()) if is_mine else ():
            if not is_id(place.name) or place.is_symlink() or read_stamp(place) is not None:
                continue
            try:
                info = read_info(place)
                if info is not None:
                    _put(place, info, shelf)
                    done += 1
            except (AvatarDamaged, ValueError, RecursionError) as error:
                why = error.why if isinstance(error, AvatarDamaged) else str(error)
                logger.warning("avatars: %s is not put into the store, as it cannot be used: %s", place.name, why)
    if done:
        logger.info("avatars: %d of the data folder are in the store from now on", done)
    return done


def _put(place: Path, info: AvatarInfo, shelf: Shelf) -> None:
    entry = shelf.catalogue.look(info.id)
    if entry is None:
        with Staging(place.parent).one() as staged:
            film = staged / VIDEO
            if info.frames > 1:
                write_film(place, info, film)
            side = min(max(info.width, info.height), VIDEO_MAX_SIDE)
            shelf.publish(info.id, parts_of(place, info, film), read_details(place) | {SIDE: side})
        entry = shelf.catalogue.look(info.id)
        if entry is None:  # deleted in the same moment
            return
        try:
            shelf.add(entry, MOUTH, read_plain(place / MOUTH, MOST_BYTES))
            entry = shelf.catalogue.get(info.id) or entry
        except FileNotFoundError:
            pass
    write_stamp(place, place, CopyStamp(entry.manifest.generation, mouth_mark(entry)))


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Tell whether nobody else on this machine is at it, for as long as we are."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(lock)
