"""The mesh's names: each is where a face has it, on the bundled portrait."""

from __future__ import annotations

import numpy as np
import pytest

from app.avatars.avatar import Avatar
from app.faces import mesh


def test_every_number_is_a_point_of_the_mesh(avatar: Avatar) -> None:
    assert avatar.mesh.shape == (mesh.MESH_POINTS, 2)
    assert all(0 <= point < mesh.MESH_POINTS for point in {*mesh.LIP_POINTS, *mesh.OVAL, *mesh.RIGHT_BROW})


def test_right_is_the_person_s_own(avatar: Avatar) -> None:
    for right, left in (
        (mesh.RIGHT_EYE, mesh.LEFT_EYE),
        (mesh.RIGHT_CORNER, mesh.LEFT_CORNER),
        (mesh.RIGHT_CHEEK, mesh.LEFT_CHEEK),
        (mesh.RIGHT_JAW, mesh.LEFT_JAW),
        (mesh.RIGHT_BROW[0], mesh.LEFT_BROW[0]),
    ):
        assert avatar.mesh[right, 0] < avatar.mesh[left, 0]


def test_a_face_s_parts_lie_below_each_other(avatar: Avatar) -> None:
    down = [
        mesh.FOREHEAD, mesh.RIGHT_BROW[2], mesh.RIGHT_EYE, mesh.NOSE_BASE, mesh.UPPER_LIP_TOP, mesh.UPPER_LIP_EDGE,
        mesh.LOWER_LIP_EDGE, mesh.LOWER_LIP_BOTTOM, mesh.CHIN,
    ]  # fmt: skip
    assert (np.diff(avatar.mesh[down, 1]) >= 0).all()


@pytest.mark.parametrize("rings", [mesh.UPPER_LIP_RINGS, mesh.LOWER_LIP_RINGS])
def test_rings_run_from_the_right_corner_to_the_left_and_inwards(
    rings: tuple[tuple[int, ...], ...], avatar: Avatar
) -> None:
    for ring in rings:
        assert len(ring) == 2 * mesh.RING_MIDDLE + 1
        assert (np.diff(avatar.mesh[list(ring), 0]) > 0).all()
    middles = avatar.mesh[[ring[mesh.RING_MIDDLE] for ring in rings], 1]
    seam = avatar.mesh[[mesh.UPPER_LIP_EDGE, mesh.LOWER_LIP_EDGE], 1].mean()
    assert (np.diff(np.abs(middles - seam)) < 0).all()


def test_the_jaw_is_the_part_of_the_oval_below_the_cheeks(avatar: Avatar) -> None:
    assert mesh.JAW[0] == mesh.RIGHT_CHEEK and mesh.JAW[-1] == mesh.LEFT_CHEEK
    assert len(mesh.JAW) == 21 and mesh.JAW[10] == mesh.CHIN
    assert (np.diff(avatar.mesh[list(mesh.JAW), 0]) > 0).all()


def test_the_lips_outline_goes_once_around_without_a_point_twice() -> None:
    assert len(mesh.LIP_OUTLINE) == len(set(mesh.LIP_OUTLINE)) == 20
    assert set(mesh.LIP_OUTLINE) == {*mesh.OUTER_UPPER, *mesh.OUTER_LOWER}
