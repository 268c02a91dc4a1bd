"""Whatever a client sends for an offer or fragment is answered, or refused in a sentence; and nothing is left of it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterable

import pytest

from app.errors import Refusal
from app.rtc.connection import Connection
from app.rtc.ice_fragment import IceFragment
from app.rtc.ice_network import IceNetwork
from app.rtc.sdp_bounds import MOST_ALIKE, MOST_BYTES, MOST_LINES, MOST_SECTIONS
from app.rtc.signaling import check_offer
from bench.fuzz_sdp import mutated_fragments, mutated_sdps, offers
from tests.e2e.test_connection import sockets, tasks_of_libraries

COUNT = 2500
SEED = 13
ANSWERED = 60  # of those that pass the checks, each with a peer connection of its own
AT_ONCE = 10
MOST_CPU_S = 0.5  # for one SDP; the worst took 0.02
PYTHONS_WORDS = re.compile(r"NoneType|object|Error|argument|assert|list index|invalid literal|not enough values")


def refusals(check: Callable[[str], object], sdps: Iterable[str]) -> tuple[list[str], set[str]]:
    """Check all; returns those that passed, and what the others were refused with."""
    passed, said = [], set()
    for sdp in sdps:
        begun = time.process_time()
        try:
            check(sdp)
            passed.append(sdp)
        except Refusal as refused:
            assert refused.code == "bad_sdp", sdp
            said.add(refused.message)
        assert time.process_time() - begun < MOST_CPU_S, sdp[:200]
    return passed, said


def with_line(line: str, after: str = "a=group") -> str:
    """A browser's offer with one line more."""
    return offers()["chromium"].replace(after, f"{line}\r\n{after}", 1)


@pytest.mark.parametrize("client", ["aiortc", "chromium", "firefox", "gstreamer"])
def test_real_offers_pass(client: str) -> None:
    assert check_offer(offers()[client]) == "VP8"


def test_damaged_offers_pass_or_are_refused_in_a_sentence() -> None:
    passed, said = refusals(check_offer, mutated_sdps(SEED, COUNT))
    assert 100 < len(passed) < COUNT - 100, "the damage is neither too little nor too much"
    assert [each for each in said if PYTHONS_WORDS.search(each) or not each.endswith(".")] == []


def test_damaged_fragments_pass_or_are_refused_in_a_sentence() -> None:
    passed, said = refusals(IceFragment.parse, mutated_fragments(SEED, COUNT))
    assert passed
    assert [each for each in said if PYTHONS_WORDS.search(each)] == []


@pytest.mark.realtime
async def test_damaged_offers_are_answered_or_refused_and_leave_nothing() -> None:
    before = sockets()
    passed, _ = refusals(check_offer, mutated_sdps(SEED + 1, COUNT // 4))
    room = asyncio.Semaphore(AT_ONCE)

    async def answer(sdp: str) -> str:
        async with room:
            connection = Connection(IceNetwork())
            try:
                await connection.answer(sdp)
                return "answered"
            except Refusal as refused:
                assert not PYTHONS_WORDS.search(refused.message)
                return refused.code
            finally:
                await connection.aclose()

    outcomes = await asyncio.gather(*map(answer, passed[:ANSWERED]))
    assert set(outcomes) == {"answered", "bad_sdp"}
    until = time.monotonic() + 10
    left: list[str | int] = [True]
    while left and time.monotonic() < until:
        await asyncio.sleep(0.05)
        left = [*tasks_of_libraries(), *range(before, sockets())]
    assert not left, left


@pytest.mark.parametrize(
    "damage",
    [
        ("a=group:BUNDLE 0 1", "a=group:BUNDLE 7 8"),
        ("a=group:BUNDLE 0 1", "a=group:BUNDLE 7"),
        ("a=group:BUNDLE 0 1", "a=group:BUNDLE 0 1 9"),
        ("a=group:BUNDLE 0 1", "a=group:BUNDLE 1 0 0 1"),
        ("a=group:BUNDLE 0 1", "a=group:BUNDLE 0 1\r\na=group:BUNDLE 1"),
        ("a=mid:1", "a=mid:0"),
        ("a=mid:1", "a=mid:a b"),
        ("a=mid:1\r\n", ""),
        ("a=setup:actpass", "a=setup:holdconn"),
        ("a=setup:actpass\r\n", ""),
        ("a=rtcp-mux\r\n", ""),
        ("a=fingerprint:sha-256 ", "a=fingerprint:md5 "),
        ("a=ice-pwd:", "a=ice-pwd:é"),
        ("packetization-mode=1", "packetization-mode"),
        ("opus/48000/2", "opus/48001/2"),
    ],
)
@pytest.mark.realtime
async def test_a_damaged_line_is_refused_and_nothing_of_it_is_left(damage: tuple[str, str]) -> None:
    """An unknown name in BUNDLE ended in a traceback and an abnormal closure."""
    before, connection = sockets(), Connection(IceNetwork())
    sdp = offers()["chromium"].replace(*damage)
    assert sdp != offers()["chromium"]
    with pytest.raises(Refusal) as refused:
        await connection.answer(sdp)
    assert refused.value.code == "bad_sdp" and not PYTHONS_WORDS.search(refused.value.message)
    await connection.aclose()
    async with asyncio.timeout(10):
        while tasks_of_libraries():
            await asyncio.sleep(0.05)
    async with asyncio.timeout(10):
        while sockets() > before:  # they close a moment later
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("name", sorted(MOST_ALIKE))
def test_a_flood_of_one_line_is_refused_before_it_is_read(name: str) -> None:
    line = next(each for sdp in offers().values() for each in sdp.splitlines() if each.startswith(f"a={name}:"))
    begun = time.process_time()
    with pytest.raises(Refusal, match="too many"):
        check_offer(with_line("\r\n".join([line[:40]] * (MOST_ALIKE[name] + 1)), "m=video"))
    assert time.process_time() - begun < MOST_CPU_S


@pytest.mark.parametrize(
    "sdp",
    [
        "",
        "x" * (MOST_BYTES + 1),
        "a=x\r\n" * (MOST_LINES + 1),
        "v=0\r\n" + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" * (MOST_SECTIONS + 1),
        with_line("a=x:" + "y" * 5000),
        with_line("a=x:\x1b[2J"),
        with_line("a=x:\ud800"),
    ],
)
def test_what_is_too_long_or_no_text_is_refused(sdp: str) -> None:
    for check in (check_offer, IceFragment.parse) if sdp else (check_offer,):
        with pytest.raises(Refusal) as refused:
            check(sdp)
        assert refused.value.code == "bad_sdp"
