"""Eyes that move, lids that follow, brows, and the mouth's corners, as they are drawn; and what is left as it is."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from app.avatars.avatar import Avatar
from app.avatars.bundled import BUNDLED_IDS, bundled_avatar
from app.emphasis import CALM
from app.faces.depth import DepthFinder
from app.faces.eyes import EyeFinder
from app.faces.face import FaceFinder
from app.faces.mesh import LEFT_CORNER, LEFT_EYE_CORNERS, RIGHT_CORNER, RIGHT_EYE_CORNERS
from app.i420 import from_bgr, planes_of, to_bgr
from app.inference.engines.portrait.brows import make_brows
from app.inference.engines.portrait.corners import make_corners
from app.inference.engines.portrait.eye_pixels import draw_upper
from app.inference.engines.portrait.eyelids import make_eyelids
from app.inference.engines.portrait.field import CELL_PX, Swing, field_of, still_field
from app.inference.engines.portrait.head import move_head
from app.inference.engines.portrait.idle_motion import PortraitMotion
from app.inference.engines.portrait.lid_pixels import POSE
from app.inference.engines.portrait.look import Look
from app.inference.engines.portrait.upper_face import NO_BROWS
from app.inference.expression import Expression
from app.media import Image

EYES, DEPTHS = EyeFinder(), DepthFinder()
BROWS = ((46, 53, 52, 65, 55, 70, 63, 105, 66, 107), (276, 283, 282, 295, 285, 300, 293, 334, 296, 336))


@pytest.fixture(scope="module")
def motion(avatar: Avatar) -> PortraitMotion:
    return PortraitMotion(avatar.image, avatar.mesh, EYES, DEPTHS)


def drawn(motion: PortraitMotion, look: Look) -> Image:
    picture = motion.still.copy()
    motion._upper.draw(picture, look, motion._still_field)
    return to_bgr(picture)


def dark_middle(image: Image, motion: PortraitMotion) -> np.ndarray:
    """Where each iris is: the middle of what is dark in each eye's opening, pixels."""
    middles = []
    for lids in motion._upper.tables.lids:
        luma = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[lids.area.at].astype(float)
        x, y = lids.eye.places(lids.area)
        upper, opening = (np.interp(x, lids.eye.x, line) for line in (lids.upper, lids.opening))
        inside = (y > upper + 0.07) & (y < upper + opening - 0.07) & (np.abs(x) < 0.42)
        weights = np.where(inside, np.maximum(0, 120 - luma), 0)
        rows, columns = np.mgrid[: luma.shape[0], : luma.shape[1]]
        middles.append([(weights * columns).sum() / weights.sum(), (weights * rows).sum() / weights.sum()])
    return np.array(middles)


def test_an_unmoved_face_that_is_drawn_is_the_picture_to_the_bit(motion: PortraitMotion) -> None:
    tables, picture = motion._upper.tables, motion.still.copy()
    areas = np.array([lids.area.even().edges for lids in tables.lids], np.int64)
    planes = planes_of(picture)
    poses = np.zeros((len(areas), POSE), np.float32)
    chromas = np.stack([planes.u, planes.v])
    draw_upper(planes.y[None], chromas, tables.ground, NO_BROWS, poses, motion._still_field, CELL_PX, areas)
    assert (picture == motion.still).all() and (chromas == np.stack([planes.u, planes.v])).all()


@pytest.mark.parametrize("degrees", [-8, -4, 4, 8])
def test_both_irises_go_where_the_eyes_look_and_only_the_eyes_change(motion: PortraitMotion, degrees: int) -> None:
    still = to_bgr(motion.still)
    looks = drawn(motion, Look(gaze_x=degrees))
    shift = (dark_middle(looks, motion) - dark_middle(still, motion))[:, 0]
    balls = [ball for ball in motion._upper.tables.balls if ball is not None]
    wanted = np.array([ball.iris.px_a_radian * np.radians(degrees) for ball in balls])
    assert len(balls) == 2 and (np.abs(shift - wanted) < 0.35 * np.abs(wanted) + 0.3).all()
    assert abs(shift[0] - shift[1]) < 0.8, "they look the same way"
    inside = np.zeros(still.shape[:2], bool)
    for lids in motion._upper.tables.lids:
        inside[lids.area.grown(4).at] = True
    assert (looks == still)[~inside].all()


def test_the_white_that_an_iris_leaves_is_white_and_its_rim_leaves_no_ring(motion: PortraitMotion) -> None:
    looks = cv2.cvtColor(drawn(motion, Look(gaze_x=-8)), cv2.COLOR_BGR2GRAY).astype(float)
    for lids, ball in zip(motion._upper.tables.lids, motion._upper.tables.balls, strict=True):
        assert ball is not None
        iris, y = ball.iris, round(ball.iris.y + 2)
        far = iris.px_a_radian * np.radians(8)
        row = looks[y, round(iris.x + iris.radius - far + 3) : round(iris.x + iris.radius + 3)]
        skin = float(cv2.cvtColor(lids.skin_colour.astype(np.uint8).reshape(1, 1, 3), cv2.COLOR_BGR2GRAY)[0, 0])
        assert row.min() > 0.72 * skin and np.abs(np.diff(row, 2)).max() < 26


def test_lids_follow_the_gaze_down_and_up(motion: PortraitMotion) -> None:
    def seen(look: Look) -> float:
        """How much of the eyes' openings is not skin."""
        image, shares = drawn(motion, look).astype(float), []
        for lids in motion._upper.tables.lids:
            off = np.abs(image[lids.area.at] - lids.skin_colour).sum(axis=2)
            x, y = lids.eye.places(lids.area)
            middle = (np.abs(x) < 0.2) & (np.abs(y) < 0.4)
            shares.append((off[middle] > 150).mean())
        return float(np.mean(shares))

    assert seen(Look(gaze_y=7)) < seen(Look()) - 0.005
    assert seen(Look(closure=1.0)) < 0.5 * seen(Look())
    assert seen(Look(upper=-0.13)) > seen(Look()) + 0.005


def test_brows_rise_and_the_lids_the_hair_and_the_nose_stay(avatar: Avatar, motion: PortraitMotion) -> None:
    still = cv2.cvtColor(to_bgr(motion.still), cv2.COLOR_BGR2GRAY)

    def height(image: np.ndarray, brow: tuple[int, ...]) -> float:
        """Where the brow's hair is: its middle row."""
        (left, top), (right, bottom) = avatar.mesh[list(brow)].min(axis=0), avatar.mesh[list(brow)].max(axis=0)
        part = image[int(top) - 14 : int(bottom) + 6, int(left) + 4 : int(right) - 4].astype(float)
        dark = np.maximum(0, np.percentile(part, 70) - part - 15)
        return float((dark.sum(axis=1) * np.arange(len(dark))).sum() / dark.sum())

    raised = drawn(motion, Look(inner=1.0, outer=1.0))
    grey = cv2.cvtColor(raised, cv2.COLOR_BGR2GRAY)
    for brow in BROWS:
        assert 3.0 < height(still, brow) - height(grey, brow) < 12.0
    changed = np.abs(raised.astype(int) - to_bgr(motion.still)).max(axis=2) > 6
    eye = avatar.mesh[[159, 386, 1, 4, 10, 234, 454]].astype(int)
    assert not any(changed[y, x] for x, y in eye)


def test_a_lid_that_comes_down_out_of_the_brow_s_shadow_is_lit_as_the_cheek(avatar: Avatar) -> None:
    def lids_light(image: Image) -> float:
        """How light both closed lids are in their middles."""
        shaded = PortraitMotion(image, avatar.mesh, EYES, DEPTHS)
        grey, lights = cv2.cvtColor(drawn(shaded, Look(closure=1.0)), cv2.COLOR_BGR2GRAY), []
        for lids in shaded._upper.tables.lids:
            x, y = lids.eye.places(lids.area)
            upper, opening = (np.interp(x, lids.eye.x, line) for line in (lids.upper, lids.opening))
            middle = (np.abs(x) < 0.25) & (y > upper) & (y < upper + 0.6 * opening)
            lights.append(float(np.median(grey[lids.area.at][middle])))
        return float(np.mean(lights))

    sockets = np.zeros(avatar.image.shape[:2], np.float32)
    for corners, brow in zip((RIGHT_EYE_CORNERS, LEFT_EYE_CORNERS), BROWS, strict=True):
        cv2.fillConvexPoly(sockets, cv2.convexHull(avatar.mesh[[*corners, *brow]].astype(np.int32)), 1)
    dimmed = avatar.image * (1 - 0.5 * cv2.GaussianBlur(sockets, (0, 0), 6))[..., None]
    light, shade = lids_light(avatar.image), lids_light(dimmed.astype(np.uint8))
    assert 0.6 * light < shade < 1.05 * light, "of the skin that comes down half the light was taken"


def test_around_eyes_and_brows_all_stays_as_the_head_has_moved_it(motion: PortraitMotion) -> None:
    """However far it turns: what is looked up for them ends a few pixels beyond them."""
    assert motion._head is not None
    field = field_of(motion._head.anatomy, Swing(yaw=0.12, pitch=0.06, roll=0.07, dx=0.0, dy=0.0, breath=0.0))
    moved = motion.still.copy()
    move_head(moved, motion._head, field)
    drawn_over = moved.copy()
    motion._upper.draw(drawn_over, Look(inner=1.0, outer=1.0, gaze_x=5.0), field)
    changed = planes_of(drawn_over).y != planes_of(moved).y
    size = (changed.shape[1], changed.shape[0])
    across, down = (cv2.resize(field[1:-2, c, 1:-2], None, fx=CELL_PX, fy=CELL_PX) for c in range(2))
    rows, columns = np.mgrid[: size[1], : size[0]]
    across, down = columns + across[: size[1], : size[0]], rows + down[: size[1], : size[0]]
    near = np.zeros(changed.shape, bool)
    tables = motion._upper.tables
    assert tables.brows is not None
    for area in (tables.brows.area, *(lids.area for lids in tables.lids)):
        left, top, right, bottom = area.grown(4).edges
        near |= (across >= left) & (across < right) & (down >= top) & (down < bottom)
    assert changed[near].sum() > 2000 and not changed[~near].any()


def test_a_smile_lifts_the_corners_and_sorrow_lowers_them(avatar: Avatar, motion: PortraitMotion) -> None:
    assert motion._corners is not None

    def up(amount: float, point: int) -> float:
        assert motion._corners is not None
        x, y = avatar.mesh[point]
        field = motion._corners.field(amount)
        return float(field[round(y / CELL_PX - 0.5) + 1, 1, round(x / CELL_PX - 0.5) + 1])

    width = float(np.linalg.norm(avatar.mesh[LEFT_CORNER] - avatar.mesh[RIGHT_CORNER]))
    for corner in (RIGHT_CORNER, LEFT_CORNER):
        assert 0.03 * width < up(1.0, corner) < 0.09 * width
        assert up(-0.7, corner) < -0.02 * width
        assert abs(up(1.0, 13)) < 0.35 * up(1.0, corner), "the lips' middle stays"
    field = motion._corners.field(1.0)
    assert np.abs(field[:2]).max() == 0 and np.abs(field[-3:]).max() == 0, "nothing moves at the picture's edges"


def test_a_mood_is_seen_at_rest_and_in_all_of_them_the_picture_s_border_stays(motion: PortraitMotion) -> None:
    plain = motion.at_rest(300, CALM)
    for name in ("warm", "serious", "surprised", "sorry"):
        half, whole = (motion.at_rest(300, CALM, Expression(**{name: strength})) for strength in (0.5, 1.0))
        assert 0 < np.abs(half.astype(int) - plain).mean() < np.abs(whole.astype(int) - plain).mean() < 3
        luma, before = planes_of(whole).y, planes_of(motion.still).y
        assert (luma[:4] == before[:4]).all() and (luma[:, -4:] == before[:, -4:]).all()


def glasses(image: Image, mesh: np.ndarray, share: float, colour: tuple[int, int, int]) -> Image:
    worn = image.copy()
    eyes = [mesh[list(corners)].mean(axis=0) for corners in (RIGHT_EYE_CORNERS, LEFT_EYE_CORNERS)]
    width = float(np.linalg.norm(mesh[33] - mesh[133]))
    thick, half = max(1, round(share * width)), (int(0.88 * width), int(0.66 * width))
    for x, y in eyes:
        cv2.ellipse(worn, (int(x), int(y + 0.1 * width)), half, 0, 0, 360, colour, thick, cv2.LINE_AA)
    ends = [(int(x + side * 0.88 * width), int(y)) for (x, y), side in zip(eyes, (1, -1), strict=True)]
    cv2.line(worn, ends[0], ends[1], colour, thick, cv2.LINE_AA)
    return worn


def glare(image: Image, mesh: np.ndarray) -> Image:
    worn = glasses(image, mesh, 0.05, (120, 125, 130))
    width = float(np.linalg.norm(mesh[33] - mesh[133]))
    for corners in (RIGHT_EYE_CORNERS, LEFT_EYE_CORNERS):
        x, y = mesh[list(corners)].mean(axis=0)
        size = (int(0.3 * width), int(0.1 * width))
        cv2.ellipse(worn, (int(x + 0.2 * width), int(y)), size, -30, 0, 360, (245, 250, 250), -1, cv2.LINE_AA)
    return worn


def fringe(image: Image, mesh: np.ndarray) -> Image:
    worn, brows = image.copy(), mesh[[70, 63, 105, 66, 107, 336, 296, 334, 293, 300]] + (0, 6)
    top = float(mesh[:, 1].min()) - 30
    outline = np.vstack([brows, [[brows[-1, 0] + 40, top], [brows[0, 0] - 40, top]]])
    cv2.fillPoly(worn, [outline.astype(np.int32)], (35, 55, 90))
    return worn


def mask(image: Image, mesh: np.ndarray) -> Image:
    worn = image.copy()
    jaw = (234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 195)
    cv2.fillPoly(worn, [mesh[list(jaw)].astype(np.int32)], (215, 190, 150))
    return worn


WORN: dict[str, tuple[Callable[[Image, np.ndarray], Image], bool, bool, bool]] = {
    "nothing": (lambda image, mesh: image, True, True, True),
    "thin glasses": (lambda image, mesh: glasses(image, mesh, 0.05, (120, 125, 130)), True, False, True),
    "thick glasses": (lambda image, mesh: glasses(image, mesh, 0.11, (25, 22, 20)), False, False, True),
    "glasses that glare": (glare, False, False, True),
    "a fringe over the brows": (fringe, True, False, True),
    "a mask": (mask, True, False, False),
    "grey": (lambda image, mesh: np.repeat(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[..., None], 3, 2), True, True, True),
    "painted without a white": (
        lambda image, mesh: np.asarray(cv2.bilateralFilter(cv2.medianBlur(image, 31), 9, 60, 9), np.uint8),
        False,
        False,
        True,
    ),
}


@pytest.mark.parametrize("worn", WORN)
def test_what_would_look_wrong_is_left_out_each_part_by_itself(avatar: Avatar, worn: str) -> None:
    wear, irises, brows, corners = WORN[worn]
    image = np.ascontiguousarray(wear(avatar.image, avatar.mesh))
    upper = PortraitMotion(image, avatar.mesh, EYES, DEPTHS)._upper
    if not worn.startswith("thick"):  # there, either is right
        assert upper.moves_eyes == irises
    assert (upper.tables.brows is not None) == brows
    assert (make_corners(image, avatar.mesh) is not None) == corners


def shaded_temples(image: Image, mesh: np.ndarray) -> Image:
    """A light from the front: the face is darker the further from its middle."""
    middle, reach = float(mesh[9, 0]), float(np.ptp(mesh[:, 0])) / 2
    away = np.abs(np.arange(image.shape[1]) - middle) / reach
    return np.asarray(image * (1 - 0.45 * np.clip(away, 0, 1) ** 2)[None, :, None], np.uint8)


def strands(image: Image, mesh: np.ndarray) -> Image:
    """Hair hangs over the outer half of one brow."""
    worn, x, y = image.copy(), int(mesh[105, 0]), int(mesh[105, 1])
    cv2.rectangle(worn, (int(mesh[70, 0]) - 20, y - 160), (x, y + 4), (60, 95, 140), -1)
    return np.asarray(cv2.GaussianBlur(worn, (0, 0), 1.0), np.uint8)


@pytest.mark.parametrize(("light", "brows"), [(shaded_temples, True), (strands, False)])
def test_brows_move_where_the_forehead_falls_into_shade_and_not_under_hair(
    avatar: Avatar, light: Callable[[Image, np.ndarray], Image], brows: bool
) -> None:
    image = np.ascontiguousarray(light(avatar.image, avatar.mesh))
    assert (make_brows(image, avatar.mesh) is not None) == brows


@pytest.mark.parametrize("id", BUNDLED_IDS)
def test_everybody_in_the_cast_blinks_and_moves_their_brows(id: str) -> None:
    face = bundled_avatar(id, FaceFinder(), 1080)
    assert make_brows(face.image, face.mesh) is not None
    assert len(make_eyelids(face.image, EYES.find(face.image, face.mesh), face.mesh)) == 2


def test_what_is_no_skin_does_not_come_down_over_an_eye(avatar: Avatar) -> None:
    """As where an eye is drawn larger than the mesh's, and a pupil lies where its lid would be."""
    eyes, image = EYES.find(avatar.image, avatar.mesh), avatar.image.copy()
    lid = make_eyelids(image, eyes, avatar.mesh)[0]
    x, y = lid.eye.places(lid.area)
    image[lid.area.at][(np.abs(x) < 0.4) & (y < 0) & (y > -0.7)] //= 6
    assert make_eyelids(image, eyes, avatar.mesh) == []
    shade = np.asarray(avatar.image // 2 + 10, np.uint8)
    assert len(make_eyelids(shade, eyes, avatar.mesh)) == 2


@pytest.mark.parametrize(("scale", "irises", "brows"), [(0.38, True, True), (0.2, False, False), (0.08, False, False)])
def test_small_faces_keep_what_nobody_would_see(avatar: Avatar, scale: float, irises: bool, brows: bool) -> None:
    side = int(768 * scale) & ~1
    image = np.asarray(cv2.resize(avatar.image, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    upper = PortraitMotion(image, (avatar.mesh * side / 768).astype(np.float32), EYES, DEPTHS)._upper
    assert (upper.moves_eyes, upper.tables.brows is not None) == (irises, brows)


def test_a_tilted_face_moves_as_an_upright_one(avatar: Avatar, motion: PortraitMotion) -> None:
    turn = cv2.getRotationMatrix2D((384, 384), 20, 1.0)
    image = np.asarray(cv2.warpAffine(avatar.image, turn, (768, 768), borderMode=cv2.BORDER_REFLECT), np.uint8)
    mesh = (avatar.mesh @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
    look = Look(gaze_x=6, inner=0.8, outer=0.8, upper=-0.1)
    tilted, picture = PortraitMotion(image, mesh, EYES, DEPTHS), from_bgr(image)
    tilted._upper.draw(picture, look, still_field(768, 768))
    wanted = cv2.warpAffine(drawn(motion, look), turn, (768, 768), borderMode=cv2.BORDER_REFLECT).astype(int)
    moved = np.abs(wanted - image).max(axis=2) > 25
    assert moved.sum() > 300
    assert np.abs(to_bgr(picture) - wanted)[moved].mean() < 0.45 * np.abs(wanted - image)[moved].mean()
