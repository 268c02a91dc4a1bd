"""A session fed from elsewhere: bursts, interrupts, lost sockets; against the real server, nobody watching."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

import numpy as np
import pytest

from tests.client import Client
from tests.server import Server

pytestmark = pytest.mark.realtime

RATE = 16_000
SECOND = (0.4 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE) * 32767).astype("<i2").tobytes()


def ask(server: Server, method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        server.url + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
    return json.loads(text) if text else None


async def make(server: Server, **wish: Any) -> dict[str, Any]:
    session: dict[str, Any] = await asyncio.to_thread(
        ask, server, "POST", "/api/sessions", {"engine": "clapper", **wish}
    )
    return session


async def attach(client: Client, session: dict[str, Any], **fields: Any) -> dict[str, Any]:
    await client.say(
        "attach", session=session["id"], **{"token": session["feed"]["token"], "sample_rate": RATE, **fields}
    )
    return await client.expect("started")


async def end(server: Server, session: dict[str, Any]) -> None:
    await asyncio.to_thread(ask, server, "DELETE", f"/api/sessions/{session['id']}")


def spoken(client: Client) -> list[tuple[str, str, int, bool]]:
    speaking = [message for message in client.messages if message["type"] == "speaking"]
    return [(each["utterance"], each["state"], each["played_ms"], each["interrupted"]) for each in speaking]


async def test_utterances_come_in_bursts_and_each_is_told_once(server: Server) -> None:
    session = await make(server)
    async with Client(server.ws_url) as client:
        started = await attach(client, session)
        assert (started["session"], started["mode"], started["played_ms"]) == (session["id"], "agent", 0)
        await client.say("utterance", id="a")
        await client.socket.send(SECOND)
        await client.say("mark", id="within")
        await client.say("flush")
        await client.say("flush")
        await client.say("utterance", id="nothing")
        await client.say("utterance", id="b", sample_rate=2 * RATE)
        await client.socket.send(SECOND)
        await client.say("flush")
        await client.socket.send(SECOND[:RATE])
        await client.say("flush")
        await client.say("mark", id="end")
        await client.expect("mark", id="end")
        assert spoken(client) == [
            ("a", "started", 0, False), ("a", "finished", 1000, False), ("nothing", "finished", 0, False),
            ("b", "started", 0, False), ("b", "finished", 520, False),
            ("1", "started", 0, False), ("1", "finished", 520, False),
        ]  # fmt: skip
        news = [message for message in client.messages if "seq" in message]
        assert [message["seq"] for message in news] == list(range(1, len(news) + 1))
        assert [message["type"] for message in news].index("mark") == 1
    await end(server, session)


async def test_an_interrupt_overtakes_two_minutes_and_the_next_utterance_plays(server: Server) -> None:
    session = await make(server)
    async with Client(server.ws_url) as client:
        await attach(client, session)
        for number in range(12):
            await client.say("utterance", id=str(number))
            await client.socket.send(SECOND * 10)
        await client.say("mark", id="never")
        await client.expect("speaking", state="started")
        await client.say("interrupt")
        cut = await client.expect("interrupted", timeout_s=3)
        ends = [each for each in spoken(client) if each[1] == "finished"]
        assert [(id, interrupted) for id, _, _, interrupted in ends] == [(str(number), True) for number in range(12)]
        assert cut["utterance"] == "0" and cut["played_ms"] == ends[0][2] == cut["session_played_ms"] < 5000
        await client.say("utterance", id="next")
        await client.socket.send(SECOND)
        await client.say("flush")
        finished = await client.expect("speaking", state="finished", utterance="next")
        assert (finished["played_ms"], finished["interrupted"]) == (1000, False)
        assert not [message for message in client.messages if message["type"] == "mark"]
    await end(server, session)


async def test_five_minutes_are_taken_at_once_and_no_more(server: Server) -> None:
    session = await make(server)
    async with Client(server.ws_url) as client:
        await attach(client, session)
        taken = 0
        with pytest.raises(TimeoutError):
            while taken < 3600:
                async with asyncio.timeout(2):
                    await client.socket.send(SECOND * 10)
                taken += 10
        assert 290 <= taken < 900, "the inbox, and what sockets hold"
    await end(server, session)


async def test_an_interrupt_from_outside_cuts_what_is_still_being_sent(server: Server) -> None:
    session = await make(server)
    async with Client(server.ws_url) as client:
        await attach(client, session)
        await client.say("utterance", id="long")
        await client.socket.send(SECOND)
        await client.expect("speaking", state="started")
        cut = await asyncio.to_thread(ask, server, "POST", f"/api/sessions/{session['id']}/interrupt")
        assert cut["utterance"] == "long"
        told = await client.expect("interrupted")
        assert {name: told[name] for name in cut} == cut
        await client.socket.send(SECOND)  # it does not know yet
        await client.say("flush")
        await client.say("utterance", id="next")
        await client.socket.send(SECOND)
        await client.say("flush")
        await client.expect("speaking", state="finished", utterance="next")
        assert [each[0] for each in spoken(client) if each[1] == "finished"] == ["long", "next"]
        seen = await asyncio.to_thread(ask, server, "GET", f"/api/sessions/{session['id']}")
        assert seen["played_ms"] == cut["session_played_ms"] + 1000
    await end(server, session)


async def test_a_lost_socket_ends_the_utterance_the_voice_goes_on_and_the_same_token_attaches_again(
    server: Server,
) -> None:
    session = await make(server)
    async with Client(server.ws_url) as client:
        await attach(client, session)
        await client.say("utterance", id="lost")
        await client.socket.send(SECOND)
        await client.expect("speaking", state="started")
        client.socket.transport.abort()
        await client.wait_closed()
    await asyncio.sleep(2)
    async with Client(server.ws_url) as client:
        started = await attach(client, session)
        assert (started["utterance"], started["received_bytes"]) == ("lost", len(SECOND))
        finished = await client.expect("speaking")
        assert (finished["state"], finished["utterance"], finished["played_ms"]) == ("finished", "lost", 1000)
        assert started["played_ms"] == 1000
    async with Client(server.ws_url) as client:
        await attach(client, session, after=0)
        await client.expect("speaking", state="started", utterance="lost")
        await client.expect("speaking", state="finished", utterance="lost")
    await end(server, session)


async def test_an_utterance_that_lost_its_socket_is_gone_on_with(server: Server) -> None:
    session = await make(server)
    async with Client(server.ws_url) as client:
        await attach(client, session)
        await client.say("utterance", id="long")
        await client.socket.send(SECOND * 3)
        await client.expect("speaking", state="started")
        client.socket.transport.abort()
        await client.wait_closed()
    async with Client(server.ws_url) as client:
        for _ in range(40):  # until the server has noticed
            await client.say("attach", session=session["id"], token=session["feed"]["token"], sample_rate=RATE)
            await asyncio.sleep(0.1)
            if client.close_code is None:
                break
            await client.__aexit__()
            client = await Client(server.ws_url).__aenter__()
        await client.expect("started")
        await client.say("utterance", id="long")
        await client.socket.send(SECOND)
        await client.say("flush")
        finished = await client.expect("speaking", state="finished")
        assert (finished["utterance"], finished["played_ms"], finished["interrupted"]) == ("long", 4000, False)
        await client.socket.close()
    await end(server, session)


async def test_one_feeds_at_a_time_and_who_leaves_makes_room(server: Server) -> None:
    session = await make(server)
    async with Client(server.ws_url) as first:
        await attach(first, session)
        async with Client(server.ws_url) as second:
            await second.say("attach", session=session["id"], token=session["feed"]["token"])
            assert (await second.expect("error"))["code"] == "already_fed"
            assert await second.wait_closed() == 4409
        await first.say("stop")
        assert await first.wait_closed() == 1000
        async with Client(server.ws_url) as second:
            await attach(second, session)
    await end(server, session)


async def test_the_end_of_a_session_is_told_to_who_feeds_it(server: Server) -> None:
    session = await make(server)
    async with Client(server.ws_url) as client:
        await attach(client, session)
        await client.socket.send(SECOND * 5)
        await client.expect("speaking", state="started")
        await end(server, session)
        finished = await client.expect("speaking", state="finished")
        assert finished["interrupted"]
        assert (await client.expect("error"))["code"] == "session_over"
        assert await client.wait_closed() == 4404


async def test_a_session_ends_in_its_time(server: Server) -> None:
    session = await make(server, idle_timeout_s=1)
    async with asyncio.timeout(10):
        while True:
            try:
                await asyncio.to_thread(ask, server, "GET", f"/api/sessions/{session['id']}")
            except urllib.error.HTTPError as refused:
                assert refused.code == 404
                return
            await asyncio.sleep(0.2)


REFUSALS = [
    ({"token": ""}, "token_missing", 4401),
    ({"token": "x"}, "token_invalid", 4401),
    ({"session": "other"}, "token_not_for_this", 4403),
    ({"sample_rate": 1}, "bad_field", 4400),
]


@pytest.mark.parametrize(("fields", "code", "close_code"), REFUSALS, ids=[code for _, code, _ in REFUSALS])
async def test_a_stranger_does_not_attach(server: Server, fields: dict[str, Any], code: str, close_code: int) -> None:
    session = await make(server)
    async with Client(server.ws_url) as client:
        await client.say("attach", **{"session": session["id"], "token": session["feed"]["token"], **fields})
        assert (await client.expect("error"))["code"] == code
        assert await client.wait_closed() == close_code
    async with Client(server.ws_url) as client:
        await client.say("attach", session=session["id"], token=session["view"]["token"])
        assert (await client.expect("error"))["code"] == "token_not_for_this"
    await end(server, session)
    async with Client(server.ws_url) as client:
        await client.say("attach", session=session["id"], token=session["feed"]["token"])
        assert (await client.expect("error"))["code"] == "no_such_session"
        assert await client.wait_closed() == 4404


async def test_who_attached_does_not_watch_on_that_socket(server: Server) -> None:
    session = await make(server)
    async with Client(server.ws_url) as client:
        await attach(client, session)
        await client.say("offer", sdp="v=0")
        assert (await client.expect("error"))["code"] == "offer_after_attach"
    await end(server, session)
