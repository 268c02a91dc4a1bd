"""Clients that are killed on their way in: at each stage from a TCP connection to media, without a goodbye."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from bench.receiver import Receiver

PATIENCE_S = 20
MEDIA_S = 0.3  # of media, before the last stage ends
REFUSED = (OSError, EOFError, TimeoutError, ConnectionClosed, InvalidHandshake)
START = {"type": "start", "engine": "clapper"}

Stage = Callable[[str], Awaitable[None]]


async def connect_and_kill(ws_url: str, stage: str) -> str:
    """Come as far as a stage, and be gone; returns ``killed``, or why it did not come so far."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            await STAGES[stage](ws_url)
    except _Refused as refused:
        return str(refused)
    except REFUSED as error:
        return type(error).__name__
    return "killed"


def stages_in_turn() -> itertools.cycle[str]:
    """Return all stages, round and round."""
    return itertools.cycle(STAGES)


class _Refused(Exception):
    """The server said no, with a code."""


class _Client:
    """A socket and a peer, which end as those of a killed process do."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self.receiver = socket, Receiver()

    async def say(self, **message: object) -> None:
        await self._socket.send(json.dumps(message))

    async def hear(self, type: str) -> dict[str, object]:
        async for text in self._socket:
            message: dict[str, object] = json.loads(text)
            if message["type"] == "error":
                raise _Refused(message["code"])
            if message["type"] == type:
                return message
        raise EOFError(type)

    async def start(self) -> None:
        await self.say(**START)
        await self.hear("started")

    async def offer(self) -> None:
        await self.start()
        await self.say(type="offer", sdp=await self.receiver.offer())

    async def answered(self) -> None:
        await self.offer()
        answer = await self.hear("answer")
        await self.receiver.accept(str(answer["sdp"]))

    async def kill(self) -> None:
        self.receiver.vanish()
        self._socket.transport.abort()
        await self.receiver.aclose()


def _over_socket(way: Callable[[_Client], Awaitable[None]]) -> Stage:
    """Make a stage of how far a client comes on ``/ws``."""

    async def come(ws_url: str) -> None:
        socket = await connect(ws_url, compression=None, max_size=None, ping_interval=None, proxy=None)
        client = _Client(socket)
        try:
            await way(client)
        finally:
            await client.kill()

    return come


async def _nothing(client: _Client) -> None:
    pass


async def _start_unheard(client: _Client) -> None:
    await client.say(**START)


async def _connecting(client: _Client) -> None:
    await client.answered()
    await asyncio.sleep(0.02)  # in the middle of ICE or DTLS


async def _connected(client: _Client) -> None:
    await client.answered()
    await client.receiver.connected.wait()


async def _media(client: _Client) -> None:
    await _connected(client)
    await asyncio.sleep(MEDIA_S)


async def _tcp(ws_url: str) -> None:
    await _raw(ws_url, b"")


async def _half_a_request(ws_url: str) -> None:
    await _raw(ws_url, b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgr")


async def _raw(ws_url: str, data: bytes) -> None:
    parts = urlsplit(ws_url)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    with contextlib.suppress(OSError):
        writer.write(data)
        await asyncio.sleep(0)
    writer.transport.abort()


STAGES: dict[str, Stage] = {
    "tcp": _tcp,
    "half a request": _half_a_request,
    "upgraded": _over_socket(_nothing),
    "start, unheard": _over_socket(_start_unheard),
    "started": _over_socket(_Client.start),
    "offer, unanswered": _over_socket(_Client.offer),
    "answered": _over_socket(_Client.answered),
    "connecting": _over_socket(_connecting),
    "connected": _over_socket(_connected),
    "media": _over_socket(_media),
}
