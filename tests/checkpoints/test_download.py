"""Downloads from real servers on this machine, most of them bad ones."""

from __future__ import annotations

import contextlib
import resource
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.checkpoints.download import Download, Patience
from app.checkpoints.manifest import WeightsError
from tests.mirror import (
    DATA,
    SUM,
    Answer,
    Mirror,
    Request,
    StartMirror,
    announce,
    dead_address,
    dribble,
    hold_after,
    ranged,
    redirect,
    refuse,
    up_to,
    whole,
)  # fmt: skip

HALF = len(DATA) // 2
OTHER = DATA[::-1]
FROM_HALF = f"bytes={HALF}-"
HURRIED = Patience(stall_s=0.5, slow_bytes_s=2000, tries=3, pause_s=0)


@dataclass
class Desk:
    """What one test fetches with."""

    folder: Path
    said: list[str] = field(default_factory=list)

    @property
    def path(self) -> Path:
        return self.folder / "lips.pth"

    @property
    def part(self) -> Path:
        return self.folder / "lips.pth.part"

    def fetch(self, *mirrors: Mirror | str, total_bytes: int | None = len(DATA)) -> None:
        addresses = [mirror if isinstance(mirror, str) else f"{mirror.url}/lips.pth" for mirror in mirrors]
        Download(self.path, SUM, total_bytes, self.said.append, HURRIED).run(addresses)

    @property
    def done(self) -> bool:
        """Whether the file is there, right, and nothing else."""
        return [path.name for path in self.folder.iterdir()] == ["lips.pth"] and self.path.read_bytes() == DATA


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_fetched_file_is_checked_and_nothing_else_is_left(desk: Desk, mirror: StartMirror) -> None:
    good = mirror(ranged)
    desk.fetch(good)
    assert desk.done and len(good.asked) == 1 and SUM in desk.said[-1]


def test_addresses_are_asked_in_turn_until_one_gives_the_file(desk: Desk, mirror: StartMirror) -> None:
    missing, good, spare = mirror(refuse(404)), mirror(ranged), mirror(ranged)
    desk.fetch(dead_address(), missing, good, spare)
    assert desk.done and len(missing.asked) == len(good.asked) == 1 and spare.asked == []


def test_a_file_with_the_wrong_sum_is_deleted_and_the_next_mirror_asked(desk: Desk, mirror: StartMirror) -> None:
    wrong, good = mirror(whole(OTHER)), mirror(ranged)
    with pytest.raises(WeightsError, match="instead of"):
        desk.fetch(wrong)
    assert list(desk.folder.iterdir()) == []
    desk.fetch(wrong, good)
    assert desk.done and len(wrong.asked) == 2 and good.ranges == [None]


def test_when_every_address_fails_one_line_says_why_of_each(desk: Desk, mirror: StartMirror) -> None:
    dead, missing, page = dead_address(), mirror(refuse(404)), mirror(whole(b"<p>", Content_Type="text/html; x"))
    with pytest.raises(WeightsError) as caught:
        desk.fetch(dead, missing, page, "https://nowhere:port/lips.pth")
    said = str(caught.value)
    assert "\n" not in said and "--mirror" in said
    assert f"put the file at {desk.path} yourself; its SHA-256 is {SUM}" in said
    assert all(reason in said for reason in (dead, "cannot be reached", "404", "web page", "nowhere"))
    assert list(desk.folder.iterdir()) == []


def test_a_file_of_the_wrong_length_is_refused_before_its_bytes_come(desk: Desk, mirror: StartMirror) -> None:
    longer, shorter, good = mirror(announce(len(DATA) + 1)), mirror(announce(len(DATA) - 1)), mirror(ranged)
    desk.fetch(longer, shorter, good)
    assert desk.done and len(longer.asked) == len(shorter.asked) == 1
    assert f"{len(DATA) + 1} bytes instead of {len(DATA)}" in "".join(desk.said)


@contextlib.contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let no file grow beyond this size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def unbounded(request: Request) -> None:
    """Answer without saying how long the file is."""
    request.head(200, None)
    with contextlib.suppress(ConnectionError):
        for _ in range(1000):
            request.wfile.write(OTHER)


def test_a_file_without_a_stated_length_ends_where_it_is_too_long(desk: Desk, mirror: StartMirror) -> None:
    endless, good = mirror(unbounded), mirror(ranged)
    with files_up_to(2 * len(DATA)):
        desk.fetch(endless, good)
    assert desk.done and len(endless.asked) == 1


@pytest.mark.parametrize("total_bytes", [len(DATA), None])
def test_a_cut_connection_is_continued_where_it_ended(desk: Desk, mirror: StartMirror, total_bytes: int | None) -> None:
    cut = mirror(up_to(HALF), up_to(HALF + 10), ranged)
    desk.fetch(cut, total_bytes=total_bytes)
    assert desk.done and cut.ranges == [None, FROM_HALF, f"bytes={HALF + 10}-"]


def test_after_a_few_cuts_the_next_mirror_continues(desk: Desk, mirror: StartMirror) -> None:
    cut, good = mirror(up_to(HALF)), mirror(ranged)
    desk.fetch(cut, good)
    assert desk.done and len(cut.asked) == HURRIED.tries and good.ranges == [FROM_HALF]


def continues_with(stated: str, body: bytes) -> Answer:
    """Answer a range with these bytes, whatever was asked."""

    def answer(request: Request) -> None:
        request.head(206, len(body), Content_Range=stated)
        request.wfile.write(body)

    return answer


@pytest.mark.parametrize(
    "confused",
    [
        refuse(416),
        continues_with(f"bytes 0-{len(DATA) - 1}/{len(DATA)}", DATA),
        continues_with("nonsense", DATA[HALF:]),
        continues_with(f"bytes {HALF}-{len(DATA) - 1}/{len(DATA)}", OTHER[HALF:]),  # the file has changed
    ],
)
def test_a_continuation_of_something_else_starts_from_zero(desk: Desk, mirror: StartMirror, confused: Answer) -> None:
    server = mirror(up_to(HALF), confused, ranged)
    desk.fetch(server)
    assert desk.done and server.ranges == [None, FROM_HALF, None]


def test_a_server_that_gives_less_than_the_range_is_asked_for_the_rest(desk: Desk, mirror: StartMirror) -> None:
    some = continues_with(f"bytes {HALF}-{HALF + 9}/{len(DATA)}", DATA[HALF : HALF + 10])
    server = mirror(up_to(HALF), some, ranged)
    desk.fetch(server)
    assert desk.done and server.ranges == [None, FROM_HALF, f"bytes={HALF + 10}-"]


def test_a_server_that_ignores_ranges_starts_from_zero(desk: Desk, mirror: StartMirror) -> None:
    old = mirror(up_to(HALF), whole())
    desk.fetch(old)
    assert desk.done and old.ranges == [None, FROM_HALF]


def test_a_file_that_has_another_length_by_now_is_not_continued(desk: Desk, mirror: StartMirror) -> None:
    changed, good = mirror(up_to(HALF), ranged_of(DATA + b"more")), mirror(ranged)
    desk.fetch(changed, good)
    assert desk.done and changed.ranges == [None, FROM_HALF] == [None, *good.ranges]


def ranged_of(body: bytes) -> Answer:
    """Answer as a good server does, with another file."""
    return up_to(len(body), body)


@pytest.mark.parametrize(("slow", "came"), [(dribble, range(1, HALF)), (hold_after(HALF), range(HALF, HALF + 1))])
def test_a_stalled_server_is_given_up_and_what_came_continued(
    desk: Desk, mirror: StartMirror, slow: Answer, came: range
) -> None:
    stalled, good = mirror(slow), mirror(ranged)
    with pytest.raises(WeightsError, match=r"it stalled: .*continues it"):
        desk.fetch(stalled)
    size = desk.part.stat().st_size
    assert size in came and not desk.path.exists() and len(stalled.asked) == 1
    desk.fetch(good)
    assert desk.done and good.ranges == [f"bytes={size}-"] and "continuing lips.pth.part" in "".join(desk.said)


def slowly(request: Request) -> None:
    """Send it over two stretches of a stall's length."""
    request.head(200, len(DATA))
    for start in range(0, len(DATA), len(DATA) // 10):
        request.wfile.write(DATA[start : start + len(DATA) // 10])
        request.server.ended.wait(HURRIED.stall_s / 4)


def test_a_slow_line_is_no_stall(desk: Desk, mirror: StartMirror) -> None:
    slow = mirror(slowly)
    desk.fetch(slow)
    assert desk.done and len(slow.asked) == 1


@pytest.mark.parametrize(("left", "ranges"), [(OTHER[:HALF], [FROM_HALF, None]), (DATA + b"more", [None])])
def test_bad_bytes_of_an_earlier_run_do_not_discredit_a_good_mirror(
    desk: Desk, mirror: StartMirror, left: bytes, ranges: list[str | None]
) -> None:
    good = mirror(ranged)
    desk.part.write_bytes(left)
    desk.fetch(good)
    assert desk.done and good.ranges == ranges


def test_a_complete_part_is_only_checked(desk: Desk, mirror: StartMirror) -> None:
    good = mirror(ranged)
    desk.part.write_bytes(DATA)
    desk.fetch(good)
    assert desk.done and good.asked == []


def test_a_full_disk_is_noticed_before_anything_is_written(
    desk: Desk, mirror: StartMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(desk.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=HALF))
    with pytest.raises(WeightsError, match="LIPWIRE_WEIGHTS_DIR"):
        desk.fetch(mirror(ranged))
    assert list(desk.folder.iterdir()) == []
    desk.part.write_bytes(DATA[:HALF])
    desk.fetch(mirror(ranged))
    assert desk.done


def test_a_disk_that_fills_up_on_the_way_keeps_what_came(desk: Desk, mirror: StartMirror) -> None:
    with files_up_to(HALF), pytest.raises(WeightsError, match=r"cannot be written.*continues it"):
        desk.fetch(mirror(ranged))
    assert desk.part.read_bytes() == DATA[:HALF]


def test_passwords_in_addresses_are_used_and_never_shown(desk: Desk, mirror: StartMirror) -> None:
    missing = mirror(refuse(404))
    with pytest.raises(WeightsError) as caught:
        desk.fetch(f"{missing.url}/lips.pth".replace("//", "//ada:s@cret@"))
    assert missing.asked[0].headers["Authorization"] and missing.url in str(caught.value)
    assert "cret" not in str(caught.value) + "".join(desk.said)


def test_a_machine_whose_proxy_settings_are_unusable_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "nonsense://somewhere")
    with pytest.raises(WeightsError, match="proxy"):
        desk.fetch(dead_address())


def test_what_is_not_at_an_https_address_is_not_fetched(desk: Desk, mirror: StartMirror) -> None:
    elsewhere = "http://lips.invalid/lips.pth"
    for address in (elsewhere, mirror(redirect(elsewhere))):
        with pytest.raises(WeightsError, match=r"it leads to http://lips\.invalid/lips\.pth, which is no https://"):
            desk.fetch(address)
    near = mirror(ranged)
    desk.fetch(mirror(redirect(f"{near.url}/lips.pth")))
    assert desk.done
