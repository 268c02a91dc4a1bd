"""A person's mask that moves with the head: the same lookup as luma's, by whatever field moves the picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from app.inference.engines.portrait.field import CELL_PX
from app.inference.engines.portrait.fine import phases_of
from app.inference.engines.portrait.glide import glide
from app.inference.engines.portrait.head import Head
from app.media import FloatArray

Mask = NDArray[np.uint8]


class MovingMask:
    """A mask, uint8 (height, width), of the picture that ``head`` was made of. For any thread."""

    def __init__(self, still: Mask, head: Head | None) -> None:
        self._still, self._head = still, head
        around = -head.piece.left if head is not None else 0  # as the picture's own planes reach beyond its edges
        grown = cv2.copyMakeBorder(still, around, around, around, around, cv2.BORDER_REPLICATE)
        self._phases = phases_of(np.asarray(grown, np.uint8))[None]

    def at(self, field: FloatArray | None) -> Mask:
        """Return it as the head stands; ``field``: how it moves, see ``glide``; None where it does not."""
        if self._head is None or field is None:
            return self._still
        moved = self._still.copy()
        piece = self._head.piece
        glide(moved[None], self._phases, piece.left, piece.top, field, CELL_PX, 2.0, self._head.bands)
        return moved
