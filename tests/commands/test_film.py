"""Films with alpha: decoded again, and played by a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from app.assets import DEFAULT_PICTURE, SAMPLE
from app.avatars.avatar import Avatar
from app.avatars.background import TRANSPARENT
from app.avatars.reframed import with_background
from app.cli import main
from app.commands.film import MOV_ALPHA, MP4, WEBM, WEBM_ALPHA, format_of
from app.commands.render import RenderError, render_file
from app.inference.engines.clapper import Clapper
from app.inference.engines.portrait.engine import PortraitEngine
from app.provenance.origin import Origin

ORIGIN = Origin("AI-generated")
SECONDS = 2


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pcm, rate = soundfile.read(SAMPLE, dtype="int16", frames=22_050 * SECONDS)
    path = tmp_path_factory.mktemp("audio") / "short.wav"
    soundfile.write(path, pcm, rate)
    return path


@pytest.fixture(scope="module")
def cut(avatar: Avatar) -> Avatar:
    return with_background(avatar, TRANSPARENT)[0]


def alphas(path: Path) -> list[NDArray[Any]]:
    """Decode what is opaque, 0…1, of each picture; FFmpeg's own VP9 decoder would pass over it."""
    found = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder: Any = stream.codec_context
        if decoder.name == "vp9":
            decoder = av.CodecContext.create("libvpx-vp9", "r")
        for packet in container.demux(stream):
            for frame in decoder.decode(packet if packet.size else None):
                plane = frame.planes[3]
                most = {"yuva420p": 255, "yuva444p10le": 1023, "yuva444p12le": 4095}[frame.format.name]
                pixels: NDArray[Any] = np.frombuffer(plane, np.uint8 if most == 255 else np.uint16)
                found.append(pixels.reshape(plane.height, -1)[:, : plane.width] / most)
    return found


@pytest.mark.parametrize("name", ["out.webm", "out.mov"])
def test_what_is_transparent_decodes_as_that_and_moves_with_the_head(
    name: str, cut: Avatar, short: Path, tmp_path: Path
) -> None:
    out = tmp_path / name
    assert render_file(PortraitEngine(), cut, short, out, ORIGIN) == 25 * SECONDS
    seen = alphas(out)
    assert len(seen) == 25 * SECONDS and cut.mask is not None
    assert np.abs(seen[0] - cut.mask / 255).mean() < 0.01, "at first nothing has moved"
    for alpha in seen:
        assert alpha[:30].max() < 0.02 and alpha[300:480, 330:440].min() > 0.99
    assert np.abs(seen[-1] - seen[0]).mean() > 0.002
    with av.open(str(out)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        assert (video.width, video.height) == (768, 768) and video.average_rate == 25
        voice = np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(sound)])
        assert abs(len(voice) / 48_000 - SECONDS) < 0.1
        tags = {key.lower(): value for key, value in container.metadata.items()}
        assert "AI-generated" in tags["comment"]


def test_a_webm_says_that_it_has_alpha(cut: Avatar, short: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.webm"
    render_file(PortraitEngine(idle_motion=False), cut, short, out, ORIGIN)
    with av.open(str(out)) as container:
        assert container.streams.video[0].metadata["alpha_mode"] == "1"


@pytest.mark.parametrize(
    ("name", "alpha", "format"),
    [
        ("a.mp4", False, MP4),
        ("a.MP4", False, MP4),
        ("a", False, MP4),
        ("a.webm", False, WEBM),
        ("a.WebM", True, WEBM_ALPHA),
        ("a.mov", True, MOV_ALPHA),
        ("a.mp4", True, None),
    ],
)
def test_a_films_ending_says_how_it_is_written(name: str, alpha: bool, format: object) -> None:
    assert format_of(Path(name), alpha) == format


def test_an_mp4_cannot_be_transparent_nor_a_test_pattern_cut_out(cut: Avatar, short: Path, tmp_path: Path) -> None:
    with pytest.raises(RenderError, match=r"\.webm or \.mov"):
        render_file(PortraitEngine(), cut, short, tmp_path / "out.mp4", ORIGIN)
    with pytest.raises(RenderError, match="choose another"):
        render_file(Clapper(), cut, short, tmp_path / "out.webm", ORIGIN)


@pytest.mark.parametrize(
    ("flags", "size", "corner"),
    [
        (["--crop", "portrait", "--background", "green"], (576, 768), (64, 177, 0)),
        (["--background", "#1f6feb"], (768, 768), (0xEB, 0x6F, 0x1F)),
        (["--crop", "landscape", "--background", str(DEFAULT_PICTURE)], (768, 576), None),
    ],
)
def test_the_command_frames_the_picture(
    flags: list[str], size: tuple[int, int], corner: tuple[int, int, int] | None, short: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    assert main(["render", "--face", "default", "--audio", str(short), "--out", str(out), *flags]) == 0
    with av.open(str(out)) as container:
        picture = next(container.decode(video=0))
        assert (picture.width, picture.height) == size
        if corner is not None:
            shown = picture.to_ndarray(format="bgr24")[10, 10].astype(int)
            assert np.abs(shown - corner).max() < 12


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--crop", "round"], "portrait, square or landscape"),
        (["--background", "puce"], "#1f6feb"),
        (["--background", "/nowhere.png"], "#1f6feb"),
        (["--background", "transparent"], ".webm or .mov"),
    ],
)
def test_the_command_says_what_is_wrong_with_a_framing(
    flags: list[str], said: str, short: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out.mp4")
    assert main(["render", "--face", "default", "--audio", str(short), "--out", out, *flags]) == 2
    assert said in capsys.readouterr().err
