"""Avatars that several nodes share: uploaded on one, there on all; whoever else writes, deletes, dies or is away."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from app.assets import DEFAULT_PICTURE
from app.avatars import shared_store, uses
from app.avatars.avatar_info import AvatarInfo
from app.avatars.bundled import BUNDLED_IDS
from app.avatars.damage import AvatarDamaged
from app.avatars.mouth import Points
from app.avatars.mouth_file import MOUTH
from app.avatars.share import Share
from app.avatars.shared_store import SharedAvatarStore
from app.avatars.shelved import VIDEO
from app.avatars.store import DEFAULT_ID, AvatarFixed, NoSuchAvatar, StoreFull
from app.avatars.video import FRAMES
from app.disk import Disk
from app.errors import Refusal
from app.faces.face import FaceFinder
from app.objects.faults import StoreAway
from app.objects.object_store import ObjectStore
from tests.films import film
from tests.stores import Tried

MakeNode = Callable[[str], SharedAvatarStore]


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


@pytest.fixture(scope="module")
def picture() -> bytes:
    return sized(200)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "short.mp4"
    film(path)
    return path


@pytest.fixture
def node(tried: Tried, tmp_path: Path, finder: FaceFinder) -> MakeNode:
    """Make a node with a data folder of its own; with the same name it is that node after a restart."""

    def make(name: str) -> SharedAvatarStore:
        return SharedAvatarStore(tmp_path / name, finder, 1080, 5, tried.connect(tmp_path / name), spare_bytes=0)

    return make


def sized(side: int) -> bytes:
    data = io.BytesIO()
    PillowImage.open(DEFAULT_PICTURE).convert("RGB").resize((side, side)).save(data, "PNG")
    return data.getvalue()


def stored(tried: Tried) -> list[str]:
    return sorted(stat.key for stat in tried.connect().list("avatars/"))


def left(data: Path) -> list[str]:
    folder = data / "avatars"
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def names(store: SharedAvatarStore) -> list[str]:
    return [info.name for info in store.all()]


def lower(store: SharedAvatarStore, id: str) -> Points:
    """A correction: the chin, the last point, two pixels further down."""
    mouth = store.mouth(id).found.copy()
    mouth[-1, 1] += 2
    return mouth


def test_what_one_uploads_the_other_lists_shows_and_loads(node: MakeNode, tmp_path: Path, picture: bytes) -> None:
    here, there = node("a"), node("b")
    there.refresh()
    added = here.add(picture, "Ann")
    assert there.info(added.id) == added, "at once, where somebody asks for it"
    assert there.refresh() == set() and names(there) == ["Default", "Ann"]
    assert not (tmp_path / "b" / "avatars" / added.id).exists(), "nobody needed it yet"
    loaded, own = there.load(added.id), here.load(added.id)
    assert (loaded.image == own.image).all() and (loaded.mesh == own.mesh).all()
    assert there.picture_file(added.id).read_bytes() == here.picture_file(added.id).read_bytes()
    there.use(added.id)
    assert there.add(picture, "Bob") == added, "it is known"


def test_a_video_is_shared_as_it_was_uploaded_and_its_frames_are_made_again(
    node: MakeNode, tried: Tried, tmp_path: Path, short: Path
) -> None:
    here, there = node("a"), node("b")
    added = here.add(short, "Ann")
    sizes = {stat.key.rpartition("/")[2]: stat.bytes for stat in tried.connect().list("avatars/")}
    assert sizes[VIDEO] == short.stat().st_size
    assert sum(sizes.values()) < added.frames * added.width * added.height * 3 / 4
    loaded, own = there.load(added.id), here.load(added.id)
    assert loaded.video is not None and own.video is not None
    assert all((loaded.video.frames[place] == own.video.frames[place]).all() for place in range(added.frames))
    assert (loaded.video.meshes == own.video.meshes).all()
    assert not (tmp_path / "b" / "avatars" / added.id / VIDEO).exists()


def test_a_corrected_mouth_reaches_the_other_and_so_does_taking_it_back(node: MakeNode, picture: bytes) -> None:
    here, there = node("a"), node("b")
    added = here.add(picture, "Ann")
    before = there.load(added.id).mesh
    mouth = lower(here, added.id)
    here.correct_mouth(added.id, mouth)
    assert there.refresh() == {added.id}, "who holds what was made of it must make it anew"
    kept = there.mouth(added.id).corrected
    assert kept is not None and (kept == mouth).all() and (there.load(added.id).mesh != before).any()
    assert (there.load(added.id).mesh == here.load(added.id).mesh).all()
    there.reset_mouth(added.id)
    assert here.refresh() == {added.id}
    assert here.mouth(added.id).corrected is None and (here.load(added.id).mesh == before).all()
    node("c").load(added.id)


def test_a_deleted_avatar_is_gone_everywhere_and_can_be_uploaded_again(
    node: MakeNode, tried: Tried, tmp_path: Path, picture: bytes
) -> None:
    here, there = node("a"), node("b")
    added = here.add(picture, "Ann")
    here.correct_mouth(added.id, lower(here, added.id))
    there.load(added.id)
    here.delete(added.id)
    assert stored(tried) == [] and not (tmp_path / "a" / "avatars" / added.id).exists()
    assert there.refresh() == {added.id} and not (tmp_path / "b" / "avatars" / added.id).exists()
    for ask in (there.load, there.use, there.info, there.delete, there.mouth, there.picture_file):
        with pytest.raises(NoSuchAvatar):
            ask(added.id)
    assert there.add(picture, "Bob").id == added.id
    assert here.mouth(added.id).corrected is None, "nothing of the one before comes back"
    assert names(here) == ["Default", "Bob"]


def test_two_upload_one_picture_at_once(
    node: MakeNode, tried: Tried, picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = node("a"), node("b")
    together = threading.Barrier(2, timeout=60)
    put = ObjectStore.put

    def at_once(self: ObjectStore, key: str, data: bytes | Path, create: bool = False) -> None:
        if create:
            together.wait()
        put(self, key, data, create)

    monkeypatch.setattr(ObjectStore, "put", at_once)
    with ThreadPoolExecutor(2) as pool:
        added = [
            each.result() for each in [pool.submit(here.add, picture, "Ann"), pool.submit(there.add, picture, "Bob")]
        ]
    assert added[0] == added[1] and len(stored(tried)) == 2, "one set of objects"
    for store in (here, there):
        store.refresh()
        assert names(store) == ["Default", added[0].name] and store.load(added[0].id).name == added[0].name


def test_one_deletes_what_another_one_fetches(
    node: MakeNode, tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = node("a"), node("b")
    added = here.add(short, "Ann")
    get_to = ObjectStore.get_to

    def deleted_meanwhile(self: ObjectStore, stat: object, path: Path) -> str:
        if path.name == VIDEO:
            here.delete(added.id)
        return get_to(self, stat, path)  # type: ignore[arg-type]

    monkeypatch.setattr(ObjectStore, "get_to", deleted_meanwhile)
    with pytest.raises(NoSuchAvatar):
        there.load(added.id)
    there.refresh()
    assert left(tmp_path / "b") == []


def test_a_node_that_dies_in_an_upload_leaves_no_avatar(
    node: MakeNode, tried: Tried, tmp_path: Path, picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = ObjectStore.put

    def killed(self: ObjectStore, key: str, data: bytes | Path, create: bool = False) -> None:
        if create:
            raise SystemExit
        put(self, key, data, create)

    with monkeypatch.context() as dying:
        dying.setattr(ObjectStore, "put", killed)
        with pytest.raises(SystemExit):
            node("a").add(picture, "Ann")
    assert len(stored(tried)) == 1
    again, there = node("a"), node("b")
    for store in (again, there):
        store.refresh()
        assert names(store) == ["Default"]
    assert there.add(picture, "Bob").name == "Bob"
    now_ns = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now_ns + 25 * 3600 * 10**9)
    again.sweep()
    assert len(stored(tried)) == 2 and there.load(there.all()[1].id).name == "Bob"


def test_while_the_store_is_away_what_is_known_goes_on_and_all_catches_up(
    node: MakeNode, tried: Tried, tmp_path: Path, picture: bytes
) -> None:
    here, there = node("a"), node("b")
    known, other = here.add(picture, "Ann"), here.add(sized(220), "Bob")
    mouth = lower(here, known.id)
    here.correct_mouth(known.id, mouth)
    before = there.load(known.id)
    there.refresh()
    tried.take_away()
    for store in (there, node("b")):  # and after a restart
        assert "Ann" in names(store) and store.info(known.id) == known
        assert (store.load(known.id).mesh == before.mesh).all(), "with its corrected mouth"
        store.use(known.id)
        refused: list[Callable[[], object]] = [
            lambda store=store: store.add(sized(240), "Cid"),  # type: ignore[misc]
            lambda store=store: store.correct_mouth(known.id, mouth),  # type: ignore[misc]
            lambda store=store: store.reset_mouth(known.id),  # type: ignore[misc]
            lambda store=store: store.delete(known.id),  # type: ignore[misc]
            lambda store=store: store.load(other.id),  # type: ignore[misc]
            store.refresh,
        ]
        for ask in refused:
            with pytest.raises(StoreAway):
                ask()
    assert left(tmp_path / "b") == [known.id], "no half of one"
    tried.give_back()
    here.refresh()
    here.delete(other.id)
    here.reset_mouth(known.id)
    store.refresh()
    assert names(store) == ["Default", "Ann"] and store.mouth(known.id).corrected is None
    assert store.add(sized(240), "Cid").name == "Cid"


def test_the_faces_that_come_with_it_need_no_store(node: MakeNode, tried: Tried, tmp_path: Path) -> None:
    here = node("a")
    for id in BUNDLED_IDS:
        here.use(id)
        assert here.load(id).id == here.info(id).id == id
    here.tell_uses(1)
    assert stored(tried) == [] and left(tmp_path / "a") == [], "nothing was put there, nor fetched"
    tried.take_away()
    for id in BUNDLED_IDS:
        here.use(id)
        assert here.load(id).width == here.info(id).width and here.picture_file(id).is_file()
        for refused in (here.delete, here.reset_mouth):
            with pytest.raises(AvatarFixed, match="comes with Lipwire"):
                refused(id)


def test_a_store_that_goes_away_in_an_upload_leaves_nothing_half_there(
    node: MakeNode, tried: Tried, tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = node("a")
    put = ObjectStore.put
    cut: list[object] = []

    def cut_off(self: ObjectStore, key: str, data: bytes | Path, create: bool = False) -> None:
        if key.endswith(VIDEO) and not cut:
            cut.append(tried.take_away())
        put(self, key, data, create)

    monkeypatch.setattr(ObjectStore, "put", cut_off)
    with pytest.raises(StoreAway):
        here.add(short, "Ann")
    assert left(tmp_path / "a") == []
    tried.give_back()
    here.refresh()
    assert names(here) == ["Default"]
    assert here.add(short, "Ann").name == "Ann" and here.refresh() == set()


def spoil(tried: Tried, added: AvatarInfo, name: str, data: Callable[[bytes], bytes]) -> None:
    store = tried.connect()
    key = next(key for key in stored(tried) if added.id in key and key.endswith(name))
    store.put(key, data(store.get(key, 10**9)))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("picture.png", lambda found: found[:-1] + b"x"),
        ("picture.png", lambda found: found[: len(found) // 2]),
        ("video", lambda found: bytes(len(found))),
        ("meshes.npy", lambda found: found[:-4] + b"\0\0\xc0\x7f"),
        ("info.json", lambda found: b"{}"),
        ("info.json", lambda found: found.replace(b'"frames": 15', b'"frames": 4000')),
        ("info.json", lambda found: found.replace(b'"width": 256', b'"width": 8192')),
        ("info.json", lambda found: found.replace(b'"side": 720', b'"side": 100000')),
    ],
)
def test_a_damaged_avatar_of_the_store_is_told_as_such_and_mended_by_uploading_it_again(
    name: str, data: Callable[[bytes], bytes], node: MakeNode, tried: Tried, tmp_path: Path, short: Path
) -> None:
    here, there = node("a"), node("b")
    added = here.add(short, "Ann")
    spoil(tried, added, name, data)
    there.refresh()
    for _ in range(2):
        with pytest.raises(AvatarDamaged):
            there.load(added.id)
    assert names(there) == ["Default"] and left(tmp_path / "b") == []
    there.add(short, "Bob")
    here.refresh()
    assert names(here) == ["Default", "Bob"]
    for store in (here, there):
        assert store.load(added.id).name == "Bob"


def test_parts_that_are_whole_and_lie_are_damaged_too(
    node: MakeNode, tried: Tried, tmp_path: Path, picture: bytes
) -> None:
    """Somebody who can write the store writes sums that are right, of what is no picture of that size."""
    here, there = node("a"), node("b")
    added = here.add(picture, "Ann")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n and more")
    entry = here._catalogue.entries[added.id]
    here._shelf.withdraw(added.id)
    assert here._shelf.publish(
        added.id, {"picture.png": tmp_path / "other" / "picture.png"}, dict(entry.manifest.details)
    )
    there.refresh()
    with pytest.raises(AvatarDamaged):
        there.load(added.id)
    there.delete(added.id)
    assert stored(tried) == []


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 60_000, b" " * 70_000, b'{"points": [{"name": "chin"}]}'])
def test_a_hostile_mouth_is_as_none(data: bytes, node: MakeNode, tried: Tried, picture: bytes) -> None:
    here, there = node("a"), node("b")
    added = here.add(picture, "Ann")
    here.correct_mouth(added.id, lower(here, added.id))
    spoil(tried, added, MOUTH, lambda found: data)
    there.refresh()
    assert there.mouth(added.id).corrected is None and there.load(added.id).name == "Ann"
    assert here.refresh() == {added.id} and here.mouth(added.id).corrected is None


def test_what_no_avatar_can_be_called_is_left_alone(node: MakeNode, tried: Tried) -> None:
    objects = tried.connect()
    for key in (
        "avatars/info.json",
        "avatars/x/info.json",
        f"avatars/{'A' * 24}/info.json",
        "avatars/default/info.json",
    ):
        objects.put(key, b"{}")
    here = node("a")
    here.refresh()
    assert names(here) == ["Default"] and here.load(DEFAULT_ID).name == "Default"


def test_the_number_and_the_quotas_are_of_all_nodes(node: MakeNode, tried: Tried, picture: bytes) -> None:
    here, there = node("a"), node("b")
    for side in range(200, 210, 2):
        here.add(sized(side), "x", share=Share("ann"))
    with pytest.raises(StoreFull):
        there.add(sized(300), "x")
    for id in [info.id for info in here.all()[3:]]:
        here.delete(id)
    with pytest.raises(Refusal, match="keeps 2 of 2"):
        there.add(sized(300), "x", share=Share("ann", most_avatars=2))
    assert there.bytes_by_owner() == here.bytes_by_owner()
    assert there.bytes_by_owner()["ann"] == sum(stat.bytes for stat in tried.connect().list("avatars/"))
    with pytest.raises(Refusal) as caught:
        there.add(sized(300), "x", share=Share("ann", room_bytes=1000))
    assert caught.value.code == "quota_bytes"


def test_expiry_knows_what_other_nodes_use(node: MakeNode, tried: Tried, tmp_path: Path) -> None:
    if not tried.url.startswith("file:"):
        pytest.skip("nobody can make what an S3 server keeps older; the folder's test covers it")
    here, there = node("a"), node("b")
    old, used, running = (here.add(sized(side), "x").id for side in (200, 202, 204))
    for path in (tmp_path / "store" / "avatars").rglob("*"):
        os.utime(path, ns=(0, time.time_ns() - 6 * uses.DAY_NS))
    there.refresh()
    there.use(used)
    there.tell_uses(5)
    there.use(used)
    there.tell_uses(5)
    assert [used in key for key in stored(tried) if key.endswith("/used")] == [True]
    assert here.expire(5, {running}) == [old]
    there.refresh()
    assert {info.id for info in there.all()} == {DEFAULT_ID, used, running}
    assert left(tmp_path / "a") == [used, running] or left(tmp_path / "a") == [running, used]


def test_copies_make_room_for_others(
    node: MakeNode, tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = node("a"), node("b")
    first, second, video = here.add(sized(200), "x").id, here.add(sized(210), "y").id, here.add(short, "z").id
    for id in (first, second):
        there.load(id)
    folder = tmp_path / "b" / "avatars"
    os.utime(folder / first / "used", ns=(0, 0))
    os.utime(folder / first / "avatar.json", ns=(0, 0))

    def require(self: Disk, needed_bytes: int) -> None:
        if (folder / first).exists():
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(Disk, "require", require)
    there.load(video)
    assert {path.name for path in folder.iterdir()} == {second, video}
    monkeypatch.undo()
    assert there.load(first).name == "x", "it is fetched again"


def test_what_is_from_before_the_store_stays_and_is_not_listed(
    node: MakeNode, tmp_path: Path, picture: bytes, finder: FaceFinder
) -> None:
    from app.avatars.store import AvatarStore

    plain = AvatarStore(tmp_path / "a", finder, 1080, 5)
    added = plain.add(picture, "Ann")
    here = node("a")
    here.refresh()
    assert (tmp_path / "a" / "avatars" / added.id).is_dir() and names(here) == ["Default"]
    assert here.add(picture, "Bob").id == added.id
    assert here.load(added.id).name == "Bob"
    assert [info.name for info in plain.all()] == ["Default", "Bob"], "the folder is what it was"


def test_engines_read_the_folder_alone(node: MakeNode, tried: Tried, tmp_path: Path, short: Path) -> None:
    here, there = node("a"), node("b")
    added = here.add(short, "Ann")
    loaded = there.load(added.id)
    tried.take_away()
    assert loaded.video is not None and np.asarray(loaded.video.frames[7]).any()
    assert (tmp_path / "b" / "avatars" / added.id / FRAMES).is_file()
    assert json.loads((tmp_path / "b" / "avatars" / added.id / "avatar.json").read_text())["name"] == "Ann"
    assert shared_store.KIND == "avatars"
