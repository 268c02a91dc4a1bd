"""A picture's own motion, drawn: where it moves, where it does not, and how smoothly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from app.avatars.avatar import Avatar, VideoLoop
from app.emphasis import CALM, Emphasis
from app.faces.depth import DepthFinder
from app.faces.eyes import EyeFinder, EyeOutline
from app.faces.mesh import CHIN, FOREHEAD, LEFT_CHEEK, RIGHT_CHEEK
from app.i420 import from_bgr, planes_of, to_bgr
from app.inference.calibration import loud_window
from app.inference.engine import Job
from app.inference.engines.portrait.area import Area
from app.inference.engines.portrait.blinks import blink_at
from app.inference.engines.portrait.engine import PortraitEngine
from app.inference.engines.portrait.face_rig import make_rig, pose
from app.inference.engines.portrait.field import CELL_PX, Swing, brought_to, field_of, still_field
from app.inference.engines.portrait.fine import doubled
from app.inference.engines.portrait.glide import glide
from app.inference.engines.portrait.head import displacement, make_head, move_head
from app.inference.engines.portrait.idle_motion import BLINK_STEPS, PortraitMotion, idle_motion_of
from app.inference.engines.portrait.look import Look
from app.inference.engines.portrait.moment import moment
from app.inference.engines.portrait.shape import MouthShape
from app.inference.engines.portrait.viseme_net import SPAN
from app.media import VIDEO_FPS, Image

EYES, DEPTHS = EyeFinder(), DepthFinder()
TALKS, LOUD = Emphasis(0.5, 0.5), Emphasis(1.0, 1.0)


@pytest.fixture(scope="module")
def motion(avatar: Avatar) -> PortraitMotion:
    return PortraitMotion(avatar.image, avatar.mesh, EYES, DEPTHS)


def difference(a: Image, b: Image) -> np.ndarray:
    return np.asarray(np.abs(a.astype(int) - b).max(axis=2))


def planes(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    found = planes_of(picture)
    return found.y, found.u, found.v


def shut(image: Image, motion: PortraitMotion) -> Image:
    """The picture with its eyes closed."""
    closed = from_bgr(image)
    motion._upper.draw(closed, Look(closure=1.0), still_field(image.shape[1], image.shape[0]))
    return to_bgr(closed)


def warped(image: Image, move: np.ndarray, width: int, height: int) -> Image:
    """The picture as an affine map moves it, on another of so many pixels."""
    size = (width, height)
    return np.asarray(cv2.warpAffine(image, move, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT), np.uint8)


def placed(avatar: Avatar, width: int, height: int, scale: float, x: float, y: float) -> tuple[Image, np.ndarray]:
    """The bundled face in a larger or smaller picture, its corner at x, y."""
    move = np.array([[scale, 0, x], [0, scale, y]], np.float32)
    return warped(avatar.image, move, width, height), (avatar.mesh * scale + (x, y)).astype(np.float32)


def blinking(motion: PortraitMotion) -> int:
    return next(p for p in range(1000) if blink_at(motion._seed, p) > 0.97)


def test_the_same_moment_of_the_same_picture_is_the_same_to_the_bit(avatar: Avatar, motion: PortraitMotion) -> None:
    again = PortraitMotion(avatar.image.copy(), avatar.mesh.copy(), EyeFinder(), DepthFinder())
    for position in (70, 700, blinking(motion), 100_000):
        assert (motion.at_rest(position, Emphasis(0.2)) == again.at_rest(position, Emphasis(0.2))).all()


def test_the_first_picture_is_the_portrait_itself(avatar: Avatar, motion: PortraitMotion) -> None:
    assert motion.at_rest(0, CALM) is motion.still
    assert (motion.still == from_bgr(avatar.image)).all()


def test_a_picture_that_is_given_is_never_written_to(avatar: Avatar, motion: PortraitMotion) -> None:
    before, still = avatar.image.copy(), motion.still.copy()
    motion.at_rest(blinking(motion), TALKS)
    assert (avatar.image == before).all() and (motion.still == still).all()


def test_the_picture_s_border_never_moves(avatar: Avatar, motion: PortraitMotion) -> None:
    border = np.ones(avatar.image.shape[:2], bool)
    border[4:-4, 4:-4] = False
    for position in range(50, 3000, 71):
        moved = motion.at_rest(position, LOUD) != motion.still
        assert not planes(moved)[0][border].any()
        assert not any(chroma[border[::2, ::2]].any() for chroma in planes(moved)[1:])


def test_from_one_picture_to_the_next_little_changes(avatar: Avatar, motion: PortraitMotion) -> None:
    calm = [p for p in range(200, 400) if not blink_at(motion._seed, p)]
    for position in [p for p in calm if p + 1 in calm][:40]:
        step = np.abs(motion.at_rest(position, CALM).astype(int) - motion.at_rest(position + 1, CALM))
        assert step.mean() < 0.5 and np.percentile(step, 99.9) < 25


def test_a_blink_closes_the_eyes_and_leaves_the_rest_alone(avatar: Avatar, motion: PortraitMotion) -> None:
    assert len(motion._upper.tables.lids) == 2
    closed, before = shut(avatar.image, motion), to_bgr(motion.still)
    changed = difference(closed, before) > 0
    inside = np.zeros_like(changed)
    for lids in motion._upper.tables.lids:
        inside[lids.area.grown(2).at] = True
        x, y = lids.eye.places(lids.area)
        upper, opening = (np.interp(x, lids.eye.x, line) for line in (lids.upper, lids.opening))
        open_before = (y > upper) & (y < upper + opening) & (opening > 0.1) & (np.abs(x) < 0.55)
        was, now = before[lids.area.at][open_before], closed[lids.area.at][open_before]
        assert now.min(axis=1).max() < was.min(axis=1).max() - 20, "no white of the eye is left"
    assert changed.any() and not (changed & ~inside).any()
    rim = inside & (cv2.erode(inside.astype(np.uint8), np.ones((5, 5))) == 0)
    assert difference(closed, before)[rim].max() <= 2, "no seam around an eye"
    brow = avatar.mesh[[105, 334]].astype(int)
    assert all(not changed[y, x] for x, y in brow)


FACES = {
    "as it is": (768, 768, 0, 1.0, (0.0, 0.0)),
    "large": (1080, 1080, 0, 1.4, (0.0, 0.0)),
    "small, in odd sizes": (302, 298, 0, 0.38, (3.0, 5.0)),
    "tilted": (768, 770, -25, 0.95, (1.0, 1.0)),
    "on its side": (768, 768, 90, 1.0, (0.0, 0.0)),
    "cut off at the left": (770, 766, 0, 1.0, (-231.0, 1.0)),
    "without a chin": (768, 530, 0, 1.0, (0.0, 0.0)),
}


@pytest.mark.parametrize("face", FACES)
def test_one_lookup_is_as_good_as_two(face: str, avatar: Avatar) -> None:
    """The mouth of a face that sways is the still face's mouth, moved as the face is; elsewhere all is as at rest."""
    width, height, degrees, scale, shift = FACES[face]
    turn = np.vstack([cv2.getRotationMatrix2D((384, 384), degrees, 1.0), [0, 0, 1]])
    turn = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32) @ turn
    image = warped(avatar.image, turn, width, height)
    mesh = (avatar.mesh @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
    motion, rig = PortraitMotion(image, mesh, EYES, DEPTHS), make_rig(image, mesh)
    position = next(p for p in range(777, 999) if not blink_at(motion._seed, p))
    assert motion._head is not None
    field = displacement(motion._head, moment(motion._seed, position, TALKS).swing)
    assert field is not None and 0.2 < np.abs(field).max() < 36
    for shape in (MouthShape(opening=1, jaw=1), MouthShape(opening=0.2, jaw=0.25, rounding=0.95), MouthShape(closed=1)):
        mouth, still = pose(rig, shape), from_bgr(image)
        assert mouth is not None
        mouth.draw(still, still_field(width, height))
        alive, rest = motion.draw(mouth, position, TALKS), motion.at_rest(position, TALKS)
        for plane, (before, now) in enumerate(zip(planes(still), planes(alive), strict=True)):
            area = rig.area if plane == 0 else halved(rig.area)
            assert psnr(moved(before, field, 1 if plane == 0 else 2), now, area) > 40
            far = np.abs(now.astype(int) - planes(rest)[plane])
            far[area.grown(40).within(Area(0, 0, *now.shape[::-1])).at] = 0
            assert far.max() == 0, "elsewhere it is the same as at rest"
            rim = np.zeros(now.shape, np.uint8)
            rim[area.at] = 1
            inner = cv2.erode(rim, np.ones((3, 3)), borderType=cv2.BORDER_REPLICATE)
            assert np.abs(now.astype(int) - planes(rest)[plane])[rim > inner].max() <= 4, "no seam"


def halved(area: Area) -> Area:
    return Area(area.left // 2, area.top // 2, area.right // 2, area.bottom // 2)


def moved(plane: np.ndarray, field: np.ndarray, scale: int) -> np.ndarray:
    """A plane moved by a head's field, plainly. ``scale``: how many pixels of the picture one of the plane is wide."""
    cell = CELL_PX // scale
    middles = [(np.arange(count) - 1) * cell + (cell - 1) / 2 for count in field.shape[::2]]
    places = list(np.meshgrid(*(np.arange(count, dtype=np.float32) for count in plane.shape), indexing="ij"))
    for c in range(2):
        across = np.stack([np.interp(np.arange(plane.shape[1]), middles[1], line) for line in field[:, c]])
        down = np.stack([np.interp(np.arange(plane.shape[0]), middles[0], line) for line in across.T], axis=1)
        places[1 - c] = places[1 - c] + (down / scale).astype(np.float32)
    return np.asarray(cv2.remap(plane, places[1], places[0], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))


def psnr(a: np.ndarray, b: np.ndarray, area: Area) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, np.square(a[area.at].astype(float) - b[area.at]).mean())))


def test_movement_keeps_the_sharpness() -> None:
    """A detail of six pixels loses no more between the pixels than on them, by 6 %; a linear lookup takes 13 %."""
    x = np.arange(96)
    plane = np.repeat((128 + 90 * np.sin(2 * np.pi * x / 6))[None], 64, 0).astype(np.uint8)
    fine, whole = doubled(np.pad(plane, 4, "edge")), np.array([[0, 0, 96, 64]])
    contrast = []
    for eighth in range(9):
        field, out = still_field(96, 64), plane.copy()
        field[:, 0] = np.float32(eighth / 8)
        glide(out[None], fine[None], -4, -4, field, CELL_PX, 2.0, whole)
        contrast.append(out[10:-10, 12:-12].std())
    assert min(contrast) > 0.94 * max(contrast)
    out = np.zeros_like(plane)
    glide(out[None], fine[None], -4, -4, still_field(96, 64), CELL_PX, 2.0, whole)
    assert (out == plane).all()


@pytest.mark.parametrize(("width", "height"), [(96, 64), (90, 70), (34, 30), (50, 18)])
@pytest.mark.parametrize("cell", [8, 16])
def test_gliding_is_a_linear_lookup_in_the_doubled_plane(width: int, height: int, cell: int) -> None:
    """Runs of pixels, runs that part, and single ones at the rims: each is as if it were looked up alone."""
    random = np.random.default_rng(width + cell)
    plane = np.asarray(cv2.GaussianBlur(random.integers(0, 255, (height, width), np.uint8), (0, 0), 1.0), np.uint8)
    padded = np.pad(plane, 8, "edge")
    columns, rows = -(-width // cell) + 3, -(-height // cell) + 3
    field = random.uniform(-3, 3, (rows, 2, columns)).astype(np.float32)
    out = plane.copy()
    area = np.array([[2, 4, width - 6, height - 2]])
    glide(out[None], doubled(padded)[None], -8, -8, field, cell, 2.0, area)
    fine = doubled(padded).astype(float)
    for _ in range(400):
        y, x = int(random.integers(4, height - 2)), int(random.integers(2, width - 6))
        column, row = (x + 0.5 + cell / 2) / cell, (y + 0.5 + cell / 2) / cell
        i, j, across, down = int(column), int(row), column % 1, row % 1
        upper = field[j, :, i] * (1 - across) + field[j, :, i + 1] * across
        lower = field[j + 1, :, i] * (1 - across) + field[j + 1, :, i + 1] * across
        dx, dy = 2 * (upper * (1 - down) + lower * down)
        fx, fy = 2 * (x + 8) + dx, 2 * (y + 8) + dy
        i, j = int(np.floor(fx)), int(np.floor(fy))
        weights = np.outer([1 - fy + j, fy - j], [1 - fx + i, fx - i])
        assert abs(out[y, x] - (fine[j : j + 2, i : i + 2] * weights).sum()) < 0.75
    untouched = np.ones_like(plane, bool)
    untouched[4 : height - 2, 2 : width - 6] = False
    assert (out == plane)[untouched].all()


def test_threads_that_draw_at_once_draw_the_same(avatar: Avatar, motion: PortraitMotion) -> None:
    mouth = pose(make_rig(avatar.image, avatar.mesh), MouthShape(opening=0.5, jaw=0.5))
    places = [*range(400, 412), blinking(motion)]
    alone = [motion.draw(mouth, position, TALKS) for position in places]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda position: motion.draw(mouth, position, TALKS), places * 3))
    assert all((a == b).all() for a, b in zip(alone * 3, together, strict=True))


@pytest.mark.parametrize(
    ("width", "height", "scale", "x", "y", "blinks"),
    [
        (768, 768, 1.0, -230.0, 0.0, (True, True)),  # an ear is outside to the left
        (768, 768, 1.0, -310.0, 0.0, (False, False)),  # the edge goes through an eye
        (768, 768, 1.0, -365.0, 0.0, (False, True)),  # half of the face is outside
        (768, 768, 1.0, 0.0, 330.0, (True, True)),  # the chin is at the lower edge
        (768, 400, 1.0, 0.0, -260.0, (True, True)),  # the forehead is cut off
        (768, 400, 1.0, 0.0, -300.0, (False, False)),  # the edge is on the lids
        (300, 300, 0.2, 120.0, 90.0, (True, True)),  # small
        (64, 64, 0.08, 0.0, 0.0, (False, False)),  # tiny: 20 pixels wide
        (34, 30, 0.04, 0.0, 0.0, (False, False)),  # smaller than a cell or two
    ],
)
def test_faces_at_the_edge_and_tiny_ones_live_or_stay_as_they_are(
    avatar: Avatar, width: int, height: int, scale: float, x: float, y: float, blinks: tuple[bool, bool]
) -> None:
    image, mesh = placed(avatar, width, height, scale, x, y)
    motion = PortraitMotion(image, mesh, EYES, DEPTHS)
    still, head = to_bgr(motion.still), motion._head
    side = 2 * (1 + int(np.ceil(0.10 * np.ptp(mesh[:, 0])))) + 1
    reach = np.ones((side, side))
    for position in (200, 300, blinking(motion)):
        now, awake = moment(motion._seed, position, LOUD), motion.still.copy()
        field = None if head is None else displacement(head, now.swing)
        if head is not None and field is not None:
            move_head(awake, head, field)
        luma, before = planes_of(awake).y, planes_of(motion.still).y
        assert (luma >= cv2.erode(before, reach).astype(int) - 32).all(), "nothing goes far"
        assert (luma <= cv2.dilate(before, reach).astype(int) + 32).all()
        drawn = to_bgr(motion.at_rest(position, LOUD))
        assert drawn.shape == image.shape and drawn.dtype == np.uint8
        assert difference(drawn, still)[[0, -1]].max() == 0 and difference(drawn, still)[:, [0, -1]].max() == 0
        blinked = difference(drawn, to_bgr(awake)) > 30
        closed = [bool(blinked[area.at].any()) for area in eye_areas(mesh, image)]
        assert tuple(closed) == blinks or not blink_at(motion._seed, position)
        assert all(blinks[eye] for eye in (0, 1) if closed[eye]), "what cannot blink does not look about either"
        for area in eye_areas(mesh, image):
            blinked[area.at] = False
        assert not blinked.any(), "only eyes blink and look about"


def eye_areas(mesh: np.ndarray, image: Image) -> list[Area]:
    """Where the eyes are, with what a blink changes around them; empty outside the picture."""
    whole, areas = Area(0, 0, image.shape[1], image.shape[0]), []
    for corners in ((33, 133), (362, 263)):
        (left, _), (right, _) = mesh[list(corners)].astype(int)
        middle, reach = int(mesh[list(corners), 1].mean()), int(0.8 * (right - left)) + 2
        areas.append(Area(left - reach // 3, middle - reach, right + reach // 3, middle + reach).within(whole))
    return [area if not area.empty else Area(0, 0, 0, 0) for area in areas]


@pytest.mark.parametrize("degrees", [-25, 25, 90, -90, 180])
def test_a_face_that_is_tilted_or_lies_on_its_side_blinks_as_it_does_upright(
    avatar: Avatar, motion: PortraitMotion, degrees: float
) -> None:
    turn = cv2.getRotationMatrix2D((384, 384), degrees, 0.9)

    def turned(image: Image) -> Image:
        return np.asarray(cv2.warpAffine(image, turn, (768, 768), borderMode=cv2.BORDER_REFLECT), np.uint8)

    mesh = (avatar.mesh @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
    image, wanted = turned(avatar.image), turned(shut(avatar.image, motion))
    tilted = PortraitMotion(image, mesh, EYES, DEPTHS)
    assert len(tilted._upper.tables.lids) == 2
    moved = difference(wanted, image) > 8
    assert difference(shut(image, tilted), wanted)[moved].mean() < 0.1 * difference(wanted, image)[moved].mean()


class SeenEyes(EyeFinder):
    """Finds the portrait's eyes, and then something else."""

    def __init__(self, width: float = 1.0, opening: float = 1.0, right: float = 0.0) -> None:
        super().__init__()
        self.width, self.opening, self.right = width, opening, right

    def find(self, image: Image, mesh: np.ndarray) -> tuple[EyeOutline, EyeOutline]:
        near, far = super().find(image, mesh)
        corners = far.upper[[0, -1]]
        centre, scale = corners.mean(axis=0), np.array([self.width, self.opening * self.width], np.float32)
        upper, lower = ((edge - centre) * scale + centre + (self.right, 0) for edge in (far.upper, far.lower))
        return near, EyeOutline(upper.astype(np.float32), lower.astype(np.float32))


@pytest.mark.parametrize(
    ("eyes", "count"),
    [
        (SeenEyes(), 2),
        (SeenEyes(width=0.7), 2),
        (SeenEyes(width=0.5), 0),  # the head is turned
        (SeenEyes(width=0.5, opening=0.2), 0),  # and its far eye is flat
        (SeenEyes(width=0.1), 0),  # or next to nothing
        (SeenEyes(opening=0.2), 1),  # one eye is closed
        (SeenEyes(right=500.0), 1),  # outside the picture
        (SeenEyes(width=0.5, right=500.0), 1),
        (SeenEyes(right=325.0), 0),  # half of it is in the picture
    ],
)
def test_one_eye_blinks_alone_only_where_the_other_is_closed_or_outside(
    avatar: Avatar, eyes: SeenEyes, count: int
) -> None:
    assert len(PortraitMotion(avatar.image, avatar.mesh, eyes, DEPTHS)._upper.tables.lids) == count


def test_closed_eyes_do_not_blink(avatar: Avatar, motion: PortraitMotion) -> None:
    assert PortraitMotion(shut(avatar.image, motion), avatar.mesh, EYES, DEPTHS)._upper.tables.lids == []


def test_a_video_has_a_life_of_its_own(avatar: Avatar) -> None:
    video = Avatar("v", "v", avatar.image, avatar.mesh, VideoLoop(avatar.image[None], avatar.mesh[None]))
    assert idle_motion_of(video, EYES, DEPTHS) is None and isinstance(
        idle_motion_of(avatar, EYES, DEPTHS), PortraitMotion
    )


def swung(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> Swing:
    """In degrees."""
    yaw, pitch, roll = (float(np.radians(angle)) for angle in (yaw, pitch, roll))
    return Swing(yaw, pitch, roll, dx=0.0, dy=0.0, breath=0.0)


def goes(motion: PortraitMotion, avatar: Avatar, swing: Swing, point: int) -> np.ndarray:
    """How far a point of the mesh goes, in heights of the face."""
    assert motion._head is not None
    field, (x, y) = field_of(motion._head.anatomy, swing), avatar.mesh[point]
    column, row = (x + 0.5) / CELL_PX + 0.5, (y + 0.5) / CELL_PX + 0.5
    i, j, across, down = int(column), int(row), column % 1, row % 1
    near = field[j : j + 2, :, i : i + 2] * np.outer([1 - down, down], [1 - across, across])[:, None]
    height = float(np.linalg.norm(avatar.mesh[CHIN] - avatar.mesh[FOREHEAD]))
    return -np.asarray(near.sum(axis=(0, 2))) / height


NOSE, BROW_MIDDLE = 1, 9


@pytest.mark.parametrize("degrees", [-8, -3, 3, 8])
def test_a_head_that_turns_shows_the_depth_of_nose_cheeks_and_brow(
    avatar: Avatar, motion: PortraitMotion, degrees: float
) -> None:
    sign = np.sign(degrees)
    nose, brow, chin, right, left = (
        sign * goes(motion, avatar, swung(yaw=degrees), point)[0]
        for point in (NOSE, BROW_MIDDLE, CHIN, RIGHT_CHEEK, LEFT_CHEEK)
    )
    sine = np.sin(np.radians(abs(degrees)))
    assert 0.45 * sine < nose < 0.75 * sine, "it stands out by about half a face"
    assert nose > brow > chin > 0.15 * sine, "each by its depth"
    assert max(abs(right), abs(left)) < 0.45 * nose, "the ears hardly move"
    assert np.abs([goes(motion, avatar, swung(yaw=degrees), point)[1] for point in (NOSE, CHIN)]).max() < 0.2 * nose


@pytest.mark.parametrize("degrees", [-8, 3, 8])
def test_a_nod_bows_the_middle_of_the_face_most_and_leaves_the_ears(
    avatar: Avatar, motion: PortraitMotion, degrees: float
) -> None:
    nose, chin, right, left = (
        np.sign(degrees) * goes(motion, avatar, swung(pitch=degrees), point)[1]
        for point in (NOSE, CHIN, RIGHT_CHEEK, LEFT_CHEEK)
    )
    assert 0 < max(right, left) < 0.55 * nose and 0.3 * nose < chin < nose


def test_nothing_is_torn_or_folded_at_the_widest_turns(avatar: Avatar) -> None:
    head = make_head(from_bgr(avatar.image), avatar.mesh, DEPTHS.find(avatar.image, avatar.mesh))
    assert head is not None and displacement(head, swung()) is None
    for swing in (swung(yaw=8), swung(pitch=-8), swung(5, 5, 3)):
        field = field_of(head.anatomy, swing)
        for axis, parts in ((0, field[:, 1]), (1, field[:, 0])):
            steps = 1 + np.diff(parts, axis=axis) / CELL_PX  # of the picture's pixels, a pixel
            assert steps.min() > 0.4, "nothing is folded over, and nothing drawn out"
            assert steps.max() < 2.2, "what turns away is not hidden at once"


def test_what_is_behind_and_below_a_head_that_turns_stays(avatar: Avatar, motion: PortraitMotion) -> None:
    assert motion._head is not None
    height = np.linalg.norm(avatar.mesh[CHIN] - avatar.mesh[FOREHEAD])
    field = field_of(motion._head.anatomy, swung(yaw=8, pitch=8))
    assert np.abs(field[-8:]).max() < 0.02 * height and np.abs(field[:, :, :6]).max() < 0.02 * height


def test_it_is_the_depth_that_moves_a_face_which_turns(avatar: Avatar) -> None:
    flat = make_head(from_bgr(avatar.image), avatar.mesh, np.zeros(len(avatar.mesh), np.float32))
    assert flat is not None
    deep = make_head(from_bgr(avatar.image), avatar.mesh, DEPTHS.find(avatar.image, avatar.mesh))
    assert deep is not None
    widest = [np.abs(field_of(head.anatomy, swung(yaw=8))[:, 0]).max() for head in (flat, deep)]
    assert widest[0] < 0.25 * widest[1]


def test_an_area_is_found_where_a_field_brings_it(motion: PortraitMotion) -> None:
    assert motion._head is not None
    for swing in (swung(8, 8, 5), swung(-8, -3, 0), swung(2, -1, 1)):
        field = field_of(motion._head.anatomy, swing)
        area = Area(300, 390, 460, 500)
        to = brought_to(area, field)
        lasting = moved(np.pad(np.ones((110, 160), np.float32), ((390, 268), (300, 308))), field, 1)
        rows, columns = np.nonzero(lasting > 1e-6)
        assert to.left <= columns.min() and columns.max() < to.right and to.top <= rows.min() and rows.max() < to.bottom
        assert to.right - to.left < 160 + 60 and to.bottom - to.top < 110 + 60


def test_teeth_and_lips_go_with_a_head_that_turns(avatar: Avatar, motion: PortraitMotion) -> None:
    mouth, still = pose(make_rig(avatar.image, avatar.mesh), MouthShape(opening=1, jaw=1)), motion.still.copy()
    assert mouth is not None and motion._head is not None
    mouth.draw(still, still_field(*avatar.image.shape[1::-1]))
    for swing in (swung(yaw=8), swung(pitch=8), swung(-6, -6, -4)):
        field, picture = field_of(motion._head.anatomy, swing), motion.still.copy()
        move_head(picture, motion._head, field)
        mouth.draw(picture, field)
        wanted, found = moved(planes(still)[0], field, 1), planes(picture)[0]
        area = Area(*(int(value) for value in (*avatar.mesh[13] - 60, *avatar.mesh[13] + 60)))
        assert psnr(wanted, found, area) > 33


def test_a_face_without_time_for_life_still_blinks_and_nothing_else(avatar: Avatar) -> None:
    engine = PortraitEngine()
    calm = engine.prepare(avatar).without_idle_motion()
    assert calm.idle_motion is None
    pictures = [calm.idle_frame(position) for position in range(60 * VIDEO_FPS)]
    distinct = {id(picture): picture for picture in pictures}
    assert 3 <= len(distinct) <= BLINK_STEPS + 1, "few, drawn once and shared"
    assert calm.idle_frame(0) is calm.idle_frame(1)
    runs = "".join("." if picture is pictures[0] else "x" for picture in pictures).split(".")
    blinks = [run for run in runs if run]
    assert 8 <= len(blinks) <= 30 and max(map(len, blinks)) <= 24
    motion = PortraitMotion(avatar.image, avatar.mesh, EYES, DEPTHS)
    eyes = np.zeros(avatar.image.shape[:2], bool)
    for lids in motion._upper.tables.lids:
        eyes[lids.area.grown(8).at] = True
    closed = motion.blinking(blinking(motion))
    changed = planes(closed)[0] != planes(motion.still)[0]
    assert changed.any() and not (changed & ~eyes).any()
    again = engine.prepare(avatar).without_idle_motion().without_idle_motion()
    assert (again.idle_frame(blinking(motion)) == closed).all()


def test_a_face_that_shall_not_live_does_not_blink(avatar: Avatar) -> None:
    prepared = PortraitEngine(idle_motion=False).prepare(avatar).without_idle_motion()
    assert len({id(prepared.idle_frame(position)) for position in range(1000)}) == 1


def test_a_calm_face_speaks_as_it_blinks(avatar: Avatar, motion: PortraitMotion) -> None:
    engine = PortraitEngine()
    calm = engine.prepare(avatar).without_idle_motion()
    shut_at = blinking(motion)
    open_at = next(p for p in range(shut_at, 1000) if not blink_at(motion._seed, p))
    window = loud_window(SPAN)
    awake, blinks = engine.render([Job(calm, window, open_at), Job(calm, window, shut_at)])
    rest, closed = calm.idle_frame(open_at), calm.idle_frame(shut_at)
    assert (awake != rest).any(), "it speaks"
    assert ((blinks != awake) == (closed != rest)).all(), "what the lids change, and nothing else"
