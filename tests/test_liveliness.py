"""A picture's own life, drawn: where it moves, where it does not, and how smoothly."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.inference.engine import Clip, Portrait
from app.inference.eyes import EyeFinder, EyeOutline
from app.inference.portrait.area import Area
from app.inference.portrait.eyelids import close_eyelids
from app.inference.portrait.head import make_head, move_head, patch_head
from app.inference.portrait.life import MOST, Moment, moment
from app.inference.portrait.liveliness import Liveliness, life_of
from app.inference.portrait.resampler import finer, look_up
from app.media import Image

EYES = EyeFinder()
FAR = Moment(0.0, 1.0, float(MOST[0]), float(-MOST[1]), float(MOST[2]))


@pytest.fixture(scope="module")
def lively(portrait: Portrait) -> Liveliness:
    return Liveliness(portrait.image, portrait.mesh, EYES)


def difference(a: Image, b: Image) -> np.ndarray:
    return np.abs(a.astype(int) - b).max(axis=2)


def placed(portrait: Portrait, width: int, height: int, scale: float, x: float, y: float) -> tuple[Image, np.ndarray]:
    """The bundled face in a larger or smaller picture, its corner at x, y."""
    move = np.array([[scale, 0, x], [0, scale, y]], np.float32)
    image = cv2.warpAffine(portrait.image, move, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(image, np.uint8), (portrait.mesh * scale + (x, y)).astype(np.float32)


def blinking(lively: Liveliness) -> int:
    return next(p for p in range(1000) if moment(lively._seed, p, 0.0).blink > 0.97)


def test_the_same_moment_of_the_same_picture_is_the_same_to_the_bit(portrait: Portrait, lively: Liveliness) -> None:
    again = Liveliness(portrait.image.copy(), portrait.mesh.copy(), EyeFinder())
    for position in (70, 700, blinking(lively), 100_000):
        assert (lively.apply(portrait.image, position, 0.2) == again.apply(again._image, position, 0.2)).all()


def test_the_first_picture_is_the_portrait_itself(portrait: Portrait, lively: Liveliness) -> None:
    assert lively.apply(portrait.image, 0, 0.0) is portrait.image


def test_a_picture_that_is_given_is_never_written_to(portrait: Portrait, lively: Liveliness) -> None:
    before = portrait.image.copy()
    lively.apply(portrait.image, blinking(lively), 0.5)
    assert (portrait.image == before).all()


def test_the_picture_s_border_never_moves(portrait: Portrait, lively: Liveliness) -> None:
    border = np.ones(portrait.image.shape[:2], bool)
    border[4:-4, 4:-4] = False
    for position in range(50, 3000, 71):
        assert difference(lively.apply(portrait.image, position, 1.0), portrait.image)[border].max() == 0


def test_from_one_picture_to_the_next_little_changes(portrait: Portrait, lively: Liveliness) -> None:
    calm = [p for p in range(200, 400) if not moment(lively._seed, p, 0.0).blink]
    for position in [p for p in calm if p + 1 in calm][:40]:
        step = np.abs(
            lively.apply(portrait.image, position, 0.0).astype(int) - lively.apply(portrait.image, position + 1, 0.0)
        )
        assert step.mean() < 0.5 and np.percentile(step, 99.9) < 25


def test_a_blink_closes_the_eyes_and_leaves_the_rest_alone(portrait: Portrait, lively: Liveliness) -> None:
    assert len(lively._eyelids) == 2
    closed = portrait.image.copy()
    for lids in lively._eyelids:
        close_eyelids(closed, lids, 1.0)
    changed = difference(closed, portrait.image) > 0
    inside = np.zeros_like(changed)
    for lids in lively._eyelids:
        inside[lids.area.at] = True
        open_before = (lids.y > lids.upper) & (lids.y < lids.upper + lids.opening) & (lids.opening > 0.1)
        was, now = portrait.image[lids.area.at][open_before], closed[lids.area.at][open_before]
        assert now.min(axis=1).max() < was.min(axis=1).max() - 20, "no white of the eye is left"
    assert changed.any() and not (changed & ~inside).any()
    rim = inside & (cv2.erode(inside.astype(np.uint8), np.ones((5, 5))) == 0)
    assert difference(closed, portrait.image)[rim].max() <= 2, "no seam around an eye"
    brow = portrait.mesh[[105, 334]].astype(int)
    assert all(not changed[y, x] for x, y in brow)


def test_an_eye_that_closes_by_nothing_is_the_picture(portrait: Portrait, lively: Liveliness) -> None:
    same = portrait.image.copy()
    for lids in lively._eyelids:
        close_eyelids(same, lids, 0.0)
    assert (same == portrait.image).all()


def test_what_the_mouth_has_changed_moves_along(portrait: Portrait, lively: Liveliness) -> None:
    head = make_head(portrait.image, portrait.mesh)
    assert head is not None
    whole = move_head(portrait.image, head, FAR)
    mouth = Area(*portrait.mesh[[61, 0]].min(axis=0).astype(int), *portrait.mesh[[291, 17]].max(axis=0).astype(int))
    assert (patch_head(whole, portrait.image, head, FAR, [mouth]) == whole).all(), (
        "what was prepared is but a short cut"
    )
    posed = portrait.image.copy()
    posed[mouth.at] = 0
    alive = lively.apply(posed, 777, 0.5)
    dark = (alive < 60).all(axis=2) & (difference(alive, lively.apply(portrait.image, 777, 0.5)) > 0)
    assert dark.sum() == pytest.approx((mouth.right - mouth.left) * (mouth.bottom - mouth.top), rel=0.05)
    shifted = np.argwhere(dark).mean(axis=0) - np.argwhere((posed == 0).all(axis=2)).mean(axis=0)
    assert 0.1 < np.abs(shifted).max() < 8
    far = difference(alive, lively.apply(portrait.image, 777, 0.5))
    far[mouth.grown(12).at] = 0
    assert far.max() == 0, "elsewhere it is the same as at rest"


def test_movement_keeps_the_sharpness() -> None:
    """A detail of six pixels loses no more between the pixels than on them, by 6 %; a linear lookup takes 13 %."""
    x = np.arange(96)
    image = np.repeat((128 + 90 * np.sin(2 * np.pi * x / 6))[None, :, None], 64, 0).repeat(3, 2).astype(np.uint8)
    at = np.stack(np.meshgrid(2 * x, 2 * np.arange(64)), axis=2).astype(np.int16)
    fine = finer(image)
    contrast = []
    for eighth in range(9):
        offset = np.zeros((64, 96, 2), np.float32)
        offset[..., 0] = eighth / 4
        moved = look_up(fine, offset, at)[10:-10, 12:-12]
        contrast.append(moved.std())
    assert min(contrast) > 0.94 * max(contrast)
    assert (look_up(fine, np.zeros((64, 96, 2), np.float32), at) == image).all()


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
    portrait: Portrait, width: int, height: int, scale: float, x: float, y: float, blinks: tuple[bool, bool]
) -> None:
    image, mesh = placed(portrait, width, height, scale, x, y)
    lively, head = Liveliness(image, mesh, EYES), make_head(image, mesh)
    side = 2 * (1 + int(np.ceil(0.04 * np.ptp(mesh[:, 0])))) + 1
    reach = np.ones((side, side))
    for position in (200, 300, blinking(lively)):
        now = moment(lively._seed, position, 1.0)
        awake = image if head is None else move_head(image, head, now)
        assert (awake >= cv2.erode(image, reach).astype(int) - 32).all(), "nothing goes far"
        assert (awake <= cv2.dilate(image, reach).astype(int) + 32).all()
        drawn = lively.apply(image, position, 1.0)
        assert drawn.shape == image.shape and drawn.dtype == np.uint8
        assert difference(drawn, image)[[0, -1]].max() == 0 and difference(drawn, image)[:, [0, -1]].max() == 0
        blinked = difference(drawn, awake) > 30
        shut = [bool(blinked[area.at].any()) for area in eye_areas(mesh, image)]
        assert tuple(shut) == (blinks if now.blink else (False, False))
        for area in eye_areas(mesh, image):
            blinked[area.at] = False
        assert not blinked.any(), "only eyes blink"


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
    portrait: Portrait, lively: Liveliness, degrees: float
) -> None:
    turn = cv2.getRotationMatrix2D((384, 384), degrees, 0.9)

    def turned(image: Image) -> Image:
        return np.asarray(cv2.warpAffine(image, turn, (768, 768), borderMode=cv2.BORDER_REFLECT), np.uint8)

    def shut(image: Image, alive: Liveliness) -> Image:
        closed = image.copy()
        for lids in alive._eyelids:
            close_eyelids(closed, lids, 1.0)
        return closed

    mesh = (portrait.mesh @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
    image, wanted = turned(portrait.image), turned(shut(portrait.image, lively))
    tilted = Liveliness(image, mesh, EYES)
    assert len(tilted._eyelids) == 2
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
    portrait: Portrait, eyes: SeenEyes, count: int
) -> None:
    assert len(Liveliness(portrait.image, portrait.mesh, eyes)._eyelids) == count


def test_closed_eyes_do_not_blink(portrait: Portrait, lively: Liveliness) -> None:
    shut = portrait.image.copy()
    for lids in lively._eyelids:
        close_eyelids(shut, lids, 1.0)
    assert Liveliness(shut, portrait.mesh, EYES)._eyelids == []


def test_a_video_has_a_life_of_its_own(portrait: Portrait) -> None:
    video = Portrait("v", "v", portrait.image, portrait.mesh, Clip(portrait.image[None], portrait.mesh[None]))
    assert life_of(video, EYES) is None and isinstance(life_of(portrait, EYES), Liveliness)
