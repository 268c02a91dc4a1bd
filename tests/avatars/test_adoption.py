"""Avatars from before there was a store."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from app.assets import DEFAULT_PICTURE
from app.avatars.shared_store import SharedAvatarStore
from app.avatars.store import AvatarStore, NoSuchAvatar
from app.faces.face import FaceFinder
from tests.films import film
from tests.stores import Tried


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


def plain(folder: Path, finder: FaceFinder) -> AvatarStore:
    return AvatarStore(folder, finder, 1080, 5, spare_bytes=0)


def node(tried: Tried, folder: Path, finder: FaceFinder) -> SharedAvatarStore:
    return SharedAvatarStore(folder, finder, 1080, 5, tried.connect(folder), spare_bytes=0)


def picture() -> bytes:
    data = io.BytesIO()
    PillowImage.open(DEFAULT_PICTURE).convert("RGB").resize((200, 200)).save(data, "PNG")
    return data.getvalue()


def test_what_was_there_before_the_store_is_on_every_node(tried: Tried, tmp_path: Path, finder: FaceFinder) -> None:
    before = plain(tmp_path / "old", finder)
    face = before.add(picture(), "Face")
    mouth = before.mouth(face.id).found.copy()
    mouth[-1, 1] += 2
    before.correct_mouth(face.id, mouth)
    film(tmp_path / "short.mp4")
    video = before.add(tmp_path / "short.mp4", "Video")
    one, other = node(tried, tmp_path / "a", finder), node(tried, tmp_path / "b", finder)
    assert one.adopt(tmp_path / "old") == 2 and one.adopt(tmp_path / "old") == 0
    other.refresh()
    assert {info.name for info in other.all()[1:]} == {"Face", "Video"}
    assert np.allclose(other.load(face.id).mesh, before.load(face.id).mesh)
    kept, made = before.load(video.id).video, other.load(video.id).video
    assert kept is not None and made is not None and len(made.frames) == len(kept.frames)
    assert np.array_equal(made.meshes, kept.meshes)
    off = np.abs(made.frames[3].astype(int) - kept.frames[3].astype(int)).mean()
    assert off < 4, "the film is another one"
    for loaded in (kept, made):
        loaded.release()
    assert {info.name for info in before.all()[1:]} == {"Face", "Video"}  # it is still a data folder


def test_what_is_deleted_later_does_not_come_back(tried: Tried, tmp_path: Path, finder: FaceFinder) -> None:
    face = plain(tmp_path / "old", finder).add(picture(), "Face")
    one = node(tried, tmp_path / "a", finder)
    one.adopt(tmp_path / "old")
    one.delete(face.id)
    assert node(tried, tmp_path / "b", finder).adopt(tmp_path / "old") == 0
    with pytest.raises(NoSuchAvatar):
        one.info(face.id)


def test_many_at_once_adopt_each_once(tried: Tried, tmp_path: Path, finder: FaceFinder) -> None:
    face = plain(tmp_path / "old", finder).add(picture(), "Face")
    nodes = [node(tried, tmp_path / str(number), finder) for number in range(4)]
    threads = [threading.Thread(target=each.adopt, args=(tmp_path / "old",)) for each in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [stat.key for stat in tried.connect().list("avatars/") if stat.key.endswith("info.json")] == [
        f"avatars/{face.id}/info.json"
    ]


def test_a_damaged_one_is_left_out(tried: Tried, tmp_path: Path, finder: FaceFinder) -> None:
    before = plain(tmp_path / "old", finder)
    face = before.add(picture(), "Face")
    (tmp_path / "old" / "avatars" / face.id / "picture.png").write_bytes(b"none")
    assert node(tried, tmp_path / "a", finder).adopt(tmp_path / "old") == 0
