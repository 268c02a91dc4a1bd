"""From mouth shapes to the picture: what moves, what stays, and what shows between the lips."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.avatars.avatar import Avatar
from app.faces.face import FaceFinder
from app.faces.mesh import CHIN, LEFT_CORNER, LOWER_LIP_EDGE, RIGHT_CORNER, UPPER_LIP_EDGE
from app.i420 import from_bgr, planes_of, to_bgr
from app.inference.engine import Job
from app.inference.engines.portrait.area import Area
from app.inference.engines.portrait.engine import PortraitEngine
from app.inference.engines.portrait.face_rig import FaceRig, make_rig, pose
from app.inference.engines.portrait.field import still_field
from app.inference.engines.portrait.geometry import MouthFrame, find_lips
from app.inference.engines.portrait.shape import REST, MouthShape
from app.inference.engines.portrait.viseme_net import SPAN
from app.inference.features.window import Window
from app.media import I420, SILENCE, AudioSlice, Image, StageTimestamps
from tests.paths import ROOT

AA = MouthShape(opening=1, jaw=1)
OO = MouthShape(opening=0.2, jaw=0.25, rounding=0.95)
EE = MouthShape(opening=0.3, jaw=0.28, wide=0.8, teeth=0.3)
PRESSED = MouthShape(closed=1, jaw=0.12)
TUCKED = MouthShape(opening=0.07, jaw=0.12, tuck=1, teeth=0.4)
EVERY = {"aa": AA, "oo": OO, "ee": EE, "pbm": PRESSED, "fv": TUCKED}


@pytest.fixture(scope="module")
def rig(avatar: Avatar) -> FaceRig:
    return make_rig(avatar.image, avatar.mesh)


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


def found(finder: FaceFinder, image: np.ndarray) -> np.ndarray:
    mesh = finder.mesh(image, finder.find(image)[0])
    assert mesh is not None
    return mesh


def drawn(image: Image, rig: FaceRig, shape: MouthShape) -> I420:
    """The picture that the rig was made of, in a shape."""
    picture, mouth = from_bgr(image), pose(rig, shape)
    if mouth is not None:
        mouth.draw(picture, still_field(image.shape[1], image.shape[0]))
    return picture


def posed(image: Image, rig: FaceRig, shape: MouthShape) -> Image:
    """The same in BGR."""
    return to_bgr(drawn(image, rig, shape))


def opened(avatar: Avatar, rig: FaceRig) -> Avatar:
    """The portrait as if it had been taken with an open mouth."""
    image = posed(avatar.image, rig, MouthShape(opening=0.8, jaw=0.8, wide=0.3))
    return Avatar("open", "open", image, found(FaceFinder(), image))


def test_at_rest_the_picture_is_the_picture(rig: FaceRig) -> None:
    assert pose(rig, REST) is None
    assert pose(rig, MouthShape(opening=1e-3)) is None


@pytest.mark.parametrize("name", EVERY)
def test_only_the_lower_face_changes_and_without_a_seam(name: str, avatar: Avatar, rig: FaceRig) -> None:
    now, rest, area = (
        planes_of(drawn(avatar.image, rig, EVERY[name])),
        planes_of(from_bgr(avatar.image)),
        rig.area,
    )
    half = Area(area.left // 2, area.top // 2, area.right // 2, area.bottom // 2)
    for plane, before, where, scale in (
        (now.y, rest.y, area, 1),
        (now.u, rest.u, half, 2),
        (now.v, rest.v, half, 2),
    ):
        changed = plane != before
        inside = np.zeros_like(changed)
        inside[where.at] = True
        assert changed.any() and not (changed & ~inside).any()
        # at the rectangle's border the picture goes on as it was
        edge = inside & (cv2.erode(inside.astype(np.uint8), np.ones((5, 5))) == 0)
        assert np.abs(plane[edge].astype(int) - before[edge]).max() <= 4
        nose = int(avatar.mesh[1, 1]) // scale
        assert not changed[:nose].any(), "nothing above the nose's tip"


def test_hair_neck_and_background_stay(avatar: Avatar, rig: FaceRig) -> None:
    outline = avatar.mesh[[*range(468)]]
    hull = cv2.convexHull(outline.astype(np.int32))
    away = np.full(avatar.image.shape[:2], 255, np.uint8)
    cv2.fillConvexPoly(away, hull, 0)
    far = cv2.distanceTransform(away, cv2.DIST_L2, 5) > 0.45 * rig.frame.width_px
    for shape in EVERY.values():
        now = drawn(avatar.image, rig, shape)
        moved = np.abs(planes_of(now).y.astype(int) - planes_of(from_bgr(avatar.image)).y)
        assert moved[far].max() <= 1


def test_an_open_jaw_opens_the_lips_and_lowers_the_chin(avatar: Avatar, rig: FaceRig, finder: FaceFinder) -> None:
    mesh, width = found(finder, posed(avatar.image, rig, AA)), rig.frame.width_px
    assert np.linalg.norm(mesh[LOWER_LIP_EDGE] - mesh[UPPER_LIP_EDGE]) > 0.2 * width
    assert mesh[CHIN, 1] > avatar.mesh[CHIN, 1] + 0.1 * width


def test_rounding_narrows_spreading_widens_and_pressing_shuts(avatar: Avatar, rig: FaceRig, finder: FaceFinder) -> None:
    def width(shape: MouthShape) -> float:
        mesh = found(finder, posed(avatar.image, rig, shape))
        return float(np.linalg.norm(mesh[RIGHT_CORNER] - mesh[LEFT_CORNER])) / rig.frame.width_px

    assert width(OO) < 0.97 < 1.0 < width(EE)  # the mesh believes in common mouths
    shut = found(finder, posed(avatar.image, rig, PRESSED))
    rest = found(finder, avatar.image)
    gap, before = (np.linalg.norm(mesh[UPPER_LIP_EDGE] - mesh[LOWER_LIP_EDGE]) for mesh in (shut, rest))
    assert gap <= before + 0.02 * rig.frame.width_px


def test_an_open_mouth_shows_dark_and_teeth_in_the_pictures_light(avatar: Avatar, rig: FaceRig) -> None:
    def inside(scale: float) -> np.ndarray:
        image = np.clip(avatar.image * scale, 0, 255).astype(np.uint8)
        dim = make_rig(image, avatar.mesh)
        middle = dim.frame.to_pixels(np.array([[0.0, 0.0]], np.float32))[0]
        x, y, reach = int(middle[0]), int(middle[1]), int(0.2 * dim.frame.width_px)
        return np.asarray(
            cv2.cvtColor(posed(image, dim, AA), cv2.COLOR_BGR2GRAY)[y - reach // 3 : y + reach, x - 3 : x + 3]
        )

    bright, dark = inside(1.0), inside(0.4)
    assert np.percentile(bright, 90) > 120 and np.percentile(bright, 10) < 60
    assert np.percentile(dark, 90) < 0.65 * np.percentile(bright, 90)


def test_a_portrait_with_an_open_mouth_is_closed_first_and_left_alone_at_rest(
    avatar: Avatar, rig: FaceRig, finder: FaceFinder
) -> None:
    smiling = opened(avatar, rig)
    other = make_rig(smiling.image, smiling.mesh)
    assert other.lips.apart and not rig.lips.apart
    assert pose(other, REST) is None
    shut = found(finder, posed(smiling.image, other, PRESSED))
    assert np.linalg.norm(shut[UPPER_LIP_EDGE] - shut[LOWER_LIP_EDGE]) < 0.06 * other.frame.width_px
    half = found(finder, posed(smiling.image, other, MouthShape(closed=1, speaking=0.5)))
    gaps = [float(np.linalg.norm(mesh[UPPER_LIP_EDGE] - mesh[LOWER_LIP_EDGE])) for mesh in (smiling.mesh, half, shut)]
    assert gaps[0] > gaps[1] > gaps[2], "from what it is to what is said"


@pytest.mark.parametrize("opening", [0.15, 0.3, 0.8])
def test_an_open_mouth_sets_in_without_a_jump_and_leaves_the_cheeks_alone(
    opening: float, avatar: Avatar, rig: FaceRig
) -> None:
    image = posed(avatar.image, rig, MouthShape(opening=opening, jaw=opening))
    mesh = found(FaceFinder(), image)
    other = make_rig(image, mesh)
    rest = to_bgr(from_bgr(image)).astype(int)
    start = np.abs(posed(image, other, MouthShape(opening=0.3, jaw=0.3, speaking=1 / 1024)) - rest).max(axis=2)
    assert (start > 30).sum() <= 20
    beyond = np.zeros(image.shape[:2], bool)
    rows, columns = beyond[other.area.at].shape
    t = np.repeat(np.repeat(other.grid.points[..., 2], other.step, axis=0), other.step, axis=1)[:rows, :columns]
    beyond[other.area.at] = np.abs(t) > 1.15
    for speaking in (0.05, 0.5, 1.0):
        moved = np.abs(posed(image, other, MouthShape(closed=1, speaking=speaking)) - rest).max(axis=2)
        assert (moved[beyond] > 60).mean() < 0.01, "no bar across the cheeks"


def test_it_moves_smoothly_between_shapes(avatar: Avatar, rig: FaceRig) -> None:
    shapes = [MouthShape(opening=o / 40, jaw=o / 40) for o in range(1, 12)]
    pictures = [drawn(avatar.image, rig, shape).astype(np.float32) for shape in shapes]
    steps = [np.abs(b - a).mean() for a, b in pairwise(pictures)]
    assert max(steps) < 3 * np.median(steps)


@pytest.mark.parametrize("degrees", [-25, 25])
def test_a_tilted_head_speaks_along_its_own_axes(degrees: float, avatar: Avatar, finder: FaceFinder) -> None:
    height, width = avatar.image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    size = (width, height)
    image = np.asarray(cv2.warpAffine(avatar.image, turn, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    mesh = (avatar.mesh @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
    moved = found(finder, posed(image, make_rig(image, mesh), AA))
    drop = moved[CHIN] - mesh[CHIN]
    down = mesh[CHIN] - mesh[1]
    assert drop @ down / np.linalg.norm(drop) / np.linalg.norm(down) > 0.9


def test_the_dark_line_between_the_lips_is_found_where_the_mesh_is_off(avatar: Avatar) -> None:
    frame = MouthFrame.of(avatar.mesh)
    right = find_lips(avatar.image, avatar.mesh, frame).seam.y
    lips = np.r_[78:79, [191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 95, 88, 178, 87, 14, 317, 402, 318, 324]]
    off = avatar.mesh.copy()
    off[lips, 1] += 0.03 * frame.width_px
    found_again = find_lips(avatar.image, off, frame).seam.y
    middle = slice(16, 48)
    assert np.abs(found_again[middle] - right[middle]).mean() < 0.012


@pytest.mark.parametrize("scale", [0.12, 0.4])
def test_small_and_cut_off_faces_are_drawn_too(scale: float, avatar: Avatar) -> None:
    side = 2 * round(avatar.width * scale / 2)  # pictures' sides are even
    image = np.asarray(cv2.resize(avatar.image, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    mesh = avatar.mesh * np.float32(side / avatar.width)
    low = (int(mesh[CHIN, 1]) - 2) & ~1  # the picture ends above the chin
    for part in (image, np.ascontiguousarray(image[:low])):
        small = make_rig(part, mesh)
        for shape in EVERY.values():
            now = posed(part, small, shape)
            assert now.shape == part.shape
            moved = np.abs(now.astype(int) - to_bgr(from_bgr(part))).max(axis=2)
            assert moved.any() and (moved > 40).mean() < 0.03, "the mouth, and little else"


@pytest.mark.parametrize("points", ["one", "corners", "upside down"])
def test_a_mesh_that_is_no_face_draws_something(points: str, avatar: Avatar) -> None:
    mesh = avatar.mesh.copy()
    if points == "one":
        mesh[:] = 100
    elif points == "corners":
        mesh[[RIGHT_CORNER, LEFT_CORNER]] = mesh[UPPER_LIP_EDGE]
    else:
        mesh[:, 1] = avatar.height - mesh[:, 1]
    assert posed(avatar.image, make_rig(avatar.image, mesh), AA).shape == avatar.image.shape


def test_the_engine_draws_mixed_batches_as_it_does_single_jobs(avatar: Avatar) -> None:
    engine = PortraitEngine(idle_motion=False)
    prepared = engine.prepare(avatar)
    sound = AudioSlice(0, 0, SILENCE, np.zeros(640, np.float32), False, StageTimestamps(0))
    quiet = np.full((80, SPAN.columns), -3.0, np.float32)
    random = np.random.default_rng(5)
    loud = quiet + np.concatenate([np.zeros((80, 40)), random.uniform(2, 4, (80, SPAN.columns - 40))], axis=1)
    jobs = [Job(prepared, Window(sound, mel.astype(np.float32))) for mel in (quiet, loud)]
    rest, spoken = engine.render(jobs)
    assert rest is prepared.idle_frame(0) and (engine.render(jobs[1:])[0] == spoken).all()


def test_nothing_is_compiled_after_an_avatar_is_prepared(tmp_path: Path) -> None:
    """Else a session would wait. Still and in motion, with whole numbers, a phrase and its end, lips apart, a video."""
    code = """
import sys
import numpy as np
from app.avatars.store import DEFAULT_ID, AvatarStore
from app.i420 import to_bgr
from app.avatars.avatar import VideoLoop, Avatar
from app.inference.engine import Job
from app.faces.face import FaceFinder
from app.inference.engines.portrait import emphasis, glide, lips, pitch, voice, warp
from app.inference.engines.portrait.viseme_net import SPAN
from app.inference.engines.portrait.engine import PortraitEngine
from app.inference.engines.portrait.face_rig import make_rig, pose
from app.inference.engines.portrait.field import still_field
from app.inference.engines.portrait.shape import MouthShape
from app.inference.calibration import loud_window
from app.inference.features.mel import COLUMNS_PER_SECOND, SILENT_COLUMN
from app.inference.features.window import Window
from pathlib import Path

def compiled():
    heard = (emphasis._weighed, voice._last_end, pitch._best_way)
    return [len(kernel.signatures) for kernel in (glide.glide, lips.draw_lips, warp.warp_of, *heard)]

portrait = AvatarStore(Path(sys.argv[1]), FaceFinder(), 1080, 1).load(DEFAULT_ID)
window, seen, pause = loud_window(SPAN), [], COLUMNS_PER_SECOND * 3 // 10
silence = np.full((len(window.mel), pause), SILENT_COLUMN, np.float32)
ended = Window(window.sound, np.concatenate([window.mel[:, pause:], silence], axis=1))
for moves in (True, False):
    engine = PortraitEngine(idle_motion=moves)
    prepared = engine.prepare(portrait)
    seen.append(compiled())
    picture, _ = engine.render([Job(prepared, window, 90), Job(prepared, ended, 91)])
frames, meshes = np.stack([portrait.image] * 3), np.stack([portrait.mesh] * 3)
video = Avatar("v", "v", frames[0], meshes[0], VideoLoop(frames, meshes))
engine.render([Job(engine.prepare(video), window, 2)])
spoken = pose(make_rig(to_bgr(picture), portrait.mesh), MouthShape(opening=0, wide=1, speaking=1))
spoken.draw(picture, still_field(portrait.width, portrait.height))
print(*seen, compiled())
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    assert done.stdout.strip() == " ".join(["[1, 1, 1, 1, 1, 1]"] * 3)
