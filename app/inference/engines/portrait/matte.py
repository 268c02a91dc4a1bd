"""A person's mask that moves with the head: the same lookup as luma's, by whatever field moves the picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from app.inference.engines.portrait.field import CELL_PX
from app.inference.engines.portrait.fine import doubled
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
        self._fine = doubled(np.asarray(grown, np.uint8))[None]
        self._areas = _near_edges(still, around, head.bands) if head is not None else np.zeros((0, 4), np.int64)

    def at(self, field: FloatArray | None) -> Mask:
        """Return it as the head stands; ``field``: how it moves, see ``glide``; None where it does not."""
        if self._head is None or field is None or not len(self._areas):
            return self._still
        moved, piece = self._still.copy(), self._head.piece
        glide(moved[None], self._fine, piece.left, piece.top, field, CELL_PX, 2.0, self._areas)
        return moved


def _near_edges(still: Mask, reach: int, bands: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where a movement of up to ``reach`` pixels changes a mask, int64 (n, 4): elsewhere all of it is alike."""
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    changes = (cv2.dilate(still, kernel) != cv2.erode(still, kernel)).astype(np.uint8)
    areas = []
    for left, top, right, bottom in bands.tolist():
        for row in range(top, bottom, CELL_PX):
            end = min(row + CELL_PX, bottom)
            cells = [
                bool(changes[row:end, column : min(column + CELL_PX, right)].any())
                for column in range(left, right, CELL_PX)
            ]
            edges = np.flatnonzero(np.diff([False, *cells, False]))
            areas += [
                (left + CELL_PX * int(first), row, min(left + CELL_PX * int(last), right), end)
                for first, last in zip(edges[::2], edges[1::2], strict=True)
            ]
    return np.array(areas, np.int64).reshape(-1, 4)
