"""Avatars on disk: content-addressed, whole or not at all, and there after a restart."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from app.avatars.picture import read_picture
from app.inference.engine import Portrait
from app.inference.face import FaceFinder

logger = logging.getLogger(__name__)

DEFAULT_ID = "default"
DEFAULT_FILE = Path(__file__).parent / "default.png"
DRAFT_PREFIX = "draft-"
PICTURE, DETAILS = "picture.png", "avatar.json"
_ID = re.compile(r"[0-9a-f]{24}")


class NoSuchAvatar(LookupError):
    """There is no avatar of that id."""


class AvatarFixed(Exception):
    """The bundled avatar cannot be deleted."""


class StoreFull(Exception):
    """No more avatars are kept."""


@dataclass(frozen=True, slots=True)
class Details:
    """What is known of an avatar without opening its picture."""

    id: str
    name: str
    width: int
    height: int
    notice: str | None = None


class AvatarStore:
    """Keeps uploaded pictures under a folder, one folder an avatar, and the bundled one beside them.

    Every method reads or writes files: call them off the event loop. An avatar's id is the SHA-256 of what
    was uploaded and the size it was scaled to, so the same picture is kept once.
    """

    def __init__(self, folder: Path, finder: FaceFinder, max_side: int, max_avatars: int) -> None:
        self._folder, self._finder = folder / "avatars", finder
        self._max_side, self._max_avatars = max_side, max_avatars

    def all(self) -> list[Details]:
        """Return all avatars, the bundled one first, then the newest first."""
        kept = [(folder.stat().st_mtime_ns, folder) for folder in self._folders()]
        found = [self._details(folder.name) for _, folder in sorted(kept, reverse=True)]
        return [self.details(DEFAULT_ID), *(details for details in found if details is not None)]

    def details(self, id: str) -> Details:
        """Return one avatar's details.

        Raises:
            NoSuchAvatar: when it is not kept here.
        """
        if id == DEFAULT_ID:
            height, width = _read_image(DEFAULT_FILE).shape[:2]
            return Details(DEFAULT_ID, "Default", width, height)
        details = self._details(id)
        if details is None:
            raise NoSuchAvatar(id)
        return details

    def picture_file(self, id: str) -> Path:
        """Return where an avatar's picture lies.

        Raises:
            NoSuchAvatar: when it is not kept here.
        """
        return DEFAULT_FILE if id == DEFAULT_ID else self._folder / self.details(id).id / PICTURE

    def load(self, id: str) -> Portrait:
        """Read an avatar with its mesh.

        Raises:
            NoSuchAvatar: when it is not kept here.
        """
        if id == DEFAULT_ID:
            found = read_picture(DEFAULT_FILE.read_bytes(), self._finder, self._max_side)
            return Portrait(DEFAULT_ID, "Default", found.image, found.mesh)
        details = self.details(id)
        try:
            stored = json.loads((self._folder / id / DETAILS).read_text())
            image = _read_image(self._folder / id / PICTURE)
        except OSError as error:  # deleted in the meantime
            raise NoSuchAvatar(id) from error
        return Portrait(id, details.name, image, np.array(stored["mesh"], np.float32))

    def add(self, data: bytes, name: str) -> Details:
        """Keep an uploaded picture.

        Raises:
            PictureError: when it cannot become an avatar.
            StoreFull: when there are too many.
        """
        id = hashlib.sha256(b"%d:" % self._max_side + data).hexdigest()[:24]
        known = self._details(id)
        if known is not None:
            return known
        if len(self._folders()) >= self._max_avatars:
            raise StoreFull
        found = read_picture(data, self._finder, self._max_side)
        height, width = found.image.shape[:2]
        details = Details(id, name, width, height, found.notice)
        self._write(details, found.image, found.mesh.round(2).tolist())
        return details

    def delete(self, id: str) -> None:
        """Remove an avatar; sessions that use it go on.

        Raises:
            NoSuchAvatar: when it is not kept here.
            AvatarFixed: for the bundled one.
        """
        if id == DEFAULT_ID:
            raise AvatarFixed
        self.details(id)
        grave = Path(tempfile.mkdtemp(dir=self._folder, prefix=DRAFT_PREFIX))
        try:
            os.replace(self._folder / id, grave)  # gone at once, and whole
        except FileNotFoundError as error:
            raise NoSuchAvatar(id) from error
        finally:
            shutil.rmtree(grave, ignore_errors=True)

    def _folders(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return [path for path in self._folder.iterdir() if _ID.fullmatch(path.name)]

    def _details(self, id: str) -> Details | None:
        if not _ID.fullmatch(id):
            return None
        try:
            stored = json.loads((self._folder / id / DETAILS).read_text())
            return Details(id, stored["name"], stored["width"], stored["height"], stored["notice"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("avatars: %s cannot be read and is left out: %s", id, error)
            return None

    def _write(self, details: Details, image: np.ndarray, mesh: list[list[float]]) -> None:
        """Write into a folder beside, then rename: a crash leaves no half avatar."""
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=self._folder, prefix=DRAFT_PREFIX))
        try:
            encoded = cv2.imencode(".png", image)[1]
            (draft / PICTURE).write_bytes(encoded.tobytes())
            stored = {"name": details.name, "width": details.width, "height": details.height,
                      "notice": details.notice, "mesh": mesh}  # fmt: skip
            (draft / DETAILS).write_text(json.dumps(stored))
            draft.chmod(0o755)
            target = self._folder / details.id
            if self._details(details.id) is None:
                shutil.rmtree(target, ignore_errors=True)  # one that cannot be read
            os.replace(draft, target)
        except OSError:
            if self._details(details.id) is None:  # otherwise the same picture was uploaded twice at once
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _read_image(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise OSError(f"{path} is not a picture")
    return image
