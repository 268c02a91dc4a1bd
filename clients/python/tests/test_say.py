"""``python -m lipwire say``, and the recordings it reads."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import wave
from pathlib import Path

import pytest
from fake_server import FakeServer
from test_sync import served as served

import lipwire
from lipwire.__main__ import main
from lipwire.pcm import PcmFormat
from lipwire.wav import WavError, WavFile


def write(path: Path, frames: bytes, kind: int = 1, bits: int = 16, channels: int = 1, rate: int = 24_000) -> Path:
    sample = channels * bits // 8
    fmt = struct.pack("<HHIIHH", kind, channels, rate, rate * sample, sample, bits)
    chunks = b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"LIST" + struct.pack("<I", 3) + b"abc\0"
    chunks += b"data" + struct.pack("<I", len(frames)) + frames
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks + b"trailing")
    return path


def test_a_recording_is_said_whole(served: FakeServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, frames = tmp_path / "a.wav", bytes(range(250)) * 400
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(frames)
    assert main(["say", "--wav", str(path), "--url", served.url, "--avatar", "mona", "--keep"]) == 0
    assert capsys.readouterr().out == f"watch: {served.url}/watch/s1#token=view-s1\nplayed 2.1 s\n"
    assert b"".join(served.session.assembled.values()) == frames
    assert served.requests[0] == ("POST", "/api/sessions", {"avatar": "mona"})


def test_a_text_is_said(served: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["say", "--text", "Hello", "--voice", "en", "--url", served.url, "--record"]) == 0
    out = capsys.readouterr().out
    assert out.endswith(f"\nrecording: {served.url}/api/sessions/s1/recording\nplayed 0.2 s\n")
    assert served.requests[0][2] == {"record": True} and served.deleted == ["s1"]


@pytest.mark.parametrize(("viewers", "hinted"), [(0, True), (1, False)])
def test_who_speaks_to_nobody_is_told(
    served: FakeServer, viewers: int, hinted: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    served.watched_by = viewers
    assert main(["say", "--text", "Hello", "--url", served.url]) == 0
    assert ("--wait-for-viewer" in capsys.readouterr().err) == hinted


def test_whoever_lacks_a_key_is_told_how_to_give_it(served: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    served.key = "k"
    assert main(["say", "--text", "Hello", "--url", served.url]) == 2
    assert "--token or LIPWIRE_API_KEY" in capsys.readouterr().err


def test_a_command_that_is_terminated_ends_its_session(served: FakeServer) -> None:
    served.autoplay = False
    command = [sys.executable, "-u", "-m", "lipwire", "say", "--text", "Hello", "--url", served.url]
    here = {**os.environ, "PYTHONPATH": str(Path(lipwire.__file__).parents[1])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=here) as running:
        assert running.stdout is not None and "/watch/s1" in running.stdout.readline()
        running.terminate()
        assert running.wait(10) == 130
    assert served.deleted == ["s1"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--text", "x", "--avatar", "full"], "All places are taken"),
        (["--text", "x", "--url", "http://127.0.0.1:9"], "cannot be reached"),
        (["--wav", "none.wav"], "none.wav"),
        (["--wav", __file__], "is not a WAV file"),
        (["--text", "x", "--session", "s", "--feed-token", "t", "--avatar", "a"], "already has its avatar"),
    ],
)
def test_what_goes_wrong_is_said_in_a_sentence(
    served: FakeServer, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["say", "--url", served.url, *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and sentence in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("kind", "bits", "channels", "encoding"),
    [(1, 16, 2, "pcm_s16le"), (3, 32, 1, "pcm_f32le"), (3, 32, 2, "pcm_f32le")],
)
def test_a_recording_is_read_in_its_own_format(
    tmp_path: Path, kind: int, bits: int, channels: int, encoding: str
) -> None:
    frames = bytes(range(256)) * 1000
    with WavFile(write(tmp_path / "a.wav", frames, kind, bits, channels, 44_100)) as wav:
        assert wav.format == PcmFormat(44_100, channels, encoding)  # type: ignore[arg-type]
        assert b"".join(wav) == frames


@pytest.mark.parametrize("options", [{"bits": 24}, {"kind": 7, "bits": 8}, {"channels": 6}, {"rate": 192_000}])
def test_a_recording_that_is_not_sent_as_it_is_says_so(tmp_path: Path, options: dict[str, int]) -> None:
    with pytest.raises(WavError):
        WavFile(write(tmp_path / "a.wav", bytes(100), **options))


@pytest.mark.parametrize("end", [0, 11, 12, 30, 50])
def test_a_recording_that_was_cut_short_says_so(tmp_path: Path, end: int) -> None:
    whole = write(tmp_path / "a.wav", bytes(100)).read_bytes()
    path = tmp_path / "b.wav"
    path.write_bytes(whole[:end])
    with pytest.raises(WavError):
        WavFile(path)
