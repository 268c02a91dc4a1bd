"""What `pip install lipwire` gives: built, installed alone, imported, type-checked and run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.paths import ROOT

pytestmark = pytest.mark.realtime

CLIENT = ROOT / "clients" / "python"
TYPED = """
import lipwire
import lipwire.sync

async def speak() -> int:
    async with lipwire.connect(avatar="default", keep=True) as face:
        async with face.utterance(sample_rate=24_000) as utterance:
            await utterance.send(b"")
        played_ms, interrupted = await utterance.played()
        reveal_type(interrupted)
        async for event in face:
            if isinstance(event, lipwire.SpeakingFinished):
                reveal_type(event.played_ms)
    return played_ms

def wrong() -> None:
    lipwire.sync.connect(avatar=3)
"""


def run(*command: object, cwd: Path = ROOT, path: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=cwd, env=environment)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done = run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, CLIENT)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("lipwire-*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, and what it asks for in the versions of our locks."""
    folder = tmp_path_factory.mktemp("installed")
    pins = re.findall(r"^[\w.-]+==[\w.]+", (ROOT / "locks" / "run.txt").read_text(), re.MULTILINE)
    (folder / "pins.txt").write_text("\n".join(pins))
    assert run(sys.executable, "-m", "venv", folder / "venv").returncode == 0
    python = folder / "venv" / "bin" / "python"
    done = run(python, "-m", "pip", "install", "-q", "-c", folder / "pins.txt", wheel)
    assert done.returncode == 0, done.stderr
    return python


def test_the_wheel_holds_the_package_its_licence_and_the_mark_of_types(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        metadata = file.read(next(name for name in names if name.endswith("/METADATA"))).decode()
    assert {"lipwire/__init__.py", "lipwire/sync.py", "lipwire/py.typed"} <= names
    assert all(name.startswith("lipwire") for name in names) and not [n for n in names if "test" in n or ".pyc" in n]
    assert any(name.endswith("licenses/LICENSE") for name in names)
    needed = re.findall(r"^Requires-Dist: ([\w-]+)(?!.*extra)", metadata, re.MULTILINE)
    assert sorted(needed) == ["httpx", "websockets"] and "Requires-Python: >=3.10" in metadata


def test_it_runs_where_nothing_else_is_installed(python: Path, tmp_path: Path) -> None:
    names = run(python, "-m", "pip", "freeze").stdout.lower()
    assert "lipwire @" in names and "lipwire-server" not in names and "numpy" not in names
    version = run(python, "-m", "lipwire", "--version", cwd=tmp_path)
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", version.stdout), version
    refused = run(python, "-m", "lipwire", "say", "--text", "x", "--url", "http://127.0.0.1:9", cwd=tmp_path)
    assert refused.returncode == 2 and refused.stderr.startswith("error: "), refused


def test_importing_it_does_nothing(python: Path) -> None:
    code = "import threading, lipwire, lipwire.sync; assert threading.active_count() == 1"
    assert run(python, "-W", "error", "-c", code).returncode == 0


def test_its_types_are_seen_by_whoever_installs_it(python: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(TYPED)
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", python, "--config-file", "/dev/null"]
    out = run(*command, "mine.py", cwd=tmp_path).stdout
    assert 'Revealed type is "bool"' in out and 'Revealed type is "int"' in out, out
    errors = [line for line in out.splitlines() if "error:" in line]
    assert len(errors) == 1 and '"avatar"' in errors[0], out


def test_the_command_of_the_server_says_what_is_missing() -> None:
    code = "import sys; sys.modules['lipwire'] = None; from app.cli import main; sys.exit(main(sys.argv[1:]))"
    done = run(sys.executable, "-c", code, "say", "--text", "x")
    assert done.returncode == 2 and "pip install lipwire" in done.stderr, done


def test_the_command_of_the_server_is_that_of_the_client() -> None:
    done = run(
        sys.executable, "-m", "app", "say", "--text", "x", "--url", "http://127.0.0.1:9", path=str(CLIENT / "src")
    )
    assert done.returncode == 2 and "cannot be reached" in done.stderr, done
