"""Connections that are lost, at every point, over real sockets."""

from __future__ import annotations

import asyncio
import time

import pytest
from fake_server import FakeServer
from hypothesis import given, settings
from hypothesis import strategies as st
from model import joined
from test_face import listening, until

import lipwire
from lipwire import Played, SpeakingFinished, SpeakingStarted, backoff, connection, link

PIECE = bytes(range(240)) * 2  # 10 ms
SENT = 12


async def speak(face: lipwire.Face, id: str, pause_s: float = 0.0) -> lipwire.Utterance:
    async with face.utterance(id=id) as utterance:
        for number in range(SENT):
            await utterance.send(bytes([number]) + PIECE[1:])
            await asyncio.sleep(pause_s)
    return utterance


WHOLE = b"".join(bytes([number]) + PIECE[1:] for number in range(SENT))


@pytest.mark.parametrize("kills", [[0], [1], [5], [SENT + 1], [SENT + 2], [3, 0, 4], [0, 0, 0], [1, 1, 1], [7, 2]])
async def test_nothing_is_lost_and_nothing_told_twice(server: FakeServer, kills: list[int | None]) -> None:
    server.kills = kills
    async with lipwire.connect(server.url) as face, listening(face) as told:
        utterance = await speak(face, "u", 0.002)
        assert await face.mark("m")
        assert await utterance.played() == Played(SENT * 10, False)
        session = server.session
        assert joined(session.assembled, "u") == WHOLE
        await until(lambda: SpeakingFinished("u", SENT * 10, False) in told)
        assert sum(isinstance(event, SpeakingStarted | SpeakingFinished) for event in told) == 2
        lost = sum(isinstance(event, lipwire.Disconnected) for event in told)
        assert lost == sum(isinstance(event, lipwire.Reconnected) for event in told) == len(server.attaches) - 1


async def test_a_server_that_is_being_stopped_is_told_and_ends_the_face_for_good(server: FakeServer) -> None:
    async with lipwire.connect(server.url) as face, listening(face) as told:
        server.stops.set()
        await until(lambda: lipwire.Draining(0.1) in told)
        with pytest.raises(lipwire.SessionEnded) as ended:
            await face.mark("m")
    assert ended.value.code == "server_draining"
    assert len(server.attaches) == 1, "it does not try again where its session is gone"


async def test_a_connection_lost_before_the_answer_is_tried_again(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = iter([True, False])
    serve = server._feed

    async def feed(connection, attach):  # type: ignore[no-untyped-def]
        if next(refusals, False):
            connection.transport.abort()
            return
        await serve(connection, attach)

    monkeypatch.setattr(server, "_feed", feed)
    async with lipwire.connect(server.url) as face:
        assert await (await speak(face, "u")).played() == Played(SENT * 10, False)
    assert len(server.attaches) == 2


async def test_a_loss_that_the_server_has_not_noticed_is_waited_out(server: FakeServer) -> None:
    async with lipwire.connect(server.url) as face:
        first = await speak(face, "a")
        await first.played()
        server.unnoticed_s = 0.3
        server.kill()
        second = await speak(face, "b")
        assert await second.played() == Played(SENT * 10, False)
        assert len(server.attaches) > 3


async def test_a_session_that_another_feeds_is_given_up(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "UNNOTICED_S", 0.1)
    async with lipwire.connect(server.url) as face:
        server.unnoticed_s = 5
        server.kill()
        with pytest.raises(lipwire.AlreadyFed):
            while True:
                await face.mark("m")
    with pytest.raises(lipwire.AlreadyFed):
        await face.utterance().send(PIECE)


async def test_a_second_feeder_is_refused_at_once(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async with lipwire.connect(server.url) as face:
        attach = connection.Connection.attach(f"ws://127.0.0.1:{server.port}/ws", face.id, face.feed_token, None, 5)
        with pytest.raises(lipwire.AlreadyFed):
            await attach


async def test_a_session_that_is_deleted_meanwhile_ends_everything(server: FakeServer) -> None:
    async with lipwire.connect(server.url) as face, listening(face):
        server.autoplay = False
        utterance = await speak(face, "a")
        server.sessions.clear()
        server.kill()
        with pytest.raises(lipwire.SessionEnded) as ended:
            await utterance.played()
        assert ended.value.code == "no_such_session"
        with pytest.raises(lipwire.SessionEnded):
            async for _ in face:
                pass


async def test_a_server_out_of_reach_is_given_up_after_a_while(server: FakeServer) -> None:
    face = await lipwire.connect(server.url, reconnect_for=0.3)
    server._ws.close()
    server.kill()
    begun = time.monotonic()
    with pytest.raises(lipwire.ConnectionLost, match="out of reach"):
        await face.mark("m")
    assert 0.1 < time.monotonic() - begun < 5
    await face.aclose()


async def test_connections_that_never_last_are_given_up_too(server: FakeServer) -> None:
    server.kills = [0] * 100_000
    async with lipwire.connect(server.url, reconnect_for=0.5) as face:
        with pytest.raises(lipwire.ConnectionLost):
            await face.mark("m")


async def test_a_silent_server_is_left(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SILENCE_S", 1)
    async with lipwire.connect(server.url) as face:
        (fed,) = server._fed.values()
        fed.transport.pause_reading()
        for task in list(server._tasks):
            if "_tell" in repr(task):
                task.cancel()
        assert fed.keepalive_task is not None
        fed.keepalive_task.cancel()
        server.kills = [None]
        await until(lambda: not face.connected)
        fed.transport.abort()
        assert await (await speak(face, "u")).played() == Played(SENT * 10, False)


async def test_a_cancelled_send_leaves_the_connection_whole(server: FakeServer) -> None:
    async with lipwire.connect(server.url) as face:
        server.reading.clear()
        utterance = face.utterance()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(utterance.send(bytes(64 * 1024 * 1024)), 0.3)
        server.reading.set()
        await face.interrupt()
        assert await (await speak(face, "u")).played() == Played(SENT * 10, False)
        assert len(server.attaches) == 1


@settings(max_examples=25, deadline=None)
@given(kills=st.lists(st.one_of(st.none(), st.integers(0, 20)), max_size=6), cut_at=st.integers(0, 6))
def test_any_losses_at_any_point(kills: list[int | None], cut_at: int) -> None:
    asyncio.run(check_losses(kills, cut_at))


async def check_losses(kills: list[int | None], cut_at: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backoff.delays_s, "__defaults__", (0.001, 0.01))
        async with FakeServer() as server:
            server.kills = kills
            async with lipwire.connect(server.url) as face, listening(face) as told:
                utterances = []
                for number in range(4):
                    utterances.append(await speak(face, str(number)))
                    if number == cut_at:
                        await face.interrupt()
                assert isinstance(await face.mark("m"), bool)
                played = [await utterance.played() for utterance in utterances]
                assembled = server.session.assembled
                for number, outcome in enumerate(played):
                    got = joined(assembled, str(number))
                    if number > cut_at or not outcome.interrupted:
                        assert got == WHOLE and outcome == Played(SENT * 10, False)
                    else:
                        assert WHOLE.startswith(got)
                finished = [event.utterance for event in told if isinstance(event, SpeakingFinished)]
                assert finished == ["0", "1", "2", "3"]
