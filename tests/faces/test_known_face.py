"""The bundled portrait is known: its landmarks are those that the models find, and a start asks no model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from app.assets import DEFAULT_PICTURE
from app.avatars.avatar import Avatar
from app.avatars.picture import read_picture
from app.avatars.store import AvatarStore
from app.faces import known_face as module
from app.faces.depth import DepthFinder, supposed_depth
from app.faces.eyes import EyeFinder
from app.faces.face import FaceFinder
from app.faces.known_face import known_face
from app.faces.mesh import CHIN, FOREHEAD, LEFT_CHEEK, RIGHT_CHEEK
from tests.paths import ROOT

PREPARES = """
import sys
from pathlib import Path
from app.avatars.store import AvatarStore
from app.inference.engines.registry import Engines
from app.faces.face import FaceFinder
import app.server
Engines(Path(sys.argv[1])).get("auto").prepare(AvatarStore(Path(sys.argv[1]), FaceFinder(), 1080, 1).load("default"))
print(sorted({"torch", "openvino"} & set(sys.modules)))
"""


def test_it_is_what_the_models_find(avatar: Avatar, monkeypatch: pytest.MonkeyPatch) -> None:
    known = known_face(avatar.image)
    assert known is not None, "the portrait has changed: run python -m tools.find_landmarks"
    assert np.array_equal(known.mesh, avatar.mesh)
    monkeypatch.setattr(module, "_load", dict)
    found = read_picture(DEFAULT_PICTURE.read_bytes(), FaceFinder(), 1080)
    assert np.array_equal(found.image, avatar.image)
    assert np.abs(found.mesh - known.mesh).max() < 0.1
    for eye, outline in zip(EyeFinder().find(found.image, known.mesh), known.eyes, strict=True):
        assert np.abs(np.array([eye.upper, eye.lower]) - outline).max() < 0.1


def test_its_depth_is_what_the_model_finds_and_is_known_without_it(avatar: Avatar) -> None:
    known, finder = known_face(avatar.image), DepthFinder()
    assert known is not None and known.depth is not None
    assert finder.find(avatar.image, avatar.mesh) is known.depth and finder._model is None
    nudged = avatar.mesh.copy()
    nudged[0] += 1
    found = finder.find(avatar.image, nudged)
    assert np.abs((found - found.mean()) - (known.depth - known.depth.mean())).max() < 3


def test_a_face_that_the_model_does_not_see_has_a_supposed_depth(avatar: Avatar) -> None:
    nothing = np.full_like(avatar.image, 128)
    depth = DepthFinder().find(nothing, avatar.mesh)
    assert np.array_equal(depth, supposed_depth(avatar.mesh))
    height = np.linalg.norm(avatar.mesh[CHIN] - avatar.mesh[FOREHEAD])
    ears = depth[[RIGHT_CHEEK, LEFT_CHEEK]].mean()
    assert 0.4 < (depth[1] - ears) / height < 0.8 and depth[1] == depth.max()
    assert 0.1 < (depth[CHIN] - ears) / height < 0.5


def test_another_picture_is_not_known_nor_the_same_one_scaled_down(avatar: Avatar, tmp_path: Path) -> None:
    other = avatar.image.copy()
    other[0, 0] += 1
    assert known_face(other) is None
    small = AvatarStore(tmp_path, FaceFinder(), 512, 1).load("default")
    assert small.image.shape == (512, 512, 3)
    assert np.abs(small.mesh - avatar.mesh * 512 / 768).max() < 5


def test_eyes_of_a_corrected_mesh_are_found_anew(avatar: Avatar) -> None:
    nudged = avatar.mesh.copy()
    nudged[0] += 1
    known, found = EyeFinder().find(avatar.image, avatar.mesh), EyeFinder().find(avatar.image, nudged)
    assert found[0].upper is not known[0].upper
    assert np.abs(found[0].upper - known[0].upper).max() < 0.1


def test_the_default_face_is_prepared_without_torch_and_openvino(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PREPARES, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert ended.stdout.strip() == "[]", ended.stderr
