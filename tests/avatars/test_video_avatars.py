"""Videos: what becomes a loop, and each way in which one is refused."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.api.avatars import _prepared, avatar_routes
from app.api.framings import Adding
from app.api.preparations import Preparation
from app.api.problems import answer_with_problems
from app.api.uploads import Upload, UploadCutShort
from app.assets import DEFAULT_PICTURE
from app.avatars import video
from app.avatars.avatar import VideoLoop
from app.avatars.avatar_info import AvatarInfo
from app.avatars.damage import AvatarDamaged
from app.avatars.footage import at_video_fps
from app.avatars.framing import AS_IT_IS, Framing
from app.avatars.picture import PictureError
from app.avatars.share import EVERYBODY, Share
from app.avatars.store import AvatarStore
from app.avatars.track import bridged, steadied
from app.avatars.video import FRAMES, MESHES, FaceVideo, load_loop, read_video
from app.disk import Disk
from app.faces.face import FaceFinder
from app.media import Image

SIDE = 256
FACE = 92  # pixels: the mesh's width in a picture of SIDE
Draw = Callable[[int], Image]


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


def picture_at(path: Path) -> Image:
    found = cv2.imread(str(path))
    assert found is not None
    return np.asarray(found, np.uint8)


PICTURE = picture_at(DEFAULT_PICTURE)


def avatar(zoom: float = 1.0, right: float = 0.0, width: int = SIDE) -> Image:
    """The bundled face on a picture SIDE high, so many pixels right of its left square."""
    scale, middle = SIDE / PICTURE.shape[0] * zoom, SIDE / 2 * (1 - zoom)
    place = np.array([[scale, 0, middle + right], [0, scale, middle]], np.float32)
    size, border = (width, SIDE), cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpAffine(PICTURE, place, size, flags=cv2.INTER_AREA, borderMode=border), np.uint8)


def gently(frame: int) -> Image:
    return avatar(1 + 0.002 * frame, 0.5 * frame)


def nobody(frame: int) -> Image:
    return np.full((SIDE, SIDE, 3), 120, np.uint8)


def film(path: Path, draw: Draw, times: list[float], codec: str = "libx264", turned: int = 0) -> Path:
    """Write a video with one picture a time, in seconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"g": "10"})
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = draw(0).shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        if turned:
            stream.set_display_rotation(turned)
        container.start_encoding()
        for frame, time in enumerate(times):
            picture = av.VideoFrame.from_ndarray(draw(frame), format="bgr24")
            picture.pts, picture.time_base = round(time * 1000), Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def at(fps: float, seconds: float) -> list[float]:
    return [frame / fps for frame in range(round(fps * seconds))]


def read(path: Path, finder: FaceFinder, max_side: int = 720) -> tuple[FaceVideo, VideoLoop]:
    found = read_video(path, Disk(path.parent), finder, max_side, lambda done, expected: None)
    height, width = found.first.shape[:2]
    return found, load_loop(path.parent, found.frames, width, height)


def refusal(path: Path, finder: FaceFinder) -> PictureError:
    with pytest.raises(PictureError) as caught:
        read(path, finder)
    assert str(caught.value).endswith(".") and len(str(caught.value)) > 20
    return caught.value


@pytest.mark.parametrize("frames", [1, 2, 3, 12])
def test_a_loop_is_played_forth_and_back_without_a_jump(frames: int) -> None:
    video = VideoLoop(np.zeros((frames, 2, 2, 3), np.uint8), np.zeros((frames, 468, 2), np.float32))
    played = [video.index(position) for position in range(5 * frames)]
    assert played[:frames] == list(range(frames))
    assert np.abs(np.diff(played)).max(initial=0) <= 1
    assert frames < 2 or 0 not in np.diff(played)


@dataclass
class Tick:
    pts: int | None
    duration: int = 0
    time_base: Fraction | None = Fraction(1, 1000)


def held(pts: list[int | None], duration: int = 0) -> list[tuple[int | None, int]]:
    return [(one.frame.pts, one.frames) for one in at_video_fps([Tick(each, duration) for each in pts])]


def test_every_frame_rate_becomes_25() -> None:
    assert held([0, 40, 80, 120]) == [(0, 1), (40, 1), (80, 1), (120, 1)]
    assert held([0, 100, 200]) == [(0, 2), (100, 2), (200, 4)], "10 a second: each until the next is nearer"
    assert held([0, 10, 20, 30, 40, 50, 60, 70, 80], 10) == [(0, 1), (40, 1)], "100 a second: the nearest only"
    assert held([500, 540, 580]) == [(500, 1), (540, 1), (580, 1)], "times count from the first frame"
    assert held([0, 40, 40, 20, 80]) == [(0, 1), (40, 1), (80, 1)], "time does not go back"
    assert held([0, None, None]) == [(0, 1), (None, 1), (None, 1)]
    assert held([0], 1000) == [(0, 25)] and held([0]) == [(0, 1)] and held([]) == []


def test_a_minute_of_any_rate_is_a_minute_long() -> None:
    for fps in (7, 23.976, 29.97, 50, 59.94):
        times = [round(frame * 90_000 / fps) for frame in range(round(60 * fps))]
        shown = list(at_video_fps([Tick(pts, 0, Fraction(1, 90_000)) for pts in times]))
        assert abs(sum(one.frames for one in shown) - 1500) <= 1
        place = 0
        for one in shown:
            assert one.frame.pts is not None
            for slot in range(place, place + one.frames):
                assert abs(one.frame.pts - slot * 3600) <= min(abs(pts - slot * 3600) for pts in times) + 1
            place += one.frames
            if place > 200:
                break


def test_missing_meshes_lie_straight_between_their_neighbours() -> None:
    mesh = np.full((468, 2), 1, np.float32)
    filled = bridged([None, mesh, None, None, mesh * 4, None])
    assert filled[:, 0, 0].tolist() == [1, 1, 2, 3, 4, 4]


def test_steadying_takes_noise_away_and_adds_no_delay() -> None:
    rng = np.random.default_rng(0)
    straight = np.arange(200, dtype=np.float32)[:, None, None] * np.ones((1, 468, 2), np.float32)
    assert np.abs(steadied(straight)[2:-2] - straight[2:-2]).max() < 1e-3
    noise = rng.normal(size=(200, 468, 2)).astype(np.float32)
    assert steadied(noise).std() < 0.6


def test_an_mp4_of_30_a_second_becomes_25_and_its_meshes_follow(finder: FaceFinder, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", gently, at(30, 1.2))
    told: list[tuple[int, int]] = []
    found = read_video(path, Disk(tmp_path), finder, 720, lambda done, expected: told.append((done, expected)))
    video = load_loop(tmp_path, found.frames, SIDE, SIDE)
    assert found.frames == len(video.frames) == 30 and found.notice is None
    assert video.frames.dtype == np.uint8 and video.meshes.dtype == np.float32 and video.meshes.shape == (30, 468, 2)
    assert told == [(done, 30) for done in range(1, 31)]
    assert (video.frames[0] == found.first).all()
    for slot in range(30):
        source = round(slot * 30 / 25)
        difference = np.abs(video.frames[slot].astype(int) - gently(source)).mean()
        assert difference < 6, f"frame {slot} is not the one of its time"
        zoom, right = 1 + 0.002 * slot * 30 / 25, 0.5 * slot * 30 / 25
        expected = (video.meshes[0] - SIDE / 2) * zoom + SIDE / 2 + [right, 0]
        assert np.abs(video.meshes[slot] - expected).mean() < 1.2


def test_a_webm_of_varying_rate_keeps_its_times(finder: FaceFinder, tmp_path: Path) -> None:
    times = [0, 0.02, 0.1, 0.15, 0.16, 0.3, 0.31, 0.32, 0.4, 0.5, 0.6, 0.7, 0.71, 0.72, 0.9, 1.0]
    path = film(tmp_path / "a.webm", gently, times, "libvpx")
    _, video = read(path, finder)
    assert len(video.frames) == 26
    for slot in range(25):
        source = min(range(len(times)), key=lambda frame: abs(times[frame] - slot / 25))
        assert np.abs(video.frames[slot].astype(int) - gently(source)).mean() < 8


def test_a_large_video_is_made_small_and_even(finder: FaceFinder, tmp_path: Path) -> None:
    def large(frame: int) -> Image:
        return np.asarray(cv2.resize(gently(frame), (1000, 602)), np.uint8)

    path = film(tmp_path / "a.mp4", large, at(25, 0.5))
    found, _ = read(path, finder)
    assert found.first.shape == (432, 720, 3)


def test_a_video_taken_sideways_is_turned_upright(finder: FaceFinder, tmp_path: Path) -> None:
    lying = film(
        tmp_path / "a.mp4", lambda frame: np.ascontiguousarray(np.rot90(gently(frame))), at(25, 0.5), turned=-90
    )
    found, _ = read(lying, finder)
    assert np.abs(found.first.astype(int) - gently(0)).mean() < 6


def test_a_short_loss_is_bridged(finder: FaceFinder, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", lambda frame: nobody(0) if 10 <= frame < 14 else gently(frame), at(25, 1))
    _, video = read(path, finder)
    middles = video.meshes.mean(axis=(1, 2))
    assert np.abs(np.diff(middles)).max() < 1


def test_a_long_loss_is_refused_with_its_time(finder: FaceFinder, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", lambda frame: nobody(0) if 12 <= frame < 25 else gently(frame), at(25, 1.5))
    error = refusal(path, finder)
    assert error.code == "face_lost" and "from 0.5 s to 1.0 s" in error.message
    for begin, end, words in ((20, 30, "from 0.8 s to the end"), (10, 80, "from 0.4 s on")):
        draw: Draw = lambda frame: nobody(0) if frame >= begin else gently(frame)  # noqa: B023, E731
        error = refusal(film(path, draw, at(25, end / 25)), finder)
        assert error.code == "face_lost" and words in error.message
    late = film(path, lambda frame: nobody(0) if frame < 10 else gently(frame), at(25, 1))
    assert refusal(late, finder).code == "face_lost"


@pytest.mark.parametrize("after", [avatar(right=0.8 * FACE), avatar(zoom=1.9), avatar(zoom=1, right=-0.7 * FACE)])
def test_a_cut_is_refused_with_its_time(after: Image, finder: FaceFinder, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", lambda frame: after if frame >= 15 else gently(frame), at(25, 1))
    error = refusal(path, finder)
    assert error.code == "video_cut" and "at 0.6 s" in error.message


def test_fast_motion_is_no_cut(finder: FaceFinder, tmp_path: Path) -> None:
    steps = [0] * 8 + [3, 8, 20, 40, 52, 40, 20, 8, 3] + [0] * 8
    assert max(steps) > FACE / 2
    places = np.cumsum(steps).tolist()
    path = film(tmp_path / "a.mp4", lambda frame: avatar(right=places[frame], width=2 * SIDE), at(25, 1))
    _, video = read(path, finder)
    moved = video.meshes[-1].mean(axis=0) - video.meshes[0].mean(axis=0)
    assert abs(moved[0] - places[-1]) < 6 and abs(moved[1]) < 3


def test_one_person_is_followed_though_another_is_there(finder: FaceFinder, tmp_path: Path) -> None:
    def pair(frame: int) -> Image:
        image = np.hstack([avatar(0.85), avatar(1.05)])
        if 10 <= frame < 13:
            image[:, SIDE:] = 120  # the one who speaks is hidden for a moment
        return image

    found, video = read(film(tmp_path / "a.mp4", pair, at(25, 1)), finder)
    assert found.notice is not None and "2 faces" in found.notice
    assert video.meshes[:, :, 0].min() > SIDE


def test_videos_that_cannot_be_used(finder: FaceFinder, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    assert refusal(film(path, nobody, at(25, 1)), finder).code == "no_face"
    assert refusal(film(path, nobody, at(25, 4)), finder).code == "no_face"
    distant = film(path, lambda frame: avatar(0.5), at(25, 0.6))
    assert refusal(distant, finder).code == "face_too_small"
    assert refusal(film(path, gently, at(25, 0.3)), finder).code == "video_too_short"
    long = refusal(film(path, lambda frame: nobody(frame)[:32, :32], at(2, 62)), finder)
    assert long.code == "video_too_long"
    path.write_bytes(b"hello, this is no video at all")
    assert refusal(path, finder).code == "not_a_video"
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    assert refusal(path, finder).code == "not_a_video"
    for junk in (b"\0\0\0\x18ftypmp42", b"\x1a\x45\xdf\xa3"):
        path.write_bytes(junk + np.random.default_rng(0).bytes(3000))
        assert refusal(path, finder).code == "video_broken"


def test_sound_alone_is_not_a_video(finder: FaceFinder, tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        sound.sample_rate, sound.pts = 48_000, 0
        container.mux(stream.encode(sound) + stream.encode())
    error = refusal(tmp_path / "a.mp4", finder)
    assert error.code == "not_a_video"


def test_a_video_without_frames_is_empty(finder: FaceFinder, tmp_path: Path) -> None:
    assert refusal(film(tmp_path / "a.webm", gently, [], "libvpx"), finder).code == "video_empty"


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_an_mp4_cut_short_is_broken(share: float, finder: FaceFinder, tmp_path: Path) -> None:
    whole = film(tmp_path / "a.mp4", gently, at(25, 0.8)).read_bytes()
    with (
        av.open(io.BytesIO(whole), "r") as source,
        av.open(str(tmp_path / "b.mp4"), "w", options={"movflags": "+faststart"}) as copy,
    ):
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    for data in (whole, (tmp_path / "b.mp4").read_bytes()):
        (tmp_path / "c.mp4").write_bytes(data[: int(len(data) * share)])
        error = refusal(tmp_path / "c.mp4", finder)
        assert error.code == "video_broken"


def test_too_many_bytes_are_refused(finder: FaceFinder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(tmp_path / "a.mp4", gently, at(25, 0.6))
    monkeypatch.setattr(video, "VIDEO_MAX_BYTES", path.stat().st_size - 1)
    error = refusal(path, finder)
    assert error.code == "video_too_large"


@pytest.fixture
def store(tmp_path: Path, finder: FaceFinder) -> AvatarStore:
    return AvatarStore(tmp_path / "data", finder, 1080, max_avatars=2)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("videos") / "short.mp4", gently, at(25, 0.6))


def left(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "data" / "avatars").iterdir()]


def test_a_video_avatar_survives_a_restart(store: AvatarStore, short: Path, tmp_path: Path, finder: FaceFinder) -> None:
    added = store.add(short, "Ann")
    assert (added.width, added.height, added.frames) == (SIDE, SIDE, 15)
    assert store.add(short, "Bob") == added and left(tmp_path) == [added.id]
    again = AvatarStore(tmp_path / "data", finder, 1080, 2)
    assert again.info(added.id) == added
    loaded = again.load(added.id)
    assert loaded.video is not None and loaded.video.frames.shape == (15, SIDE, SIDE, 3)
    assert (loaded.image == loaded.video.frames[0]).all() and (loaded.mesh == loaded.video.meshes[0]).all()
    assert (picture_at(again.picture_file(added.id)) == loaded.image).all()
    assert again.load("default").video is None
    again.delete(added.id)
    assert left(tmp_path) == []
    assert loaded.video.frames[14].any(), "sessions that use it go on"


def test_a_picture_may_come_as_a_file_too(store: AvatarStore, tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(DEFAULT_PICTURE.read_bytes())
    added = store.add(path, "Ann")
    assert added.frames == 1 and store.load(added.id).video is None
    assert store.add(path.read_bytes(), "Bob") == added
    path.write_bytes(bytes(11 * 1024 * 1024))
    with pytest.raises(PictureError) as caught:
        store.add(path, "x")
    assert caught.value.code == "picture_too_large"


def test_a_damaged_video_is_left_out_and_can_be_uploaded_again(store: AvatarStore, short: Path, tmp_path: Path) -> None:
    added = store.add(short, "Ann")
    folder = tmp_path / "data" / "avatars" / added.id
    with open(folder / FRAMES, "r+b") as frames:
        frames.truncate(1000)
    assert [info.id for info in store.all()] == ["default"]
    with pytest.raises(AvatarDamaged):
        store.load(added.id)
    assert store.add(short, "Ann") == added
    (folder / MESHES).write_bytes(b"")
    with pytest.raises(AvatarDamaged):
        store.load(added.id)


def test_a_full_disk_is_found_out_before_and_meanwhile(
    store: AvatarStore, short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def refused() -> None:
        with pytest.raises(PictureError) as caught:
            store.add(short, "Ann")
        assert caught.value.code == "disk_full"
        assert left(tmp_path) == []

    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=15 * SIDE * SIDE * 3))
        refused()
    with monkeypatch.context() as patch:
        patch.setattr("numpy.save", no_room)
        refused()
    assert store.add(short, "Ann").frames == 15


def test_whoever_watches_can_end_it_and_nothing_stays(store: AvatarStore, short: Path, tmp_path: Path) -> None:
    def progress(done: int, expected: int) -> None:
        if done == 3:
            raise UploadCutShort

    with pytest.raises(UploadCutShort):
        store.add(short, "Ann", progress)
    assert left(tmp_path) == []


def test_what_a_killed_process_left_is_swept_up_and_what_another_one_makes_is_not(
    store: AvatarStore, short: Path, tmp_path: Path
) -> None:
    old, new = store.drafts.begin(), store.drafts.begin()
    (old.path / "frames.bin").write_bytes(b"x")
    os.close(old.lock)  # as the kernel does with a process
    again = AvatarStore(tmp_path / "data", FaceFinder(), 1080, 2)
    again.drafts.sweep()
    assert left(tmp_path) == [new.path.name]
    added = store.add(short, "Ann")
    assert sorted(left(tmp_path)) == sorted([added.id, new.path.name])
    new.discard()
    assert left(tmp_path) == [added.id]


def test_a_video_whose_disk_fills_up_meanwhile_is_refused(
    store: AvatarStore, short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others write too: that there was room for all of it before says nothing."""
    free = iter([10**12] * 5 + [100] * 100)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=next(free)))
    with pytest.raises(PictureError) as caught:
        store.add(short, "Ann")
    assert caught.value.code == "disk_full" and left(tmp_path) == []


@pytest.fixture
def client(store: AvatarStore) -> Iterator[TestClient]:
    app = FastAPI()
    answer_with_problems(app)
    app.include_router(avatar_routes(store, lambda id: None))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("field", ["image", "video"])
def test_an_uploaded_video_is_listed_and_shown(field: str, client: TestClient, short: Path, tmp_path: Path) -> None:
    answer = client.post("/api/avatars", files={field: ("Great Aunt.mp4", short.read_bytes(), "video/mp4")})
    assert answer.status_code == 201
    added = answer.json()
    assert (added["name"], added["width"], added["frames"]) == ("Great Aunt", SIDE, 15)
    assert [one["frames"] for one in client.get("/api/avatars").json()["avatars"]] == [1, 15]
    assert client.get(added["image"]).content.startswith(b"\x89PNG")
    assert left(tmp_path) == [added["id"]]
    assert client.delete(f"/api/avatars/{added['id']}").status_code == 204


def test_refused_videos_are_problem_documents(client: TestClient, short: Path, tmp_path: Path) -> None:
    half = short.read_bytes()[:2000]
    for field, data, status, code in (
        ("video", b"hello", 415, "not_a_video"),
        ("image", b"hello", 415, "not_an_image"),
        ("image", half, 422, "video_broken"),
        ("video", half, 422, "video_broken"),
    ):
        answer = client.post("/api/avatars", files={field: ("x.mp4", data, "video/mp4")})
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert left(tmp_path) == []


def test_an_upload_over_the_limit_is_not_read_to_its_end(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.uploads.VIDEO_MAX_BYTES", 100_000)
    answer = client.post(
        "/api/avatars", files={"video": ("x.mp4", b"\0\0\0\x18ftypmp42" + bytes(300_000), "video/mp4")}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "video_too_large")
    assert not (tmp_path / "data").exists(), "its length was announced: nothing of it was read"

    def unannounced() -> Iterator[bytes]:
        begin = b'--x\r\nContent-Disposition: form-data; name="video"; filename="x.mp4"\r\n\r\n\0\0\0\x18ftypmp42'
        yield from (begin, *[bytes(60_000)] * 5)

    answer = client.post(
        "/api/avatars", content=unannounced(), headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "video_too_large")
    assert left(tmp_path) == []


class SlowStore(AvatarStore):
    """Stops after three frames until it is let go."""

    go_on = threading.Event()

    def add(
        self,
        upload: bytes | Path,
        name: str,
        progress: video.Progress = lambda done, expected: None,
        share: Share = EVERYBODY,
        framing: Framing = AS_IT_IS,
    ) -> AvatarInfo:
        progress(3, 12)
        while not self.go_on.wait(0.01):
            progress(3, 12)
        return AvatarInfo("0" * 24, name, 2, 2, None, 12)


async def test_work_stops_when_its_sender_leaves(
    tmp_path: Path, finder: FaceFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.avatars.WATCH_S", 0.01)
    store = SlowStore(tmp_path / "data", finder, 1080, 2)
    store.go_on = threading.Event()

    async def gone() -> bool:
        return True

    request: Any = SimpleNamespace(is_disconnected=gone)
    with pytest.raises(UploadCutShort):
        await asyncio.wait_for(
            _prepared(request, store, Upload(tmp_path, "x"), Preparation(), Adding(EVERYBODY, AS_IT_IS)), 5
        )
