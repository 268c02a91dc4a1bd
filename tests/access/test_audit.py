"""Audit lines: whole, bounded, and past a full or slow disk."""

from __future__ import annotations

import json
import logging
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from app.access.audit import MOST_WAITING, Audit
from app.errors import Refusal
from app.log_context import ADDRESS, KEY


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.log"


def test_a_line_says_who_did_what_and_how_it_went(path: Path) -> None:
    audit = Audit(path)
    reset = KEY.set("key_a"), ADDRESS.set("192.0.2.7")
    try:
        with audit.act("session_made", avatar="default") as line:
            line["session"] = "5e55"
        with pytest.raises(Refusal), audit.act("session_made", avatar="\n\x1b[31mx"):
            raise Refusal("server_full", "")
        with pytest.raises(ZeroDivisionError), audit.act("session_made", key="key_b"):
            raise ZeroDivisionError
    finally:
        KEY.reset(reset[0])
        ADDRESS.reset(reset[1])
    audit.close()
    audit.close()
    made, full, broken = lines(path)
    assert made.pop("time").endswith("+00:00")
    assert made == {
        "action": "session_made", "outcome": "ok", "key": "key_a", "address": "192.0.2.7",
        "avatar": "default", "session": "5e55",
    }  # fmt: skip
    assert (full["outcome"], full["avatar"]) == ("server_full", "\n\x1b[31mx")
    assert (broken["outcome"], broken["key"]) == ("ZeroDivisionError", "key_b")
    assert "\x1b" not in path.read_text() and path.read_text().count("\n") == 3
    assert path.stat().st_mode & 0o027 == 0, "not for everybody"


def test_without_a_file_lines_are_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Audit(None).note("token_issued", fields={"session": "5e55"})
    assert '"action": "token_issued"' in caplog.text


def test_a_file_that_is_renamed_is_begun_anew(path: Path) -> None:
    audit = Audit(path)
    audit.note("one")
    audit.close()
    path.rename(path.with_suffix(".1"))
    audit = Audit(path)
    audit.note("two")
    while not path.exists():
        pass
    path.rename(path.with_suffix(".2"))
    audit.note("three")
    audit.close()
    assert [lines(path.with_suffix(suffix))[0]["action"] for suffix in (".1", ".2", ".log")] == ["one", "two", "three"]


def test_a_full_disk_is_said_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    audit = Audit(Path("/dev/full"))
    for _ in range(3):
        audit.note("session_made")
    audit.close()
    assert audit.lost == 3 and caplog.text.count("No space left") == 1


def test_a_folder_that_is_not_there_is_said(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    audit = Audit(path / "no" / "such")
    audit.note("session_made")
    audit.close()
    assert audit.lost == 1 and "could not be written" in caplog.text


def test_a_flood_before_a_disk_that_stands_still_is_bounded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    slow = tmp_path / "fifo"
    os.mkfifo(slow)  # opening it waits for a reader
    audit = Audit(slow)
    for number in range(5 * MOST_WAITING):
        audit.note("interrupt", fields={"number": number})
    assert 2 * MOST_WAITING <= audit.lost <= 4 * MOST_WAITING
    assert "the disk is slow" in caplog.text and caplog.text.count("could not be written") < 20
    read: list[bytes] = []

    def drain() -> None:
        while len(b"".join(read).splitlines()) < 5 * MOST_WAITING - audit.lost:
            with slow.open("rb") as file:
                read.append(file.read())

    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    audit.close()
    reader.join(5)
    assert json.loads(b"".join(read).splitlines()[0])["number"] == 0
