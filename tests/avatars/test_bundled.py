"""The faces that come with Lipwire: the default one and a cast of six, which are everybody's and stay as they are."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.assets import CAST, CAST_IDS, DEFAULT_PICTURE, SAMPLE
from app.avatars.avatar_folder import decode_image
from app.avatars.avatar_info import is_id
from app.avatars.bundled import BUNDLED_IDS, bundled_picture
from app.avatars.store import AvatarFixed, AvatarStore, NoSuchAvatar
from app.commands.render import talking_frames
from app.emphasis import CALM
from app.faces.eyes import EyeFinder
from app.faces.face import FaceFinder
from app.faces.known_face import known_face
from app.inference.engines.portrait.engine import PortraitEngine
from tests.paths import ROOT
from tools.portraits.cast import eye_outlines, irises

MOST_BYTES = 600_000
SIDE = 1024
DEFAULT_SHA256 = "1ab3d81a187273a2f08d514e54b053e03aff288ae1a2657689c4a9a2cc41c0f0"
SEAM, CORNERS = (13, 14), (61, 291)  # points of the mesh: the inner edges of both lips, and the mouth's corners
FRAMES = 80
BLINKS_WITHIN = 260  # slots
SPOTS = ((2, 0.7), (4, 0.5), (6, 0.7))  # places on the lids from the outer corner on, and how far down between them
PREPARES_ALL = """
import sys
from pathlib import Path
from app.assets import CAST_IDS
from app.avatars.store import AvatarStore
from app.faces.face import FaceFinder
from app.inference.engines.registry import Engines
store, engine = AvatarStore(Path(sys.argv[1]), FaceFinder(), 1080, 1), Engines(Path(sys.argv[1])).get("auto")
for id in CAST_IDS:
    engine.prepare(store.load(id))
print(sorted({"torch", "openvino"} & set(sys.modules)))
"""


@pytest.fixture
def store(tmp_path: Path) -> AvatarStore:
    return AvatarStore(tmp_path, FaceFinder(), 1080, 5)


def bgr(picture: NDArray[np.uint8]) -> NDArray[np.int_]:
    return cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_I420).astype(int)


def test_the_default_face_is_the_one_that_it_was() -> None:
    assert hashlib.sha256(DEFAULT_PICTURE.read_bytes()).hexdigest() == DEFAULT_SHA256


def test_there_are_six_others_of_one_size_and_none_is_large() -> None:
    assert sorted(CAST.iterdir()) == sorted(map(bundled_picture, CAST_IDS)) and len(CAST_IDS) == 6
    for id in CAST_IDS:
        data = bundled_picture(id).read_bytes()
        assert decode_image(data).shape == (SIDE, SIDE, 3) and len(data) < MOST_BYTES, id
    assert not any(map(is_id, BUNDLED_IDS)), "no upload can ever have such an id"


def test_they_differ_from_each_other_as_people_do() -> None:
    """In skin or hair: the middle of the face, or the picture as a whole."""
    seen = {}
    for id in CAST_IDS:
        small = cv2.resize(decode_image(bundled_picture(id).read_bytes()), (16, 16), interpolation=cv2.INTER_AREA)
        seen[id] = small.astype(float)
    for id in CAST_IDS:
        for other in CAST_IDS:
            assert id == other or np.abs(seen[id] - seen[other]).mean() > 15, (id, other)


@pytest.mark.parametrize("id", CAST_IDS)
def test_its_landmarks_are_known_and_what_the_finder_finds(store: AvatarStore, id: str) -> None:
    avatar = store.load(id)
    known = known_face(avatar.image)
    assert known is not None, "the portrait has changed: run python -m tools.find_landmarks"
    assert np.array_equal(known.mesh, avatar.mesh)
    finder = FaceFinder()
    boxes = finder.find(avatar.image)
    assert len(boxes) == 1, "one face, and nothing else that looks like one"
    mesh = finder.mesh(avatar.image, boxes[0])
    assert mesh is not None and np.abs(mesh - known.mesh).max() < 0.1
    upper, lower = known.mesh[list(SEAM)]
    corners = known.mesh[list(CORNERS)]
    assert abs(upper[1] - lower[1]) < 0.1 * np.linalg.norm(corners[0] - corners[1]), "its lips are closed"


@pytest.mark.parametrize("id", CAST_IDS)
def test_its_eyes_lie_where_they_were_drawn(store: AvatarStore, id: str) -> None:
    avatar = store.load(id)
    eyes = EyeFinder().find(avatar.image, avatar.mesh)
    for eye, drawn in zip(eyes, eye_outlines(id), strict=True):
        assert np.array_equal([eye.upper, eye.lower], drawn)
        corners = drawn[0, [0, -1]]
        grey = cv2.cvtColor(avatar.image, cv2.COLOR_BGR2GRAY)
        x, y = drawn.mean(axis=(0, 1)).round().astype(int)
        assert np.ptp(grey[y - 12 : y + 12, x - 12 : x + 12]) > 100, "a pupil and its light"
        assert 60 < np.linalg.norm(corners[0] - corners[1]) < 140


@pytest.mark.parametrize("id", CAST_IDS)
def test_its_irises_lie_where_they_were_drawn(store: AvatarStore, id: str) -> None:
    grey = cv2.cvtColor(store.load(id).image, cv2.COLOR_BGR2GRAY)
    for middle, right, top, left, bottom in irises(id):
        x, y = middle.round().astype(int)
        radius = (right - middle)[0]
        assert np.allclose([middle - left, middle - top, bottom - middle], [[radius, 0], [0, radius], [0, radius]])
        pupil = grey[y : y + int(radius / 4), x - int(radius / 4) : x + int(radius / 4)]
        beside = grey[y, [x - int(1.3 * radius), x + int(1.3 * radius)]]
        assert pupil.mean() < 60 < 120 < beside.min(), "dark, between whites"


@pytest.mark.parametrize("id", CAST_IDS)
def test_its_mouth_opens_when_it_speaks(store: AvatarStore, id: str) -> None:
    avatar = store.load(id)
    frames = islice(talking_frames(PortraitEngine(), avatar, SAMPLE), FRAMES)
    x, y = avatar.mesh[list(SEAM)].mean(axis=0).astype(int)
    seen = [bgr(frame.image)[y - 20 : y + 60, x - 60 : x + 60] for frame in frames]
    assert max(np.abs(each - seen[0]).mean() for each in seen) > 15


@pytest.mark.parametrize("id", CAST_IDS)
def test_a_lid_comes_over_all_of_its_eyes(store: AvatarStore, id: str) -> None:
    idle = PortraitEngine().prepare(store.load(id)).idle_motion
    assert idle is not None
    spots = [upper[at] + (lower[at] - upper[at]) * low for upper, lower in eye_outlines(id) for at, low in SPOTS]
    seen = []
    for slot in range(0, BLINKS_WITHIN, 2):
        picture = bgr(idle.at_rest(slot, CALM))
        seen.append([picture[y - 2 : y + 3, x - 2 : x + 3].mean(axis=(0, 1)) for x, y in np.round(spots).astype(int)])
    change = np.abs(np.array(seen) - seen[0]).max(axis=2)
    closed = change[:, 1].argmax()
    assert change[closed].min() > 40, "nothing of the eye is left to be seen; a pale lid is near the white of it"


def test_all_are_prepared_without_torch_and_openvino(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PREPARES_ALL, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert ended.stdout.strip() == "[]", ended.stderr


@pytest.mark.parametrize("id", BUNDLED_IDS)
def test_a_bundled_face_is_neither_deleted_nor_corrected_nor_does_it_expire(store: AvatarStore, id: str) -> None:
    for refused in (store.delete, store.mouth, store.reset_mouth):
        with pytest.raises(AvatarFixed, match="comes with Lipwire"):
            refused(id)
    store.use(id)
    assert store.expire(0, ()) == [] and store.info(id).name == id.capitalize()


def test_the_list_is_the_default_and_what_was_uploaded_as_ever(store: AvatarStore) -> None:
    assert [info.id for info in store.all()] == ["default"]


def test_a_name_that_nobody_has_is_no_avatar(store: AvatarStore) -> None:
    for id in ("Amara", "nobody", "../default"):
        with pytest.raises(NoSuchAvatar):
            store.info(id)
