"""Small pictures of avatars, made when they are first asked for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

import cv2

from app.avatars.avatar_folder import PICTURE_MOST_BYTES, decode_image
from app.disk import read_plain

SIDE = 192  # pixels: twice what the page shows
QUALITY = 86
KEPT = 128  # some 8 KB each


class Thumbnails:
    """Makes JPEGs of ``SIDE`` pixels at most, and keeps those asked for last. Reads files: call it off the event loop.

    An avatar's id names its picture for good, so what is kept never grows old.

    Bound: ``KEPT`` pictures; full: the longest unused goes.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, id: str, picture: Path) -> bytes:
        """Return an avatar's small picture.

        Raises:
            OSError, ValueError: when its picture cannot be read.
        """
        with self._lock:
            known = self._kept.get(id)
            if known is not None:
                self._kept.move_to_end(id)
                return known
        made = _small(picture)
        with self._lock:
            self._kept[id] = made
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return made


def _small(picture: Path) -> bytes:
    image = decode_image(read_plain(picture, PICTURE_MOST_BYTES))
    height, width = image.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
