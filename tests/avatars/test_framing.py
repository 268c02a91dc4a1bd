"""Pictures that are cropped and get another background: what comes out, and each way in which that is refused."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageOps

from app.avatars import person_of
from app.avatars.avatar import Avatar
from app.avatars.avatar_info import AvatarInfo
from app.avatars.background import BLURRED, GREEN, GREEN_SCREEN, KEEP, TRANSPARENT, Background, background_of
from app.avatars.framing import AS_IT_IS, Framing, framing_of
from app.avatars.mask_file import MASK, read_mask
from app.avatars.photograph import Photograph, PictureError
from app.avatars.picture import read_picture
from app.avatars.reframed import with_background
from app.avatars.shared_store import SharedAvatarStore
from app.avatars.store import DEFAULT_ID, AvatarStore
from app.faces.crop import Box, crop_to_face
from app.faces.face import FaceFinder
from app.faces.mesh import CHIN, FOREHEAD
from app.media import Image
from tests.faces.scenes import HAIR, before, clouds, person, window
from tests.films import film
from tests.stores import Tried


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


def png(image: Image) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def wide(width: int, height: int, scale: float, left: int) -> bytes:
    """The person, smaller, in a large picture of a room, at its lower edge."""
    room = cv2.resize(window().astype(np.float32), (width, height))
    colours, mask, _ = person()
    size = (round(768 * scale), round(768 * scale))
    share = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)[..., None] / 255
    place = room[height - size[1] :, left : left + size[0]]
    place += share * (cv2.resize(colours, size, interpolation=cv2.INTER_AREA) - place)
    return png(room.astype(np.uint8))


def refusal(data: bytes, finder: FaceFinder, framing: Framing) -> PictureError:
    with pytest.raises(PictureError) as caught:
        read_picture(data, finder, 1080, framing)
    assert str(caught.value).endswith(".")
    return caught.value


@pytest.mark.parametrize(("shape", "aspect"), [("portrait", 3 / 4), ("square", 1), ("landscape", 16 / 9)])
def test_a_small_face_in_a_large_picture_is_cropped_from_its_own_pixels(
    shape: str, aspect: float, finder: FaceFinder
) -> None:
    data = wide(3200, 1800, 1.0, 1900)
    found = read_picture(data, finder, 2000, framing_of(shape, "keep"))
    height, width = found.image.shape[:2]
    assert width / height == pytest.approx(aspect, rel=0.01) and width % 4 == height % 4 == 0
    small = read_picture(data, finder, 1080)
    face, was = (float(np.linalg.norm(each.mesh[CHIN] - each.mesh[FOREHEAD])) for each in (found, small))
    assert 300 < face < 340, "neither enlarged nor made smaller"
    assert face > 2.5 * was, "uncropped, the picture is made smaller to fit"


def test_a_crop_is_made_smaller_to_fit_and_never_larger(finder: FaceFinder) -> None:
    data = wide(3200, 1800, 1.0, 1900)
    assert max(read_picture(data, finder, 512, framing_of("portrait", "keep")).image.shape) == 512
    tiny = read_picture(wide(900, 600, 0.4, 300), finder, 1080, framing_of("square", "keep"))
    assert max(tiny.image.shape) < 400
    assert tiny.notice is not None and "soft" in tiny.notice


def test_a_crop_without_room_is_refused(finder: FaceFinder) -> None:
    close = np.ascontiguousarray(before(window())[120:560, 250:520])
    assert refusal(png(close), finder, framing_of("landscape", "keep")).code == "crop_impossible"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_parts_of_turned_pictures_are_the_parts_that_are_seen(orientation: int) -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    noise = PillowImage.fromarray(np.random.default_rng(0).integers(0, 255, (80, 120, 3), np.uint8))
    out = io.BytesIO()
    noise.save(out, "PNG", exif=exif)
    photograph = Photograph(out.getvalue())
    upright = np.asarray(ImageOps.exif_transpose(PillowImage.open(io.BytesIO(out.getvalue()))))
    height, width = upright.shape[:2]
    assert photograph.size == (width, height)
    mesh = np.zeros((468, 2), np.float32)
    box = crop_to_face(mesh, width, height, "square")
    assert box is not None
    part = photograph.part(Box(8 / width, 20 / height, 48 / width, 60 / height, box.aspect), 1080)
    assert (part.image[:, :, ::-1] == upright[20:60, 8:48]).all()


def test_a_plain_background_is_plain_and_the_face_stays(finder: FaceFinder) -> None:
    image = before(window())
    found = read_picture(png(image), finder, 1080, framing_of("keep", "#1f6feb"))
    assert (found.image[:40] == (0xEB, 0x6F, 0x1F)).all()
    assert (found.image[250:480, 320:440] == image[250:480, 320:440]).all()
    assert found.mask is not None and found.mask.shape == (768, 768) and found.notice is None


def test_a_blurred_background_is_the_pictures_own_without_the_person(finder: FaceFinder) -> None:
    found = read_picture(png(before(window())), finder, 1080, Framing(background=BLURRED))
    was, now = (cv2.Laplacian(image[:50], cv2.CV_32F).std() for image in (before(window()), found.image))
    assert now < 0.5 * was
    beside = found.image[300:400, 100:150].astype(float).mean(axis=(0, 1))
    assert beside.min() > 200, "the window, and no brown of the hair"


def test_another_picture_fills_the_background(finder: FaceFinder) -> None:
    wall = np.zeros((300, 900, 3), np.uint8)
    wall[:, :450], wall[:, 450:] = (200, 40, 40), (40, 40, 200)
    framing = Framing(background=Background("picture", picture=png(wall)))
    found = read_picture(png(before(window())), finder, 1080, framing)
    assert np.abs(found.image[5, 5].astype(int) - (200, 40, 40)).max() < 6
    assert np.abs(found.image[5, -5].astype(int) - (40, 40, 200)).max() < 6


def test_a_background_that_is_no_picture_is_refused_as_one(finder: FaceFinder) -> None:
    framing = Framing(background=Background("picture", picture=b"nothing"))
    assert refusal(png(before(window())), finder, framing).code == "not_an_image"


def test_who_cannot_be_told_from_the_wall_is_not_cut_out_of_it(finder: FaceFinder) -> None:
    data = png(before(clouds(40, 10, HAIR)))
    assert refusal(data, finder, Framing(background=GREEN_SCREEN)).code == "mask_unsure"
    assert read_picture(data, finder, 1080).mask is None, "as it is, it is as good as any"


def test_an_uncertain_edge_is_said(finder: FaceFinder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(person_of, "GOOD", 1.1)
    found = read_picture(png(before(window())), finder, 1080, Framing(background=GREEN_SCREEN))
    assert found.notice is not None and "uncertain" in found.notice


def test_a_pictures_own_transparency_is_the_mask_whatever_its_colours(finder: FaceFinder) -> None:
    colours, mask, _ = person()
    cut = png(np.dstack([colours, mask]).astype(np.uint8))
    kept = read_picture(cut, finder, 1080)
    assert kept.mask is not None and (kept.mask == mask).all()
    green = read_picture(cut, finder, 1080, Framing(background=GREEN_SCREEN))
    assert green.mask is not None and (green.mask == mask).all()
    assert (green.image[:40] == GREEN).all()
    cropped = read_picture(cut, finder, 1080, framing_of("portrait", "green"))
    assert cropped.mask is not None and cropped.mask.shape == cropped.image.shape[:2]


@pytest.mark.parametrize(("crop", "background", "code"), [
    ("round", "keep", "bad_crop"), ("", "keep", "bad_crop"), ("keep", "puce", "bad_background"),
    ("keep", "#12345", "bad_background"), ("keep", "#1234567", "bad_background"), ("keep", "#12345g", "bad_background"),
    ("keep", "transparent", "bad_background"), ("keep", "/etc/passwd", "bad_background"),
])  # fmt: skip
def test_words_that_mean_nothing_are_refused(crop: str, background: str, code: str) -> None:
    with pytest.raises(PictureError) as caught:
        framing_of(crop, background)
    assert caught.value.code == code


def test_a_colour_is_read_as_it_is_written_everywhere() -> None:
    assert background_of("#1F6feb") == Background("plain", (0xEB, 0x6F, 0x1F))
    assert background_of("green") == GREEN_SCREEN and background_of("keep") == KEEP


def test_each_framing_of_a_file_is_an_avatar_of_its_own_and_is_there_after_a_restart(
    finder: FaceFinder, tmp_path: Path
) -> None:
    def store() -> AvatarStore:
        return AvatarStore(tmp_path, finder, 1080, 10)

    data = png(before(window()))
    words = (("portrait", "keep"), ("portrait", "green"), ("keep", "#00b140"))
    framings = (AS_IT_IS, *(framing_of(*pair) for pair in words))
    added = [store().add(data, "x", framing=framing) for framing in framings]
    assert len({info.id for info in added}) == 4
    assert store().add(data, "x", framing=framings[2]).id == added[2].id, "once"
    loaded = [store().load(info.id) for info in added]
    assert [avatar.mask is not None for avatar in loaded] == [False, False, True, True]
    assert loaded[2].mask is not None and loaded[2].mask.shape == (added[2].height, added[2].width)


def test_a_mask_that_is_another_pictures_damages_its_avatar(finder: FaceFinder, tmp_path: Path) -> None:
    store = AvatarStore(tmp_path, finder, 1080, 10)
    info = store.add(png(before(window())), "x", framing=framing_of("keep", "green"))
    place = tmp_path / "avatars" / info.id
    for damage in (b"", b"nonsense", png(np.zeros((10, 10), np.uint8))):
        (place / MASK).write_bytes(damage)
        with pytest.raises(ValueError, match=MASK):
            read_mask(place, AvatarInfo(info.id, "x", info.width, info.height))


def test_another_node_has_the_mask_too(tried: Tried, finder: FaceFinder, tmp_path: Path) -> None:
    one, other = (
        SharedAvatarStore(tmp_path / name, finder, 512, 10, tried.connect(tmp_path / name), spare_bytes=0)
        for name in ("one", "other")
    )
    info = one.add(png(before(window())), "x", framing=framing_of("square", "green"))
    other.refresh()
    here, there = one.load(info.id), other.load(info.id)
    assert here.mask is not None and there.mask is not None
    assert (here.mask == there.mask).all() and (here.image == there.image).all()


def test_videos_are_not_framed(finder: FaceFinder, tmp_path: Path, avatar: Avatar) -> None:
    path = tmp_path / "film.mp4"
    film(path)
    store = AvatarStore(tmp_path, finder, 1080, 10)
    square = framing_of("square", "keep")
    for add in (lambda: store.add(path, "x", framing=square), lambda: store.preview(path, AS_IT_IS)):
        with pytest.raises(PictureError) as caught:
            add()
        assert caught.value.code == "framing_of_video"


def test_the_bundled_avatar_stands_before_anything_and_its_picture_is_left_alone(avatar: Avatar) -> None:
    green, notices = with_background(avatar, GREEN_SCREEN)
    assert notices == [] and (green.image[:40] == GREEN).all() and (avatar.image[:40] != GREEN).any()
    assert with_background(avatar, KEEP) == (avatar, [])
    again, _ = with_background(green, background_of("#1f6feb"))
    assert again.mask is green.mask, "found once"
    rim = (again.image[..., 1].astype(int) - again.image[..., 2] > 90) & (again.image[..., 0] < 120)
    assert rim.mean() < 1e-3, "nothing of the green is left"


def test_what_is_transparent_still_has_the_persons_colours_at_its_edge(avatar: Avatar) -> None:
    cut, _ = with_background(avatar, TRANSPARENT)
    assert cut.transparent and cut.mask is not None and not avatar.transparent
    edge = (cut.mask > 20) & (cut.mask < 120)
    assert cut.image[edge].mean() < 110, "hair, not the grey wall"
    assert cut.image[:8, :8].max() == 0
    assert replace(cut, transparent=False).mask is cut.mask


def test_a_preview_is_what_the_avatar_will_be_and_keeps_nothing(finder: FaceFinder, tmp_path: Path) -> None:
    store, path = AvatarStore(tmp_path, finder, 1080, 10), tmp_path / "x.png"
    path.write_bytes(wide(3200, 1800, 1.0, 1900))
    framing = framing_of("portrait", "blur")
    preview = store.preview(path, framing)
    shown = cv2.imdecode(np.frombuffer(preview.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None and max(shown.shape) <= 640
    assert [info.id for info in store.all()] == [DEFAULT_ID]
    info = store.add(path, "x", framing=framing)
    assert (info.width, info.height) == (preview.width, preview.height)
