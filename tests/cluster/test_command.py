"""``lipwire cluster``: what it says where it cannot, and what it shows."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from app.cluster.status import table
from app.cluster.up import COUNTING, NICENESS, PATIENCE, require_no_ray
from app.config import SettingsError
from tests.cluster.running import free_port

STAGE = {
    "id": "a",
    "url": "http://127.0.0.1:8100",
    "node": "host (192.0.2.1)",
    "pid": 7,
    "version": "1.0",
    "sessions": 2,
    "places": 8,
    "load": 0.25,
    "draining": False,
}


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ray" else known(name))
    assert main(["cluster", "up"]) == 2
    assert "pip install 'lipwire-server[cluster]'" in capsys.readouterr().err


def test_a_ray_that_is_there_already_is_not_started_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    require_no_ray()
    noted = tmp_path / "ray" / "ray_current_cluster"
    noted.parent.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        noted.write_text(f"127.0.0.1:{listening.getsockname()[1]}")
        with pytest.raises(SettingsError, match="already running"):
            require_no_ray()
    require_no_ray()  # it has ended, and left its note
    monkeypatch.setenv("RAY_ADDRESS", "192.0.2.1:6379")
    with pytest.raises(SettingsError, match=r"serve run app\.cluster:app"):
        require_no_ray()


def test_more_stages_at_least_than_at_most_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIPWIRE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("LIPWIRE_PORT", str(free_port()))
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    assert main(["cluster", "up", "--min", "3", "--max", "2"]) == 2
    assert "LIPWIRE_STAGES_MAX" in capsys.readouterr().err


def start_with(start: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, unsaid: Iterable[str] = ()) -> int:
    for name, text in {"LIPWIRE_DATA_DIR": folder, "LIPWIRE_PORT": free_port(), "RAY_TMPDIR": folder}.items():
        monkeypatch.setenv(name, str(text))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    left = (*COUNTING, *PATIENCE, NICENESS, "RAY_AUTH_MODE", "RAY_USAGE_STATS_ENABLED")  # what a start leaves there
    for name in left:
        monkeypatch.setenv(name, "1")
    for name in unsaid:
        monkeypatch.delenv(name)
    monkeypatch.setattr("app.cluster.up._start", start)
    return main(["cluster", "up"])


def test_what_cannot_start_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: Any) -> None:
        raise Exception("The node timed out during startup\nand more\n")

    assert start_with(fail, tmp_path, monkeypatch) == 1
    said = capsys.readouterr().err
    assert "error: the cluster could not be started: The node timed out during startup." in said
    assert "Traceback" not in said and "and more" not in said


@pytest.mark.parametrize(("unsaid", "wait_s"), [(PATIENCE, 60), ((), 1)])
def test_a_busy_machine_has_a_minute_to_start_serves_proxy_unless_somebody_says_otherwise(
    unsaid: Iterable[str], wait_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*args: Any) -> None:
        assert float(os.environ["RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S"]) == wait_s
        raise KeyboardInterrupt

    assert start_with(start, tmp_path, monkeypatch, unsaid) == 130


@pytest.mark.parametrize("is_swallowed", [False, True])
def test_ctrl_c_while_it_starts_ends_it_in_order(
    is_swallowed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*args: Any) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            if not is_swallowed:
                raise

    before = signal.getsignal(signal.SIGINT)
    assert start_with(interrupted, tmp_path, monkeypatch) == 130
    said = capsys.readouterr()
    assert "Stopped before it was there." in said.err and "Lipwire is at" not in said.out
    assert signal.getsignal(signal.SIGINT) is before


def test_the_status_of_no_front_says_where_it_looked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert main(["cluster", "status", "--url", url]) == 2
    assert url in capsys.readouterr().err


@pytest.mark.parametrize("every", ["0", "-1", "nan", "inf", "soon"])
def test_targets_are_not_written_all_the_time(every: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["cluster", "targets", "--every", every])
    assert ended.value.code == 2 and "--every" in capsys.readouterr().err


def test_the_status_is_a_table() -> None:
    said: dict[str, Any] = {"front": "1.0", "stages": [STAGE, {**STAGE, "id": "bb", "draining": True}]}
    lines = table(json.loads(json.dumps(said))).splitlines()
    assert lines[0].split()[:3] == ["STAGE", "SESSIONS", "PLACES"]
    assert "open" in lines[1] and "draining" in lines[2] and lines[1].index("open") == lines[2].index("draining")
    assert lines[-1] == "2 stages, 4 sessions on 16 places; front 1.0"
