from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from app.faces.crop import CROP_SHAPES, Box, CropShape, crop_to_face
from app.faces.mesh import CHIN, FOREHEAD, LEFT_CHEEK, RIGHT_CHEEK
from tests.faces.scenes import person

ASPECTS = {"portrait": Fraction(3, 4), "square": Fraction(1), "landscape": Fraction(16, 9)}


def mesh_at(x: float, y: float, height: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return a mesh whose forehead is at (x, y), of a height."""
    mesh = person()[2]
    scale = height / float(np.linalg.norm(mesh[CHIN] - mesh[FOREHEAD]))
    return np.asarray((mesh - mesh[FOREHEAD]) * scale + (x, y), np.float32)


def pixels(box: Box, width: int, height: int) -> tuple[float, float, float, float]:
    return box.left * width, box.top * height, box.right * width, box.bottom * height


@pytest.mark.parametrize("shape", CROP_SHAPES)
@pytest.mark.parametrize(
    ("width", "height", "x", "y"),
    [(4000, 3000, 2000, 900), (3000, 4000, 1500, 1200), (6000, 1200, 4000, 500), (1500, 4000, 750, 3000)],
)
def test_a_face_with_room_is_framed_alike_in_pictures_of_any_shape(
    shape: CropShape, width: int, height: int, x: int, y: int
) -> None:
    face = 250
    box = crop_to_face(mesh_at(x, y, face), width, height, shape)
    assert box is not None and box.aspect == ASPECTS[shape]
    left, top, right, bottom = pixels(box, width, height)
    assert (right - left) / (bottom - top) == pytest.approx(float(box.aspect), rel=1e-3)
    assert (left + right) / 2 == pytest.approx(x, abs=0.12 * (right - left)), "in the middle"
    assert 0.65 * face < y - top < 1.1 * face, "hair, and air above it"
    assert bottom - (y + face) > 0.3 * face, "a neck"


@pytest.mark.parametrize("shape", CROP_SHAPES)
def test_no_crop_reaches_beyond_the_picture_and_all_hold_the_face(shape: CropShape) -> None:
    rng = np.random.default_rng(0)
    made = 0
    for _ in range(400):
        width, height = (int(side) for side in rng.integers(200, 3000, 2))
        face = float(rng.uniform(64, 0.9 * min(width, height)))
        mesh = mesh_at(rng.uniform(0.3 * face, width - 0.3 * face), rng.uniform(0, max(1, height - face)), face)
        box = crop_to_face(mesh, width, height, shape)
        if box is None:
            continue
        made += 1
        left, top, right, bottom = pixels(box, width, height)
        assert -1e-6 <= left < right <= width + 1e-6 and -1e-6 <= top < bottom <= height + 1e-6
        low, high = mesh[[FOREHEAD, CHIN], 1]
        assert top <= low + 1 and bottom >= min(high, height) - 1
        assert left <= mesh[[RIGHT_CHEEK, LEFT_CHEEK], 0].mean() <= right
    assert made > 100


def test_landscape_is_less_wide_where_the_wide_one_would_cut_the_head() -> None:
    box = crop_to_face(mesh_at(384, 203, 319), 768, 768, "landscape")
    assert box is not None and box.aspect == Fraction(4, 3)


def test_no_crop_is_better_than_half_a_head() -> None:
    assert crop_to_face(mesh_at(384, 150, 500), 768, 768, "landscape") is None


def test_a_face_at_the_edge_moves_the_crop_rather_than_the_zoom() -> None:
    box = crop_to_face(mesh_at(150, 600, 300), 2000, 1600, "square")
    assert box is not None and box.left == 0
    assert (box.right - box.left) * 2000 > 0.75 * 2.75 * 300
