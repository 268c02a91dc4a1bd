"""``lipwire keys``: what is shown once, what is kept, and what is refused."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest

from app.access.key import sum_of
from app.access.key_ring import KeyRing
from app.access.keys_file import read_entries
from app.access.quota import Quota
from app.cli import main


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIPWIRE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("LIPWIRE_AUDIT_FILE", str(tmp_path / "audit.log"))
    for name in ("KEYS_FILE", "API_KEYS"):
        monkeypatch.delenv(f"LIPWIRE_{name}", raising=False)
    return tmp_path / "keys.json"


def added(capsys: pytest.CaptureFixture[str], *flags: str) -> str:
    assert main(["keys", "add", *flags]) == 0
    return capsys.readouterr().out.strip()


def test_a_key_is_shown_once_and_its_sum_kept(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quotas = ("--sessions", "2", "--minutes", "90.5", "--avatars", "0", "--megabytes", "100", "--expires", "30")
    text = added(capsys, "Ann", *quotas)
    assert text.startswith("lw_") and len(text) >= 43 + 3
    (entry,) = read_entries(path)
    assert entry.sha256 == sum_of(text) and text not in path.read_text()
    assert entry.expires is not None and (entry.expires - entry.added).days == 30
    key = KeyRing([], path, Quota(avatars=9)).find(text)
    assert key is not None and key.quota == Quota(2, 90.5, 0, 100)
    assert main(["keys", "list"]) == 0
    shown = capsys.readouterr().out
    assert entry.id in shown and "Ann" in shown and "minutes=90.5" in shown and entry.sha256 not in shown


def test_keys_differ(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len({added(capsys, f"{number}") for number in range(20)}) == 20


@pytest.mark.parametrize("by", ["name", "id"])
def test_one_is_revoked_by_name_or_id(path: Path, capsys: pytest.CaptureFixture[str], by: str) -> None:
    added(capsys, "Ann")
    added(capsys, "Bob")
    assert main(["keys", "revoke", str(getattr(read_entries(path)[0], by))]) == 0
    assert [entry.name for entry in read_entries(path)] == ["Bob"]


def test_a_renewed_key_keeps_its_id_and_so_all_that_it_owns(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = added(capsys, "Ann", "--sessions", "2")
    before = read_entries(path)[0]
    assert main(["keys", "renew", "Ann"]) == 0
    new = capsys.readouterr().out.strip()
    ring = KeyRing([], path)
    key = ring.find(new)
    assert ring.find(old) is None and key is not None and (key.id, key.quota.sessions) == (before.id, 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ["add", ""], ["add", "x" * 65], ["add", "a\nb"], ["add", "Ann\n"], ["add", "\x1b[31m"], ["add", "There"],
        ["add", "Ann", "--sessions", "-1"], ["add", "Ann", "--minutes", "nan"], ["add", "Ann", "--minutes", "inf"],
        ["add", "Ann", "--expires", "0"], ["add", "Ann", "--expires", "nan"], ["add", "Ann", "--expires", "1e9"],
        ["revoke", "nobody"], ["renew", "nobody"],
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_changes_nothing(
    path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    added(capsys, "There")
    before = path.read_bytes()
    assert main(["keys", *arguments]) == 2
    assert capsys.readouterr().err.startswith("error: ") and path.read_bytes() == before


def test_a_damaged_file_is_said_and_left_as_it_is(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text("{")
    for arguments in (["list"], ["add", "Ann"], ["revoke", "Ann"]):
        assert main(["keys", *arguments]) == 2
        assert "is damaged" in capsys.readouterr().err
    assert path.read_text() == "{"


def test_changes_are_audited(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = added(capsys, "Ann")
    main(["keys", "revoke", "Ann"])
    lines = [json.loads(line) for line in (path.parent / "audit.log").read_text().splitlines()]
    assert [(line["action"], line["name"]) for line in lines] == [("key_added", "Ann"), ("key_revoked", "Ann")]
    assert text not in (path.parent / "audit.log").read_text()


def _add(number: int) -> None:
    assert main(["--log-level", "error", "keys", "add", f"key {number}"]) == 0


def test_two_who_add_at_once_lose_nothing(path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        pool.map(_add, range(12))
    assert len(read_entries(path)) == 12
