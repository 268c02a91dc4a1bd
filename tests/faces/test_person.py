from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from app.faces.matting import own_colours
from app.faces.person import GOOD, USABLE, find_person
from tests.faces.scenes import HAIR, before, clouds, person, window


@pytest.mark.parametrize("wall", [(245, 245, 245), (170, 110, 70), window(), clouds(30, 45, (110, 120, 130))])
def test_the_person_is_found_before_walls_of_other_colours(wall: Any) -> None:
    image, (_, mask, mesh) = before(wall), person()
    found = find_person(image, mesh)
    shared = np.minimum(found.alpha, mask).sum() / np.maximum(found.alpha, mask).sum(dtype=float)
    assert found.sureness >= GOOD and shared > 0.985


def test_a_wall_like_the_hair_is_no_basis_for_a_mask_and_says_so() -> None:
    image, (_, _, mesh) = before(clouds(40, 10, HAIR)), person()
    assert find_person(image, mesh).sureness < USABLE


def test_the_same_picture_always_gives_the_same_mask() -> None:
    image, (_, _, mesh) = before(window()), person()
    one, other = find_person(image, mesh), find_person(image, mesh)
    assert (one.alpha == other.alpha).all() and one.sureness == other.sureness


def test_a_mask_has_soft_edges_and_is_whole_inside_and_empty_outside() -> None:
    image, (_, _, mesh) = before((245, 245, 245)), person()
    alpha = find_person(image, mesh).alpha
    assert alpha[300:500, 330:440].min() == 255, "the face"
    assert alpha[:40].max() == 0 and alpha[:600, :60].max() == 0, "the wall"
    soft = ((alpha > 10) & (alpha < 245)).mean()
    assert 0.001 < soft < 0.03


def test_what_was_mixed_with_the_wall_at_the_edge_is_taken_out() -> None:
    """Before another wall no rim of the old one is left."""
    bright, (_, _, mesh) = before((255, 80, 255)), person()
    alpha = find_person(bright, mesh).alpha
    own = own_colours(bright, alpha).astype(int)
    edge = (alpha > 60) & (alpha < 200)
    pinkness = (own[edge][:, [0, 2]].mean(axis=1) - own[edge][:, 1]).mean()
    before_it = (bright[edge].astype(int)[:, [0, 2]].mean(axis=1) - bright[edge].astype(int)[:, 1]).mean()
    assert before_it > 60 and pinkness < 0.25 * before_it


def test_a_face_that_fills_the_picture_is_no_error() -> None:
    image, (_, _, mesh) = before(window()), person()
    close = np.ascontiguousarray(image[200:520, 270:500])
    found = find_person(close, (mesh - (270, 200)).astype(np.float32))
    assert found.alpha.shape == close.shape[:2] and 0 <= found.sureness <= 1
