"""The ``weights`` command, with a folder and servers of its own."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from app.assets import WEIGHTS
from app.cli import main
from tests.mirror import DATA, SUM, StartMirror, dead_address, hold_after, ranged, refuse, whole
from tests.paths import ROOT

HALF = len(DATA) // 2
OTHER = DATA[::-1]


class Terminal(io.StringIO):
    """Somebody at the keyboard."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's weights folder; nobody is at a terminal."""
    monkeypatch.setenv("LIPWIRE_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.delenv("LIPWIRE_WEIGHTS_MIRRORS", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    know(tmp_path)
    return tmp_path


def know(folder: Path, **more: Any) -> None:
    """Write a manifest of one file."""
    entry = {
        "name": "lips", "engine": "wav2lip", "file": "lips.pth", "sha256": SUM, "total_bytes": len(DATA),
        "licence": "research only", "about": "A file of a test.", "made_by": "Made by Ada.", "terms": "No selling.",
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps({"weights": [{**entry, **more}]}))


def fetch(*flags: str) -> int:
    return main(["weights", "fetch", *flags])


def test_the_addresses_on_record_are_tried_once_the_terms_are_accepted(
    folder: Path, mirror: StartMirror, capsys: pytest.CaptureFixture[str]
) -> None:
    other, good = mirror(whole(OTHER)), mirror(ranged)
    know(folder, urls=[dead_address(), f"{other.url}/lips.pth", f"{good.url}/the-same.bin"])
    assert fetch("lips") == 2 and other.asked == good.asked == []
    assert "--yes" in capsys.readouterr().err
    assert fetch("lips", "--yes") == 0
    assert {path.name for path in folder.iterdir()} == {"lips.pth", "manifest.json"}
    assert (folder / "lips.pth").read_bytes() == DATA
    said = capsys.readouterr().out
    assert "cannot be reached" in said and f"instead of {SUM}" in said


def test_mirrors_go_first_as_folders_or_as_the_files_own_address(folder: Path, mirror: StartMirror) -> None:
    missing, good, recorded = mirror(refuse(404)), mirror(ranged), mirror(ranged)
    know(folder, urls=[f"{recorded.url}/lips.pth"])
    assert fetch("lips", "--yes", "--mirror", f"{missing.url}/", "--mirror", f"{good.url}/lips.pth") == 0
    assert [request.path for request in missing.asked + good.asked] == ["/models/lips.pth"] * 2
    assert recorded.asked == []


@pytest.mark.parametrize(
    ("answer", "status", "said"), [(" Y \n", 0, "here now"), ("\n", 2, "not accepted"), ("", 2, "not accepted")]
)
def test_terms_are_shown_and_need_a_yes_at_the_terminal(
    folder: Path, mirror: StartMirror, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    answer: str, status: int, said: str,
) -> None:  # fmt: skip
    good = mirror(ranged)
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert fetch("lips", "--mirror", good.url) == status and len(good.asked) == (status == 0)
    out, err = capsys.readouterr()
    assert all(part in out for part in ("Ada", "research only", "No selling")) and said in out + err


def test_nothing_is_fetched_twice_or_over_another_file_unless_forced(
    folder: Path, mirror: StartMirror, capsys: pytest.CaptureFixture[str]
) -> None:
    good, path = mirror(ranged), folder / "lips.pth"
    flags = ("lips", "--yes", "--mirror", good.url)
    assert fetch(*flags) == fetch(*flags) == 0 and len(good.asked) == 1
    path.write_bytes(OTHER)
    assert fetch(*flags) == 2 and path.read_bytes() == OTHER
    assert "--force" in capsys.readouterr().err
    assert fetch(*flags, "--force") == 0 and path.read_bytes() == DATA


def test_a_file_without_a_sum_on_record_needs_the_users(folder: Path, mirror: StartMirror) -> None:
    good = mirror(ranged)
    know(folder, sha256=None, total_bytes=None)
    flags = ("lips", "--yes", "--mirror", good.url)
    assert fetch(*flags) == 2 and good.asked == []
    assert fetch(*flags, "--sha256", "0" * 64) == 2
    assert fetch(*flags, "--sha256", SUM.upper()) == 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "choose one of lips."),
        (["hips"], 'no weights "hips"; choose one of lips.'),
        (["lips"], "--mirror https://HOST/FOLDER"),
        (["lips", "--mirror", "example.org"], "https://"),
        (["lips", "--mirror", "http://example.org"], "https://"),
        (["lips", "--sha256", "12"], "64 hexadecimal"),
        (["lips", "--sha256", "0" * 64], "leave it out"),
    ],
)
def test_fetch_says_in_one_line_what_it_needs(
    folder: Path, capsys: pytest.CaptureFixture[str], flags: list[str], said: str
) -> None:
    assert fetch(*flags) == 2
    complained = capsys.readouterr().err
    assert complained.startswith("error: ") and said in complained and complained.count("\n") == 1


def test_ctrl_c_keeps_what_came_and_the_same_command_continues_it(
    folder: Path, mirror: StartMirror, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held, part = mirror(hold_after(HALF), ranged), folder / "lips.pth.part"
    monkeypatch.setenv("LIPWIRE_WEIGHTS_MIRRORS", held.url)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # children of background jobs ignore Ctrl-C
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "weights", "fetch", "lips", "--yes"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    signal.signal(signal.SIGINT, before)
    until_s = time.monotonic() + 20
    while not (part.is_file() and part.stat().st_size) and time.monotonic() < until_s:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said, complained = process.communicate(timeout=20)
    assert process.returncode == 130 and "continues it" in said and "Traceback" not in complained
    came = part.stat().st_size
    assert 0 < came <= HALF
    assert fetch("lips", "--yes") == 0
    assert (folder / "lips.pth").read_bytes() == DATA and held.ranges == [None, f"bytes={came}-"]
    assert "continuing lips.pth.part" in capsys.readouterr().out


def test_list_and_verify_tell_what_is_here_and_right(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def states(action: str, status: int) -> dict[str, str]:
        assert main(["weights", action]) == status
        return {line.split()[0]: line.split()[1] for line in capsys.readouterr().out.splitlines()}

    (folder / "manifest.json").unlink()
    (folder / "wav2lip.safetensors").touch()
    here = {"wav2lip-gan": "missing", "wav2lip": "missing", "wav2lip-safetensors": "here", "lipwire-mouth": "here"}
    assert states("list", 0) == here
    assert states("verify", 0) == {**here, "wav2lip-safetensors": "unknown", "lipwire-mouth": "ok"}
    (folder / "wav2lip.pth").write_bytes(OTHER)
    assert states("verify", 1)["wav2lip"] == "wrong"


def test_what_is_bundled_is_never_fetched(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "manifest.json").write_bytes((WEIGHTS / "manifest.json").read_bytes())
    assert fetch("lipwire-mouth", "--yes") == 2
    assert "comes with Lipwire" in capsys.readouterr().err
