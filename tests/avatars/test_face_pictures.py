"""Uploads: what becomes an avatar, and each way in which one is refused."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from app.assets import DEFAULT_PICTURE
from app.avatars.photograph import Photograph
from app.avatars.picture import MAX_BYTES, PictureError, read_picture
from app.avatars.store import DEFAULT_ID, AvatarFixed, AvatarStore, NoSuchAvatar, StoreFull
from app.faces.face import FaceFinder
from app.faces.mesh import (
    CHIN,
    LEFT_CORNER,
    LEFT_EYE,
    LOWER_LIP_BOTTOM,
    LOWER_LIP_EDGE,
    RIGHT_CORNER,
    RIGHT_EYE,
    UPPER_LIP_EDGE,
    UPPER_LIP_TOP,
)

LIPS, EYES = [RIGHT_CORNER, LEFT_CORNER, UPPER_LIP_TOP, LOWER_LIP_BOTTOM], [RIGHT_EYE, LEFT_EYE]


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


@pytest.fixture(scope="module")
def default() -> PillowImage.Image:
    return PillowImage.open(DEFAULT_PICTURE).convert("RGB")


def encoded(image: PillowImage.Image, format: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def refusal(data: bytes, finder: FaceFinder) -> PictureError:
    with pytest.raises(PictureError) as caught:
        read_picture(data, finder, 1080)
    assert str(caught.value).endswith(".") and len(str(caught.value)) > 20
    return caught.value


def test_the_default_avatar_has_a_mesh_with_closed_lips(finder: FaceFinder, default: PillowImage.Image) -> None:
    found = read_picture(DEFAULT_PICTURE.read_bytes(), finder, 1080)
    assert found.image.shape[0] >= 768 and found.image.shape[1] >= 768 and found.notice is None
    width = np.linalg.norm(found.mesh[RIGHT_CORNER] - found.mesh[LEFT_CORNER])
    assert width > 90
    assert np.linalg.norm(found.mesh[UPPER_LIP_EDGE] - found.mesh[LOWER_LIP_EDGE]) < 0.06 * width
    assert found.mesh[EYES, 1].max() < found.mesh[LIPS, 1].min() < found.mesh[CHIN, 1]


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_every_format_is_read(format: str, finder: FaceFinder, default: PillowImage.Image) -> None:
    found = read_picture(encoded(default, format), finder, 1080)
    assert found.image.shape == (768, 768, 3)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "LA", "CMYK"])
def test_every_colour_mode_is_read(mode: str, finder: FaceFinder, default: PillowImage.Image) -> None:
    image = default.convert("RGB").convert(mode) if mode != "LA" else default.convert("L").convert("LA")
    found = read_picture(encoded(image, "JPEG" if mode == "CMYK" else "PNG"), finder, 1080)
    assert found.image.shape == (768, 768, 3) and found.image.dtype == np.uint8


def test_a_picture_taken_sideways_is_turned_upright(finder: FaceFinder, default: PillowImage.Image) -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = 6  # turn right to see it upright
    data = encoded(default.resize((768, 900)).rotate(90, expand=True), "JPEG", exif=exif)
    found = read_picture(data, finder, 1080)
    assert found.image.shape[:2] == (900, 768)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_as_pillow_turns_it(orientation: int, finder: FaceFinder) -> None:
    from PIL import ImageOps

    rng = np.random.default_rng(0)
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    noise = PillowImage.fromarray(rng.integers(0, 255, (80, 120, 3), np.uint8))
    data = encoded(noise, "PNG", exif=exif)
    expected = ImageOps.exif_transpose(PillowImage.open(io.BytesIO(data)))
    assert (Photograph(data).whole(1080).image[:, :, ::-1] == np.asarray(expected)).all()


def test_damaged_exif_data_does_not_matter(finder: FaceFinder, default: PillowImage.Image) -> None:
    for junk in (b"Exif\0\0II*\0\x08\0\0\0\xff\xff", b"Exif\0\0" + bytes(range(200))):
        data = encoded(default.resize((400, 400)), "JPEG", exif=junk)
        assert read_picture(data, finder, 1080).image.shape == (400, 400, 3)


def test_large_pictures_are_scaled_down_and_odd_sides_made_even(finder: FaceFinder, default: PillowImage.Image) -> None:
    assert read_picture(encoded(default.resize((1500, 2000))), finder, 1080).image.shape == (1080, 810, 3)
    assert read_picture(encoded(default.resize((601, 603))), finder, 1080).image.shape == (602, 600, 3)


def test_of_several_faces_the_largest_speaks_and_it_says_so(finder: FaceFinder, default: PillowImage.Image) -> None:
    group = PillowImage.new("RGB", (1200, 768), "gray")
    group.paste(default, (0, 0))
    group.paste(default.resize((430, 430)), (768, 200))
    found = read_picture(encoded(group), finder, 1080)
    assert found.notice is not None and "2 faces" in found.notice
    assert found.mesh[:, 0].max() < 768 * 0.9


def test_refusals(finder: FaceFinder, default: PillowImage.Image) -> None:
    assert refusal(b"", finder).code == "not_an_image"
    assert refusal(b"%PDF-1.7 not a picture", finder).code == "not_an_image"
    assert refusal(encoded(default, "GIF"), finder).code == "not_an_image"
    assert refusal(bytes(MAX_BYTES + 1), finder).code == "picture_too_large"
    blank = PillowImage.new("RGB", (400, 400), "teal")
    assert refusal(encoded(blank), finder).code == "no_face"
    assert refusal(encoded(PillowImage.new("RGB", (4000, 1), "teal")), finder).code == "no_face"
    distant = PillowImage.new("RGB", (900, 900), "gray")
    distant.paste(default.resize((150, 150)), (300, 300))
    assert refusal(encoded(distant), finder).code == "face_too_small"


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_a_file_cut_short_is_refused(format: str, share: float, finder: FaceFinder, default: PillowImage.Image) -> None:
    data = encoded(default, format)
    assert refusal(data[: int(len(data) * share)], finder).code in ("image_truncated", "not_an_image")


def test_forty_megapixels_are_refused_before_decoding(finder: FaceFinder) -> None:
    data = encoded(PillowImage.new("1", (8000, 5001)))
    assert len(data) < 10_000
    assert refusal(data, finder).code == "too_many_pixels"
    bomb = encoded(PillowImage.new("1", (30_000, 30_000)))
    assert refusal(bomb, finder).code == "too_many_pixels"


@pytest.fixture
def store(tmp_path: Path, finder: FaceFinder) -> AvatarStore:
    return AvatarStore(tmp_path, finder, 1080, max_avatars=2)


def test_an_avatar_survives_a_restart(
    store: AvatarStore, tmp_path: Path, finder: FaceFinder, default: PillowImage.Image
) -> None:
    added = store.add(encoded(default.resize((500, 500))), "Ann")
    again = AvatarStore(tmp_path, finder, 1080, 2)
    assert [info.name for info in again.all()] == ["Default", "Ann"]
    avatar = again.load(added.id)
    assert avatar.image.shape == (500, 500, 3) and avatar.mesh.shape == (468, 2)
    assert np.abs(avatar.mesh - store.load(DEFAULT_ID).mesh * 500 / 768).max() < 6
    assert again.picture_file(added.id).is_file()


def test_the_same_picture_is_kept_once(store: AvatarStore, default: PillowImage.Image) -> None:
    data = encoded(default.resize((400, 400)))
    assert store.add(data, "Ann").id == store.add(data, "Bob").id
    assert len(store.all()) == 2


def test_a_full_store_takes_no_more(store: AvatarStore, default: PillowImage.Image) -> None:
    for side in (400, 420):
        store.add(encoded(default.resize((side, side))), "x")
    with pytest.raises(StoreFull):
        store.add(encoded(default.resize((440, 440))), "x")


def test_deleting(store: AvatarStore, default: PillowImage.Image) -> None:
    added = store.add(encoded(default.resize((400, 400))), "Ann")
    store.delete(added.id)
    assert len(store.all()) == 1
    for missing in (added.id, "0" * 24, "../../etc", ""):
        with pytest.raises(NoSuchAvatar):
            store.delete(missing)
        with pytest.raises(NoSuchAvatar):
            store.load(missing)
    with pytest.raises(AvatarFixed):
        store.delete(DEFAULT_ID)


def test_what_was_half_deleted_can_be_uploaded_again(
    store: AvatarStore, tmp_path: Path, default: PillowImage.Image
) -> None:
    data = encoded(default.resize((400, 400)))
    added = store.add(data, "Ann")
    (tmp_path / "avatars" / added.id / "avatar.json").unlink()
    assert store.add(data, "Ann").id == added.id
    assert len(store.all()) == 2


def test_simultaneous_deletions_and_uploads_leave_a_whole_store(store: AvatarStore, default: PillowImage.Image) -> None:
    data = encoded(default.resize((300, 300)))
    id = store.add(data, "Ann").id

    def delete(_: int) -> str:
        try:
            store.delete(id)
            return "deleted"
        except NoSuchAvatar:
            return "missing"

    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            assert sorted(pool.map(delete, range(4))) == ["deleted", "missing", "missing", "missing"]
            assert len(set(pool.map(lambda _: store.add(data, "Ann").id, range(3)))) == 1


def test_a_damaged_folder_is_left_out(store: AvatarStore, tmp_path: Path, default: PillowImage.Image) -> None:
    added = store.add(encoded(default.resize((400, 400))), "Ann")
    (tmp_path / "avatars" / added.id / "avatar.json").write_text("{")
    assert [info.id for info in store.all()] == [DEFAULT_ID]


def test_a_refused_upload_leaves_nothing_behind(store: AvatarStore, tmp_path: Path) -> None:
    with pytest.raises(PictureError):
        store.add(b"nothing", "x")
    assert not (tmp_path / "avatars").exists()
