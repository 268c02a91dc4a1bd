"""What keeps an avatar in the data folder from being used, and the disk from keeping one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from app.avatars.picture import PictureError
from app.disk import FULL
from app.errors import Refusal

logger = logging.getLogger(__name__)


class AvatarDamaged(Refusal):
    """An avatar's files are not what they should be. ``why`` is for the log: it may name paths."""

    def __init__(self, id: str, why: str) -> None:
        super().__init__(
            "avatar_damaged", f'The files of the avatar "{id}" are damaged; delete it, then upload it once more.'
        )
        self.id, self.why = id, why


@contextmanager
def minding_the_disk() -> Iterator[None]:
    """Refuse what the disk does not take; the log gets the reason.

    Raises:
        PictureError: ``disk_full`` or ``disk_unusable``.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise PictureError(
                "disk_full",
                "The server's disk has no room left for it. Use a shorter video, or delete faces that nobody uses.",
            ) from error
        logger.error("avatars: the data folder cannot be used: %s", error)
        raise PictureError(
            "disk_unusable",
            "The server cannot use its data folder just now, and its log says why; try again later.",
        ) from error
