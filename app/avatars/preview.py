"""How an upload would look as an avatar, small."""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from app.avatars.picture import FacePicture

SIDE_PX = 640
JPEG_QUALITY = 85


@dataclass(frozen=True, slots=True)
class Preview:
    """``width``, ``height``: of the avatar that it would be. ``jpeg``: a smaller picture of it."""

    width: int
    height: int
    jpeg: bytes
    notice: str | None

    @classmethod
    def of(cls, found: FacePicture) -> Preview:
        """Make it of what an upload became."""
        height, width = found.image.shape[:2]
        scale = min(1.0, SIDE_PX / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(found.image, size, interpolation=cv2.INTER_AREA)
        jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
        return cls(width, height, jpeg.tobytes(), found.notice)
