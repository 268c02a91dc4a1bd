from __future__ import annotations

import asyncio
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import c2pa
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from app.assets import DEFAULT_PICTURE, SAMPLE
from app.avatars.avatar import Avatar
from app.avatars.bundled import bundled_avatar
from app.cli import main
from app.clock import MonotonicClock
from app.commands.film import Film
from app.commands.moods import looks_of
from app.commands.render import RenderError, render_file, talking_frames
from app.faces.face import FaceFinder
from app.i420 import from_bgr, plain, planes_of
from app.inference.engine import Job
from app.inference.engines.clapper import Clapper
from app.inference.engines.portrait.engine import PortraitEngine
from app.inference.engines.portrait.face_rig import make_rig
from app.inference.fade import BLEND_SLOTS
from app.inference.scheduler.worker import InferenceWorker
from app.ingest.pcm import PcmFormat
from app.media import I420, TalkingFrame
from app.provenance.origin import Origin
from app.provenance.source_type import DIGITAL_SOURCE_TYPE
from app.provenance.xmp import xmp_box
from app.sessions.feeder import Feeder, FeederLinks
from app.sessions.utterances import Utterances
from tests.fakes import HoardingSink
from tests.provenance.signing import make_signing

ORIGIN = Origin("AI-generated")


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pcm, rate = soundfile.read(SAMPLE, dtype="int16", frames=22_050 * 3)
    path = tmp_path_factory.mktemp("audio") / "short.wav"
    soundfile.write(path, pcm, rate)
    return path


def test_an_mp4_has_25_frames_a_second_and_the_voice(avatar: Avatar, short: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    count = render_file(PortraitEngine(), avatar, short, tmp_path / "out.mp4", ORIGIN, seen.append)
    assert count == len(seen) == 75
    with av.open(str(tmp_path / "out.mp4")) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.width, video.height, video.average_rate) == (768, 768, Fraction(25))
        times = [frame.time for frame in container.decode(video)]
        np.testing.assert_allclose(times, np.arange(75) / 25, atol=1e-3)
        container.seek(0)
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio)])
    voice, rate = soundfile.read(short, dtype="float32")
    assert abs(len(sound) / 48_000 - len(voice) / rate) < 0.1
    assert abs(np.sqrt(np.mean(sound**2)) / np.sqrt(np.mean(voice**2)) - 1) < 0.1


async def test_the_frames_are_those_of_a_live_clip_session(avatar: Avatar, short: Path) -> None:
    """The same file through the pump and the inference thread, in other chunks, as a socket brings it."""
    engine, worker, sink = PortraitEngine(idle_motion=False), InferenceWorker(), HoardingSink()
    worker.start()
    stream = worker.open(engine, engine.prepare(avatar), False, sink)
    pcm, rate = soundfile.read(short, dtype="int16")
    links = FeederLinks(stream, Utterances(lambda event: None), MonotonicClock(), "clip")
    feeder = Feeder(PcmFormat("pcm_s16le", 1, rate), links, 0)
    task = asyncio.create_task(feeder.run())
    data = pcm.tobytes()
    for start in range(0, len(data), 7_777):
        await feeder.push(data[start : start + 7_777])
    feeder.leave()
    await task
    got = await sink.wait_for(75)
    stream.close()
    await worker.aclose()
    offline = list(talking_frames(engine, avatar, short))
    assert [frame.pts for frame in got] == [frame.pts for frame in offline] == list(range(75))
    for live, file in zip(got, offline, strict=True):
        assert (live.audio == file.audio).all()
        assert (live.image == file.image).all()


def test_unreadable_and_empty_recordings_are_refused(avatar: Avatar, tmp_path: Path) -> None:
    bad, empty = tmp_path / "bad.wav", tmp_path / "empty.wav"
    bad.write_bytes(b"RIFF nonsense")
    soundfile.write(empty, np.zeros(0, np.float32), 16_000)
    for path, match in ((bad, "cannot be read"), (empty, "no sound"), (tmp_path / "none.wav", "cannot be read")):
        with pytest.raises(RenderError, match=match):
            render_file(PortraitEngine(), avatar, path, tmp_path / "out.mp4", ORIGIN)


class Brightening(Clapper):
    """As bright as it feels."""

    def render(self, jobs: Sequence[Job]) -> list[I420]:
        return [plain(2, 2, 16 + round(200 * job.expression.warm)) for job in jobs]


def test_no_life_leaves_all_above_the_mouth_to_the_bit_in_any_mood(
    short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[I420] = []
    add = Film.add

    def note(self: Film, frame: TalkingFrame, mask: NDArray[np.uint8] | None) -> None:
        written.append(frame.image)
        add(self, frame, mask)

    monkeypatch.setattr(Film, "add", note)
    face = bundled_avatar("ingrid", FaceFinder(), 1080)
    still, nose = from_bgr(face.image), int(face.mesh[1, 1])
    area = make_rig(face.image, face.mesh).area

    def above(picture: I420) -> NDArray[np.uint8]:
        return planes_of(picture).y[:nose]

    def rendered(*flags: str) -> list[I420]:
        written.clear()
        what = ["--avatar", "ingrid", "--audio", str(short), "--out", str(tmp_path / "out.mp4")]
        assert main(["render", *what, *flags]) == 0
        return list(written)

    for mood in ("surprised", "1=sorry"):
        pictures = rendered("--no-life", "--mood", mood)
        assert len(pictures) == 75
        for picture in pictures:
            beyond = planes_of(picture).y != planes_of(still).y
            beyond[area.at] = False
            assert not beyond.any() and (above(picture) == above(still)).all()
        assert any((planes_of(picture).y != planes_of(still).y).any() for picture in pictures), "it speaks"
    assert any((above(picture) != above(still)).any() for picture in rendered("--mood", "surprised")), "else it would"


def test_moods_change_at_their_times(avatar: Avatar, short: Path) -> None:
    looks = looks_of(["2=neutral", "warm:0.5", "1=warm"])
    shown = [int(frame.image[0, 0]) for frame in talking_frames(Brightening(), avatar, short, looks)]
    assert shown[:25] == [116] * 25, "from the first picture on"
    assert shown[25 + BLEND_SLOTS] == 216 == shown[50] and shown[50 + BLEND_SLOTS] == 16 == shown[-1]
    assert max(np.abs(np.diff(shown))) < 30


def test_the_command_takes_moods(short: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    command = ["render", "--face", "default", "--audio", str(short), "--out", str(out), "--engine", "clapper"]
    assert main([*command, "--mood", "warm:0.4", "--mood", "1.5=sorry"]) == 0


def test_the_command_renders_and_says_how_fast(short: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.mp4"
    command = ["render", "--face", str(DEFAULT_PICTURE), "--audio", str(short), "--out", str(out)]
    assert main([*command, "--engine", "clapper"]) == 0
    assert out.stat().st_size > 1_000 and "75 frames" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"--engine": "dance"}, "no engine"),
        ({"--face": "/nowhere.png"}, "nowhere"),
        ({"--audio": "/nowhere.wav"}, "nowhere"),
        ({"--checkpoint": "/nowhere.pth"}, "nowhere"),
        ({"--mood": "furious"}, "neutral, warm, serious, surprised, sorry"),
    ],
)
def test_the_command_says_what_is_wrong(
    change: dict[str, str], said: str, short: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = {"--face": str(DEFAULT_PICTURE), "--audio": str(short), "--out": str(tmp_path / "o.mp4"), **change}
    assert main(["render", *[part for flag in flags.items() for part in flag]]) == 2
    assert said in capsys.readouterr().err


def test_a_face_that_comes_with_it_is_rendered_by_its_name(
    short: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.mp4"
    command = ["render", "--audio", str(short), "--out", str(out), "--engine", "clapper"]
    assert main([*command, "--avatar", "amara"]) == 0
    with av.open(str(out)) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (1024, 1024)
    for wrong, said in (
        (["--avatar", "nobody"], "kenji"),
        (["--avatar", "bolt", "--face", "default"], "not allowed"),
        ([], "--face"),
    ):
        with pytest.raises(SystemExit):
            main([*command, *wrong])
        assert said in capsys.readouterr().err


def test_the_file_says_that_a_machine_made_it(short: Path, tmp_path: Path) -> None:
    signing = make_signing(tmp_path / "signing")
    environment = {"LIPWIRE_C2PA_CERTFILE": str(signing.certfile), "LIPWIRE_C2PA_KEYFILE": str(signing.keyfile)}
    out = tmp_path / "out.mp4"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        assert main(["render", "--face", "default", "--audio", str(short), "--out", str(out)]) == 0
    with av.open(str(out)) as container:
        assert DIGITAL_SOURCE_TYPE in container.metadata["comment"]
    assert xmp_box("AI-generated") in out.read_bytes()
    with c2pa.Reader(str(out)) as reader:
        assert DIGITAL_SOURCE_TYPE in reader.json()


def test_a_certificate_that_cannot_sign_is_said_before_anything_is_drawn(
    short: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key.pem").write_text("text")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIPWIRE_C2PA_CERTFILE", str(tmp_path / "key.pem"))
        patch.setenv("LIPWIRE_C2PA_KEYFILE", str(tmp_path / "key.pem"))
        assert main(["render", "--face", "default", "--audio", str(short), "--out", str(tmp_path / "out.mp4")]) == 2
    assert "no private key" in capsys.readouterr().err
    assert not (tmp_path / "out.mp4").exists()
