"""Sessions that move to another machine, or are made anew where theirs has died, over real sockets."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fake_cluster import FakeFront, FakeStage
from fake_server import FakeServer
from model import joined
from test_face import listening, until

import lipwire
from lipwire import Disconnected, Moved, Played, Reconnected, SpeakingFinished, backoff, connection, link
from lipwire.admission import Admission
from lipwire.management import Management, _sent_on

PIECE = 480  # bytes in 10 ms


@pytest.fixture
async def front(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeFront]:
    monkeypatch.setattr(backoff.delays_s, "__defaults__", (0.002, 0.05))
    for name in ("LIPWIRE_URL", "LIPWIRE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    async with FakeFront() as serving:
        yield serving


def sound(ms: int, begin: int = 0) -> bytes:
    """Return sound of which every 10 ms can be told apart."""
    return b"".join((begin + number).to_bytes(2, "big") * (PIECE // 2) for number in range(ms // 10))


async def speak(face: lipwire.Face, id: str, ms: int = 120) -> lipwire.Utterance:
    async with face.utterance(id=id) as utterance:
        for start in range(0, ms, 10):
            await utterance.send(sound(10, start // 10))
    return utterance


def said(stage: FakeStage, id: str) -> bytes:
    return b"".join(joined(session.assembled, id) for session in stage.sessions.values())


async def test_an_attach_is_said_again_where_the_front_names_another_address(
    front: FakeFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = front.found("a", front.second)
    found = Management.admission_to

    async def admission_to(self: Management, id: str, feed_token: str | None) -> Admission:
        return replace(await found(self, id, feed_token), feed_url=f"ws://127.0.0.1:{front.port}/ws")

    monkeypatch.setattr(Management, "admission_to", admission_to)
    async with lipwire.connect(front.url, session="a.old", feed_token="feed-a") as face:
        assert await (await speak(face, "u")).played() == Played(120, False)
        assert front.attaches == [{"type": "attach", "session": "a.old", "token": "feed-a"}]
        assert face.id == ref and len(front.second.attaches) == 1
    assert said(front.second, "u") == sound(120)


async def test_who_is_sent_from_one_to_the_other_gives_up(front: FakeFront) -> None:
    front.homes["a"] = front  # type: ignore[assignment]
    attach = connection.Connection.attach(f"ws://127.0.0.1:{front.port}/ws", "a.x", "feed-a", None, 5)
    with pytest.raises(lipwire.ConnectionLost, match="from one to the other"):
        await attach
    assert len(front.attaches) == 4


@pytest.mark.parametrize("named", ["ws://stage/ws", "https://stage/ws", "ftp://stage"])
def test_a_token_leaves_no_tls(named: str) -> None:
    with pytest.raises(lipwire.LipwireError, match="does not take its token"):
        connection._elsewhere("wss://front/ws", named)
    assert connection._elsewhere("ws://front/ws", "wss://stage/ws") == "wss://stage/ws"
    assert connection._elsewhere("wss://front/ws", "/other/ws") == "wss://front/other/ws"


def answer(url: str, location: str) -> httpx.Response:
    return httpx.Response(307, headers={"Location": location}, request=httpx.Request("POST", url))


def test_a_key_goes_where_the_server_sends_it_unless_a_pass_does() -> None:
    assert _sent_on(answer("https://f/api/sessions/x", "https://s:8100/api/sessions/x"), "k") == (
        "https://s:8100/api/sessions/x",
        "k",
    )
    assert _sent_on(answer("https://f/api/x", "https://s/api/x?pass=P"), "k") == ("https://s/api/x?pass=P", None)
    assert _sent_on(answer("http://f/api/x", "/api/y"), "k") == ("http://f/api/y", "k")
    for location in ("http://s/api/x", "ftp://s/x"):
        with pytest.raises(lipwire.LipwireError) as refused:
            _sent_on(answer("https://f/api/x", location), "k")
        assert refused.value.code == "bad_address"


@pytest.mark.parametrize("passes", [True, False])
async def test_what_is_asked_over_http_reaches_the_stage(front: FakeFront, passes: bool) -> None:
    front.passes = passes
    async with lipwire.connect(front.url, token="key") as face:
        assert face.id == "s1.one" and face.watch_url == f"{front.url}/watch/s1.one#token=view-s1"
        assert await face.view_token_for() == "view-s1.one"
    assert front.first.deleted == ["s1.one"]
    assert front.first.authorizations == [None if passes else "Bearer key"] * 2


async def test_a_session_moves_between_utterances_and_nothing_is_said_twice(front: FakeFront) -> None:
    async with lipwire.connect(front.url) as face, listening(face) as told:
        front.first.autoplay = False
        first = await speak(face, "a")
        await until(lambda: said(front.first, "a") == sound(120))
        front.move_to_second(30)
        await asyncio.sleep(0.1)
        second = await speak(face, "b")
        marked = asyncio.create_task(face.mark("m"))
        await asyncio.sleep(0.1)
        assert not front.second.attaches and not said(front.first, "b"), "the face still speaks"
        front.first.session.play()
        assert await first.played() == Played(120, False)
        assert await second.played() == Played(120, False)
        assert await marked
        assert said(front.second, "b") == sound(120) and not said(front.second, "a") + said(front.first, "b")
        assert face.id == "s1.two" and face.connected
        assert face.watch_url == f"{front.url}/watch/s1.two#token=view-s1"
        assert face.whep_url == f"{front.url}/whep/s1.two"
        assert face.played_ms == 240 or await _settled(face, 240)
        await until(lambda: front.first.left == ["s1.one"])
    assert [event for event in told if isinstance(event, Moved | Disconnected | Reconnected)] == [Moved("s1.two")]
    assert [e.utterance for e in told if isinstance(e, SpeakingFinished)] == ["a", "b"]
    assert front.revivals == [] and front.second.deleted == ["s1.two"]


async def _settled(face: lipwire.Face, played_ms: int) -> bool:
    await until(lambda: face.played_ms == played_ms)
    return True


async def test_an_idle_face_moves_at_once(front: FakeFront) -> None:
    async with lipwire.connect(front.url) as face:
        await (await speak(face, "a")).played()
        front.move_to_second(30)
        await until(lambda: face.id == "s1.two")
        assert await (await speak(face, "b")).played() == Played(120, False)


async def test_what_was_not_heard_when_the_time_is_over_is_said_elsewhere(front: FakeFront) -> None:
    async with lipwire.connect(front.url) as face, listening(face) as told:
        front.first.autoplay = False
        first = await speak(face, "a", 400)
        second = await speak(face, "b")
        text = await face.say("Hello")
        marked = asyncio.create_task(face.mark("m"))
        await until(lambda: len(front.first.session.order) == 3)
        front.first.session.play(15)
        front.move_to_second(0.4)
        assert await first.played() == Played(400, False)
        assert await second.played() == Played(120, False)
        assert await text.played() == Played(200, False)
        assert await marked
        assert said(front.second, "a") == sound(400)[15 * PIECE :], "from where it was heard"
        assert said(front.second, "b") == sound(120)
        assert front.second.session.said == ["Hello"]
        assert [e.utterance for e in told if isinstance(e, SpeakingFinished)] == ["a", "b", text.id]
        assert not any(isinstance(event, lipwire.Interrupted) for event in told)


async def test_an_utterance_that_is_still_being_sent_goes_on_elsewhere(front: FakeFront) -> None:
    async with lipwire.connect(front.url) as face:
        async with face.utterance(id="a") as utterance:
            await utterance.send(sound(100))
            await until(lambda: said(front.first, "a") == sound(100))
            front.move_to_second(0.3)
            for number in range(60):
                await utterance.send(sound(10, 10 + number))
                await asyncio.sleep(0.01)
        assert await utterance.played() == Played(700, False)
        assert said(front.first, "a") + said(front.second, "a") == sound(700)


async def test_an_interrupt_while_it_waits_to_move_is_one(front: FakeFront) -> None:
    async with lipwire.connect(front.url) as face:
        front.first.autoplay = False
        first = await speak(face, "a")
        await until(lambda: said(front.first, "a") == sound(120))
        front.move_to_second(30)
        await asyncio.sleep(0.05)
        second = await speak(face, "b")
        await face.interrupt()
        assert await first.played() == Played(0, True) and await second.played() == Played(0, True)
        await until(lambda: face.id == "s1.two")
        assert await (await speak(face, "c")).played() == Played(120, False)
        assert front.second.session.order == ["c"]


async def test_a_stage_that_dies_while_it_is_emptied_is_followed(front: FakeFront) -> None:
    async with lipwire.connect(front.url) as face, listening(face) as told:
        front.first.autoplay = False
        waiting = await speak(face, "a")
        await until(lambda: said(front.first, "a") == sound(120))
        front.move_to_second(30)
        await asyncio.sleep(0.1)
        front.first.end()
        assert (await waiting.played()) == Played(120, False)
        assert said(front.second, "a") == sound(120), "nothing of it was heard"
        assert face.id == "s1.two" and front.revivals == []
        await until(lambda: any(isinstance(event, Reconnected) for event in told))


async def test_a_session_whose_machine_dies_is_made_anew_and_goes_on(front: FakeFront) -> None:
    async with lipwire.connect(front.url) as face, listening(face) as told:
        assert await (await speak(face, "a")).played() == Played(120, False)
        front.first.session._begin("41")  # by somebody who names nothing
        front.first.session._end()
        front.first.session.play()
        await until(lambda: any(isinstance(e, SpeakingFinished) and e.utterance == "41" for e in told))
        front.first.autoplay = False
        front.first.end()
        assert await (await speak(face, "b")).played() == Played(120, False)
        assert front.revivals == [("Bearer feed-s1", {"next_utterance": 42})]
        assert front.second.attaches[0] == {
            "type": "attach", "session": "s1.two", "token": "feed-s1", "after": 0, "next_utterance": 42
        }  # fmt: skip
        assert face.id == "s1.two" and said(front.second, "b") == sound(120) and not said(front.second, "a")
        kinds = [type(event) for event in told if isinstance(event, Moved | Disconnected | Reconnected)]
        assert kinds == [Disconnected, Moved, Reconnected]
        assert face.played_ms == 120 or await _settled(face, 240)


async def test_what_was_heard_before_the_death_is_not_said_again(front: FakeFront) -> None:
    async with lipwire.connect(front.url) as face, listening(face) as told:
        front.first.autoplay = False
        speaking = await speak(face, "a", 60_000)
        text, later = await face.say("Hello"), await speak(face, "b")
        await until(lambda: len(front.first.session.order) == 3)
        front.first.session.play(1)
        await until(lambda: any(isinstance(event, lipwire.SpeakingStarted) for event in told))
        await asyncio.sleep(0.5)
        front.first.end()
        assert (await speaking.played()) == Played(60_000, False)
        heard = 60_000 - len(said(front.second, "a")) // 48
        assert 10 <= heard < 20_000, "as much as was told, and what may have been heard since"
        assert sound(60_000).endswith(said(front.second, "a"))
        assert await text.played() == Played(200, False) and await later.played() == Played(120, False)
        assert front.second.session.order == ["a~2", text.id, "b"]


async def test_a_text_that_was_begun_ends_there(front: FakeFront) -> None:
    async with lipwire.connect(front.url) as face, listening(face) as told:
        front.first.autoplay = False
        begun = await face.say("Hello")
        other = await face.say("Again")
        await until(lambda: len(front.first.session.said) == 2)
        front.first.session.play(1)
        await until(lambda: any(isinstance(event, lipwire.SpeakingStarted) for event in told))
        front.first.end()
        assert (await begun.played()).interrupted
        assert await other.played() == Played(200, False)
        assert front.second.session.said == ["Again"]


async def test_an_interrupt_that_the_dead_machine_took_along_is_answered(front: FakeFront) -> None:
    async with lipwire.connect(front.url) as face:
        front.first.autoplay = False
        speaking = await speak(face, "a")
        await until(lambda: said(front.first, "a") == sound(120))
        front.first.reading.clear()
        await asyncio.sleep(0.05)
        cutting = asyncio.create_task(face.interrupt())
        await asyncio.sleep(0.05)
        front.first.end()
        await cutting
        assert (await speaking.played()).interrupted
        assert await (await speak(face, "b")).played() == Played(120, False)
        assert front.second.session.order == ["b"]


async def test_a_full_cluster_is_asked_again(front: FakeFront) -> None:
    async with lipwire.connect(front.url) as face:
        front.busy = 5
        front.first.end()
        assert await (await speak(face, "a")).played() == Played(120, False)
        assert len(front.revivals) == 6


async def test_a_cluster_that_stays_full_is_given_up(front: FakeFront) -> None:
    face = await lipwire.connect(front.url, reconnect_for=0.5)
    front.busy = 1_000_000
    front.first.end()
    with pytest.raises(lipwire.ConnectionLost, match="out of reach"):
        await face.mark("m")
    await face.aclose()


async def test_one_that_has_ended_in_order_is_over(front: FakeFront) -> None:
    async with lipwire.connect(front.url) as face:
        front.ended.add("s1")
        front.first.end()
        with pytest.raises(lipwire.SessionEnded) as ended:
            await face.mark("m")
    assert ended.value.code == "no_such_session"


async def test_one_that_lives_and_only_lost_its_line_stays_where_it_is(front: FakeFront) -> None:
    async with lipwire.connect(front.url) as face:
        await (await speak(face, "a")).played()
        front.first.kill()
        assert await (await speak(face, "b")).played() == Played(120, False)
        assert face.id == "s1.one" and front.revivals == []


async def test_a_server_that_is_stopped_without_a_place_elsewhere_has_it_made_anew(front: FakeFront) -> None:
    async with lipwire.connect(front.url) as face, listening(face) as told:
        front.first.stops.set()
        await until(lambda: any(isinstance(event, lipwire.Draining) for event in told))
        front.first.sessions.clear()
        await until(lambda: face.id == "s1.two")
        assert await (await speak(face, "a")).played() == Played(120, False)


async def test_one_that_was_found_elsewhere_by_the_front_is_gone_on_with_there(front: FakeFront) -> None:
    """Its line was lost just when it moved: the front knows where it is, and there nothing is known of this client."""
    async with lipwire.connect(front.url) as face:
        await (await speak(face, "a")).played()
        front.found("s1", front.second)
        front.first.sessions.clear()
        front.first.kill()
        assert await (await speak(face, "b")).played() == Played(120, False)
        assert face.id == "s1.two" and front.second.attaches[-1]["after"] == 0


async def test_a_plain_server_is_asked_for_nothing_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff.delays_s, "__defaults__", (0.002, 0.05))
    async with FakeServer() as server, lipwire.connect(server.url, reconnect_for=0.3) as face:
        assert len(face._feed._tape) == 0
        await (await speak(face, "a")).played()
        assert len(face._feed._tape) == 0
        server._ws.close()
        server.kill()
        with pytest.raises(lipwire.ConnectionLost):
            await face.mark("m")
    assert not any("revival" in path for _, path, _ in server.requests)
    assert all("next_utterance" not in attach for attach in server.attaches)


@pytest.mark.parametrize("seed", range(8))
async def test_moves_to_and_fro_lose_nothing_and_repeat_nothing(front: FakeFront, seed: int) -> None:
    stages = itertools.cycle([(front.first, front.second), (front.second, front.first)])

    async def move_about() -> None:
        for number in range(6):
            here, there = next(stages)
            await asyncio.sleep(0.02 * (seed % 4 + 1))
            there.sessions.clear()
            there.move = None
            ref = front.found("s1", there)
            url = f"ws://127.0.0.1:{there.port}/ws"
            here.move = {"type": "move", "in_s": 0.05 if (number + seed) % 2 else 5, "session": ref, "url": url}
            await until(lambda there=there, ref=ref: ref in there._fed)  # type: ignore[misc]

    history: list[Any] = []
    for stage in (front.first, front.second):
        _remember(stage, history)
    async with lipwire.connect(front.url) as face, listening(face) as told:
        moving = asyncio.create_task(move_about())
        utterances: list[lipwire.Utterance] = []
        while not moving.done():
            async with face.utterance(id=f"u{len(utterances)}") as utterance:
                for number in range(12):
                    await utterance.send(sound(10, number))
                    await asyncio.sleep(0.002)
            utterances.append(utterance)
        await moving
        assert [await each.played() for each in utterances] == [Played(120, False)] * len(utterances)
        for number in range(len(utterances)):
            pieces = [heard for session in history for heard in _heard(session, f"u{number}")]
            assert b"".join(pieces) == sound(120)
        assert len([e for e in told if isinstance(e, Moved)]) == 6


def _remember(stage: FakeStage, history: list[Any]) -> None:
    host = stage.host

    def hosting(id: str) -> str:
        ref = host(id)
        history.append(stage.sessions[ref])
        return ref

    stage.host = hosting  # type: ignore[method-assign]


def _heard(session: Any, id: str) -> list[bytes]:
    names = [name for name in session.assembled if name == id or name.startswith(f"{id}~")]
    return [bytes(session.assembled[name]) for name in names]


assert link.SPEAKS_ON_S == 1.0
