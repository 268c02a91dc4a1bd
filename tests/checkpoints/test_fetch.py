"""Fetching weights from real servers on this machine, most of them bad ones."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.checkpoints.download import Pace, Patience
from app.checkpoints.fetch import FetchError, addresses, fetch, is_here, require_consent, wanted
from app.checkpoints.manifest import Wanted, WeightsError, find_entry, read_manifest
from app.checkpoints.partial_download import Origin, PartialDownload
from app.cli import main
from tests.mirror import (
    DATA,
    TAG,
    Answer,
    Mirror,
    Request,
    announce,
    dribble,
    hold_after,
    ranged,
    refuse,
    up_to,
    whole,
)  # fmt: skip
from tests.paths import ROOT

SUM = hashlib.sha256(DATA).hexdigest()
HALF = len(DATA) // 2
OTHER = DATA[::-1]
HURRIED = Patience(connect_s=5, silence_s=1, slow_bytes_s=2000, slow_s=0.2, tries=3, backoff_s=0)


def write_manifest(folder: Path, sha256: str | None = SUM, urls: tuple[str, ...] = (), **more: int) -> None:
    entry = {
        "name": "lips", "engine": "wav2lip", "file": "lips.pth", "sha256": sha256, "licence": "research only",
        "about": "A file of a test.", "made_by": "Made by Ada.", "terms": "No selling.", "urls": urls, **more,
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps({"weights": [entry]}))


Start = Callable[..., Mirror]


@dataclass
class Desk:
    """What one test fetches with."""

    folder: Path
    said: list[str] = field(default_factory=list)

    @property
    def path(self) -> Path:
        return self.folder / "lips.pth"

    @property
    def part(self) -> PartialDownload:
        return PartialDownload(self.path)

    def fetch(self, *mirrors: Mirror | str, sha256: str | None = SUM, total_bytes: int | None = None) -> None:
        urls = [mirror if isinstance(mirror, str) else mirror.url for mirror in mirrors]
        sources = addresses(find_entry(self.folder, "lips"), urls)
        fetch(self.path, sources, Wanted(sha256, total_bytes), HURRIED, self.said.append)

    def names(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()} - {"manifest.json"}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever proxy this machine has is not for its own servers."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    write_manifest(tmp_path)
    return Desk(tmp_path)


@pytest.fixture
def mirror() -> Iterator[Start]:
    """Start mirrors; they end with the test."""
    started: list[Mirror] = []

    def start(*answers: Answer) -> Mirror:
        started.append(Mirror(*answers))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
def dead() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_a_fetched_file_is_checked_and_nothing_else_is_left(desk: Desk, mirror: Start) -> None:
    good = mirror(ranged)
    desk.fetch(good)
    assert desk.path.read_bytes() == DATA and desk.names() == {"lips.pth"}
    assert [request.path for request in good.asked] == ["/models/lips.pth"]
    assert SUM in desk.said[-1]


def test_mirrors_are_asked_in_turn_and_the_manifests_address_last(desk: Desk, mirror: Start, dead: str) -> None:
    missing, good = mirror(refuse(404)), mirror(ranged)
    write_manifest(desk.folder, urls=(f"{good.url}/elsewhere.bin",))
    desk.fetch(dead, missing)
    assert desk.path.read_bytes() == DATA
    assert [request.path for request in good.asked] == ["/models/elsewhere.bin"]
    assert len(missing.asked) == 1


def test_a_mirror_may_be_the_files_own_address(desk: Desk) -> None:
    entry = find_entry(desk.folder, "lips")
    assert addresses(entry, ["http://a/x/", "http://b/lips.pth", "http://a/x"]) == [
        "http://a/x/lips.pth",
        "http://b/lips.pth",
    ]


def test_a_file_with_the_wrong_sum_is_deleted_and_the_next_mirror_asked(desk: Desk, mirror: Start) -> None:
    broken, good = mirror(whole(OTHER)), mirror(ranged)
    desk.fetch(broken, good)
    assert desk.path.read_bytes() == DATA
    assert len(broken.asked) == 1 and good.ranges == [None]
    with pytest.raises(FetchError, match="instead of"):
        Desk(desk.folder).fetch(broken)
    assert desk.names() == {"lips.pth"}


def test_when_every_mirror_fails_one_line_says_why_of_each(desk: Desk, mirror: Start, dead: str) -> None:
    missing, page = mirror(refuse(404)), mirror(whole(b"<html>", Content_Type="text/html; charset=utf-8"))
    with pytest.raises(FetchError) as caught:
        desk.fetch(dead, missing, page)
    said = str(caught.value)
    assert "\n" not in said and "--mirror" in said
    assert f"put the file at {desk.path} yourself; its SHA-256 is {SUM}" in said
    assert all(reason in said for reason in (dead, "cannot be reached", "404", "web page"))
    assert desk.names() == set()


def unbounded(request: Request) -> None:
    """Answer without saying how long the file is."""
    request.head(200, None)
    with contextlib.suppress(ConnectionError):
        for _ in range(1000):
            request.wfile.write(OTHER)


def test_a_file_of_the_wrong_length_is_refused_before_its_bytes_come(desk: Desk, mirror: Start) -> None:
    longer, shorter, good = mirror(announce(len(DATA) + 1)), mirror(announce(len(DATA) - 1)), mirror(ranged)
    desk.fetch(longer, shorter, good, total_bytes=len(DATA))
    assert desk.path.read_bytes() == DATA
    assert len(longer.asked) == len(shorter.asked) == 1
    assert f"{len(DATA) + 1} bytes instead of {len(DATA)}" in "".join(desk.said)


def test_a_file_without_a_stated_length_ends_where_it_is_too_long(desk: Desk, mirror: Start) -> None:
    endless, good = mirror(unbounded), mirror(ranged)
    desk.fetch(endless, good, total_bytes=len(DATA))
    assert desk.path.read_bytes() == DATA and desk.names() == {"lips.pth"}
    assert len(endless.asked) == 1


def test_the_command_tries_the_addresses_on_record_once_the_terms_are_accepted(
    desk: Desk, mirror: Start, dead: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIPWIRE_WEIGHTS_DIR", str(desk.folder))
    monkeypatch.delenv("LIPWIRE_WEIGHTS_MIRRORS", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    other, good = mirror(whole(OTHER)), mirror(ranged)
    urls = (f"{dead}/lips.pth", f"{other.url}/lips.pth", f"{good.url}/the-same.bin")
    write_manifest(desk.folder, urls=urls, total_bytes=len(DATA))
    assert main(["weights", "fetch", "lips"]) == 2 and other.asked == good.asked == []
    assert "--yes" in capsys.readouterr().err
    assert main(["weights", "fetch", "lips", "--yes"]) == 0
    assert desk.path.read_bytes() == DATA and desk.names() == {"lips.pth"}
    said = capsys.readouterr().out
    assert "cannot be reached" in said and f"instead of {SUM}" in said


def test_a_short_answer_is_continued_where_it_ended(desk: Desk, mirror: Start) -> None:
    short = mirror(up_to(HALF), up_to(HALF + 10), ranged)
    desk.fetch(short)
    assert desk.path.read_bytes() == DATA
    assert short.ranges == [None, f"bytes={HALF}-", f"bytes={HALF + 10}-"]
    assert [request.headers["If-Range"] for request in short.asked] == [None, TAG, TAG]


def test_after_a_few_short_answers_the_next_mirror_continues_when_a_sum_will_tell(desk: Desk, mirror: Start) -> None:
    short, good = mirror(up_to(HALF)), mirror(ranged)
    desk.fetch(short, good)
    assert desk.path.read_bytes() == DATA
    assert len(short.asked) == HURRIED.tries
    assert good.ranges == [f"bytes={HALF}-"] and good.asked[0].headers["If-Range"] is None


def test_without_a_sum_bytes_of_two_servers_are_never_mixed(desk: Desk, mirror: Start) -> None:
    short, good = mirror(up_to(HALF)), mirror(ranged)
    with pytest.raises(FetchError, match="no Wav2Lip checkpoint"):
        desk.fetch(short, good, sha256=None)
    assert good.ranges == [None]


def test_bytes_mixed_under_a_sum_are_not_continued_without_one(desk: Desk, mirror: Start) -> None:
    first, second = mirror(up_to(HALF)), mirror(up_to(HALF + 10))
    with pytest.raises(FetchError):
        desk.fetch(first, second)
    assert desk.part.size == HALF + 10
    asked = len(first.asked)
    with pytest.raises(FetchError):
        desk.fetch(first, sha256=None)
    assert first.ranges[asked] is None


def test_a_server_that_ignores_ranges_starts_from_zero(desk: Desk, mirror: Start) -> None:
    old = mirror(up_to(HALF), whole())
    desk.fetch(old)
    assert desk.path.read_bytes() == DATA and old.ranges == [None, f"bytes={HALF}-"]


def test_a_refused_range_starts_from_zero(desk: Desk, mirror: Start) -> None:
    confused = mirror(up_to(HALF), refuse(416), ranged)
    desk.fetch(confused)
    assert desk.path.read_bytes() == DATA and confused.ranges == [None, f"bytes={HALF}-", None]


@pytest.mark.parametrize(
    "stated", [f"bytes 0-{len(DATA) - 1}/{len(DATA)}", f"bytes {HALF}-{len(DATA)}/{len(DATA) + 1}", "nonsense"]
)
def test_a_continuation_of_something_else_starts_from_zero(desk: Desk, mirror: Start, stated: str) -> None:
    def wrong(request: Request) -> None:
        request.head(206, HALF, Content_Range=stated)
        request.wfile.write(OTHER[:HALF])

    confused = mirror(up_to(HALF), wrong, ranged)
    desk.fetch(confused)
    assert desk.path.read_bytes() == DATA and confused.ranges == [None, f"bytes={HALF}-", None]


@pytest.mark.parametrize(("slow", "came"), [(dribble, range(1, HALF)), (hold_after(HALF), range(HALF, HALF + 1))])
def test_a_stalled_server_is_given_up_for_the_next(desk: Desk, mirror: Start, slow: Answer, came: range) -> None:
    stalled, missing, good = mirror(slow), mirror(refuse(404)), mirror(ranged)
    with pytest.raises(FetchError, match=r"stalled.*continues it"):
        desk.fetch(stalled, missing)
    assert desk.part.size in came and not desk.path.exists()
    desk.fetch(good)
    assert desk.path.read_bytes() == DATA and len(stalled.asked) == 1


def test_a_stall_is_few_bytes_over_a_whole_stretch() -> None:
    pace = Pace(Patience(slow_bytes_s=100, slow_s=10), now_s=0)
    assert not pace.stalled(9.9, 1)
    assert not pace.stalled(10, 999)  # 1000 bytes in 10 s
    assert not pace.stalled(19, 0)
    assert pace.stalled(20, 999)


@pytest.mark.parametrize("body", [b"<!DOCTYPE html><p>Sign in", b"temporarily unavailable", b"1\n", b"PK\3\4", b""])
def test_what_claims_to_be_a_file_is_refused_without_a_sum(desk: Desk, mirror: Start, body: bytes) -> None:
    page = mirror(whole(body, Content_Type="application/octet-stream"))
    with pytest.raises(FetchError, match="no Wav2Lip checkpoint"):
        desk.fetch(page, sha256=None)
    assert desk.names() == set()


def test_what_an_earlier_run_left_is_continued(desk: Desk, mirror: Start) -> None:
    good = mirror(ranged)
    desk.part.path.write_bytes(DATA[:HALF])
    desk.fetch(good)
    assert desk.path.read_bytes() == DATA and good.ranges == [f"bytes={HALF}-"]


def test_bad_bytes_of_an_earlier_run_do_not_discredit_a_good_mirror(desk: Desk, mirror: Start) -> None:
    good = mirror(ranged)
    desk.part.path.write_bytes(OTHER[:HALF])
    desk.fetch(good)
    assert desk.path.read_bytes() == DATA and good.ranges == [f"bytes={HALF}-", None]


def test_a_complete_part_is_only_checked(desk: Desk, mirror: Start) -> None:
    good = mirror(ranged)
    desk.part.begin(Origin(f"{good.url}/lips.pth", TAG, len(DATA)))
    desk.part.path.write_bytes(DATA)
    desk.fetch(good)
    assert desk.path.read_bytes() == DATA and good.asked == []


def test_a_file_that_changed_on_the_server_starts_from_zero(desk: Desk, mirror: Start) -> None:
    good = mirror(ranged)
    desk.part.begin(Origin(f"{good.url}/lips.pth", '"older"', len(DATA)))
    desk.part.path.write_bytes(OTHER[:HALF])
    desk.fetch(good)
    assert desk.path.read_bytes() == DATA
    assert len(good.asked) == 1 and good.asked[0].headers["If-Range"] == '"older"'


def test_a_server_that_continues_another_version_starts_from_zero(desk: Desk, mirror: Start) -> None:
    def careless(request: Request) -> None:
        stated = f"bytes {HALF}-{len(DATA) - 1}/{len(DATA)}"
        request.head(206, HALF, ETag='"newer"', Content_Range=stated)
        request.wfile.write(OTHER[HALF:])

    changed = mirror(up_to(HALF), careless, ranged)
    desk.fetch(changed)
    assert desk.path.read_bytes() == DATA and changed.ranges == [None, f"bytes={HALF}-", None]


def test_a_full_disk_is_noticed_before_anything_is_written(desk: Desk, mirror: Start) -> None:
    with pytest.raises(WeightsError, match="LIPWIRE_WEIGHTS_DIR"):
        desk.fetch(mirror(announce(10**18)))
    assert desk.names() == set()


def test_a_file_that_is_here_is_left_alone_and_a_wrong_one_too(desk: Desk) -> None:
    assert not is_here(desk.path, SUM, desk.said.append)
    desk.path.write_bytes(DATA)
    assert is_here(desk.path, SUM, desk.said.append) and "here already" in desk.said[-1]
    with pytest.raises(FetchError, match="--force"):
        is_here(desk.path, hashlib.sha256(OTHER).hexdigest(), desk.said.append)
    with pytest.raises(FetchError, match="--force"):
        is_here(desk.path, None, desk.said.append)


def test_a_pinned_sum_must_be_one_and_agree_with_the_record(desk: Desk) -> None:
    entry = find_entry(desk.folder, "lips")
    assert wanted(entry, None) == wanted(entry, SUM.upper()) == Wanted(SUM)
    for pinned in ("abc", "0" * 64):
        with pytest.raises(FetchError, match="--sha256"):
            wanted(entry, pinned)
    write_manifest(desk.folder, sha256=None)
    assert wanted(find_entry(desk.folder, "lips"), "0" * 64) == Wanted("0" * 64)


def test_terms_are_shown_and_need_a_yes(desk: Desk) -> None:
    entry = find_entry(desk.folder, "lips")
    require_consent(entry, True, None, desk.said.append)
    shown = "\n".join(desk.said)
    assert all(part in shown for part in ("Ada", "research only", "No selling"))
    require_consent(entry, False, lambda question: " Y ", desk.said.append)
    with pytest.raises(FetchError, match="not accepted"):
        require_consent(entry, False, lambda question: "", desk.said.append)
    with pytest.raises(FetchError, match="--yes"):
        require_consent(entry, False, None, desk.said.append)


def command(*flags: str) -> list[str]:
    return [sys.executable, "-m", "app", "weights", "fetch", *flags]


def test_the_command_asks_nobody_when_there_is_no_terminal(desk: Desk, mirror: Start) -> None:
    good = mirror(ranged)
    ended = subprocess.run(
        command("lips", "--mirror", good.url), cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True,
        env={**os.environ, "LIPWIRE_WEIGHTS_DIR": str(desk.folder)}, text=True, timeout=30,
    )  # fmt: skip
    assert ended.returncode == 2 and good.asked == []
    assert "No selling" in ended.stdout
    assert ended.stderr.startswith("error: ") and "--yes" in ended.stderr and ended.stderr.count("\n") == 1


def test_ctrl_c_keeps_what_came_and_the_same_command_continues_it(
    desk: Desk, mirror: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held = mirror(hold_after(HALF), ranged)
    monkeypatch.setenv("LIPWIRE_WEIGHTS_DIR", str(desk.folder))
    monkeypatch.setenv("LIPWIRE_WEIGHTS_MIRRORS", held.url)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # children of background jobs ignore Ctrl-C
    process = subprocess.Popen(
        command("lips", "--yes"), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    signal.signal(signal.SIGINT, before)
    until_s = time.monotonic() + 20
    while desk.part.size == 0 and time.monotonic() < until_s:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said, complained = process.communicate(timeout=20)
    assert process.returncode == 130 and "continues it" in said and "Traceback" not in complained
    came = desk.part.size
    assert 0 < came <= HALF
    assert main(["weights", "fetch", "lips", "--yes"]) == 0
    assert desk.path.read_bytes() == DATA and held.ranges == [None, f"bytes={came}-"]
    assert "lips.part.pth" in capsys.readouterr().out


def test_the_command_does_nothing_twice_unless_forced(
    desk: Desk, mirror: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = mirror(ranged)
    monkeypatch.setenv("LIPWIRE_WEIGHTS_DIR", str(desk.folder))
    wanted = ["weights", "fetch", "lips", "--yes", "--mirror", good.url]
    assert main(wanted) == main(wanted) == 0 and len(good.asked) == 1
    assert main([*wanted, "--force"]) == 0 and len(good.asked) == 2


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "choose one of lips."),
        (["hips"], 'no weights "hips"; choose one of lips.'),
        (["lips"], "--mirror https://HOST/FOLDER"),
        (["lips", "--mirror", "example.org"], "http://"),
        (["lips", "--sha256", "12"], "64 hexadecimal"),
    ],
)
def test_the_command_says_in_one_line_what_it_needs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], flags: list[str], said: str
) -> None:
    monkeypatch.setenv("LIPWIRE_WEIGHTS_DIR", str(desk.folder))
    monkeypatch.delenv("LIPWIRE_WEIGHTS_MIRRORS", raising=False)
    assert main(["weights", "fetch", *flags]) == 2
    complained = capsys.readouterr().err
    assert said in complained and complained.count("\n") == 1


def test_passwords_in_addresses_are_neither_shown_nor_kept(desk: Desk, mirror: Start) -> None:
    short = mirror(up_to(HALF))
    with pytest.raises(FetchError) as caught:
        desk.fetch(short.url.replace("//", "//ada:s@cret@"))
    kept = desk.part.origin()
    assert kept is not None and kept.address == f"{short.url}/lips.pth"
    assert "cret" not in str(caught.value) + "".join(desk.said)


def test_the_shipped_manifest_says_whose_and_on_what_terms() -> None:
    for entry in read_manifest(ROOT / "weights"):
        assert entry.made_by and entry.terms and entry.licence


@pytest.mark.parametrize("name", ["wav2lip-gan", "wav2lip"])
def test_the_public_checkpoints_have_several_addresses_and_one_sum(name: str) -> None:
    entry = find_entry(ROOT / "weights", name)
    assert len(entry.urls) == len(set(entry.urls)) >= 2 and entry.total_bytes
    assert all(url.startswith("https://") and url.endswith(f"/{entry.file}") for url in entry.urls)
    assert wanted(entry, None).sha256
