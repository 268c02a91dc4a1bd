"""What a stranger does to a server that stands open: floods, squatting, and connections that never get to the point.

Each flood takes a server's address (``http://…``) and how many seconds it lasts. It connects again whenever it is
thrown out, as an attacker would, and raises nothing: a server that refuses it has done well.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import Awaitable, Callable

from websockets.frames import Opcode

from bench.hostile import LOST, Hostile, Line, frame, head_of, text

Flood = Callable[[str, float], Awaitable[None]]
Attack = Callable[[Hostile], Awaitable[None]]

AGAIN_S = 0.05  # until who was thrown out comes back
BLOCK_BYTES = 64 * 1024  # written at a time
INTERRUPTS_A_TICK, TICK_S = 300, 0.1  # 3,000 a second: 78 KB/s
MANY = 100  # connections of a flood that holds them
UNFINISHED = 20
UNFINISHED_BYTES = 32 * 1024 * 1024
DRIP_S = 0.5

FLOODS: dict[str, Flood] = {}


def flood(attack: Attack) -> Attack:
    """List an attack under its name, to be repeated for as long as one likes."""

    async def last(url: str, seconds: float) -> None:
        hostile = Hostile(url)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    with contextlib.suppress(*LOST):
                        await attack(hostile)
                    await asyncio.sleep(AGAIN_S)

    FLOODS[attack.__name__] = last
    return attack


async def all_floods(url: str, seconds: float) -> None:
    """Run every flood, all at once."""
    await asyncio.gather(*(each(url, seconds) for each in FLOODS.values()))


# messages, as fast as the server takes them


@flood
async def interrupts(hostile: Hostile) -> None:
    """3,000 interrupts a second, of whose answers none is read."""
    tick = text(type="interrupt") * INTERRUPTS_A_TICK
    async with hostile.session() as line:
        while True:
            await line.send(tick)
            await asyncio.sleep(TICK_S)


async def _pour(line: Line, message: bytes) -> None:
    block = message * max(1, BLOCK_BYTES // len(message))
    while True:
        await line.send(block)
        await asyncio.sleep(0)  # a server that takes all at once must not keep the other floods from coming


@flood
async def flushes(hostile: Hostile) -> None:
    """Flushes alone."""
    async with hostile.session() as line:
        await _pour(line, text(type="flush"))


@flood
async def empty_messages(hostile: Hostile) -> None:
    """Sound without sound."""
    async with hostile.session() as line:
        await _pour(line, frame(Opcode.BINARY))


@flood
async def samples(hostile: Hostile) -> None:
    """Sound, a sample a message, from a microphone that is far too fast."""
    async with hostile.session(mode="live") as line:
        await _pour(line, frame(Opcode.BINARY, b"\x01\x02"))


@flood
async def chunks(hostile: Hostile) -> None:
    """Sound in messages as a microphone sends them, without end and as fast as can be."""
    async with hostile.session(mode="live") as line:
        await _pour(line, frame(Opcode.BINARY, bytes(960)))


@flood
async def bulk(hostile: Hostile) -> None:
    """Sound in the largest messages, dropped by an interrupt and sent again."""
    async with hostile.session(sample_rate=8000) as line:
        await _pour(line, frame(Opcode.BINARY, bytes(8 * 1024 * 1024)) + text(type="interrupt"))


@flood
async def marks(hostile: Hostile) -> None:
    """Marks, dropped by interrupts before they are too many."""
    async with hostile.session() as line:
        await _pour(line, text(type="mark", id="m" * 128) * 900 + text(type="interrupt"))


@flood
async def utterances(hostile: Hostile) -> None:
    """Utterances with a name, dropped by interrupts before they are too many."""
    names = (text(type="utterance", id=f"{number:0128}") for number in range(900))
    block = b"".join(names) + text(type="interrupt")
    async with hostile.session() as line:
        await _pour(line, block)


@flood
async def says(hostile: Hostile) -> None:
    """Long texts to be spoken, interrupted at once."""
    async with hostile.session() as line:
        await _pour(line, text(type="say", text="All work and no play. " * 400) * 20 + text(type="interrupt"))


@flood
async def pings(hostile: Hostile) -> None:
    """Pings, of which no answer is read."""
    async with hostile.session() as line:
        await _pour(line, frame(Opcode.PING, bytes(125)))


@flood
async def pongs(hostile: Hostile) -> None:
    """Pongs nobody asked for, without a session."""
    async with hostile.socket() as line:
        await _pour(line, frame(Opcode.PONG))


@flood
async def fragments(hostile: Hostile) -> None:
    """A message of empty fragments that never ends."""
    async with hostile.session() as line:
        await line.send(frame(Opcode.BINARY, b"\0", fin=False))
        await _pour(line, frame(Opcode.CONT, fin=False))


@flood
async def nonsense(hostile: Hostile) -> None:
    """Messages that are no messages, each on a socket of its own."""
    dice = random.Random(13)
    words = (b"{", b"[" * 50_000, b'{"type":"' + b"x" * 60_000, b"\xff\xfe", b'{"type":"start","sample_rate":1e999}')
    for opcode in (Opcode.TEXT, Opcode.BINARY):
        async with hostile.socket() as line:
            await line.send(frame(opcode, dice.choice(words)))
            await line.listen()
    async with hostile.socket() as line:
        await line.send(dice.randbytes(4096))
        await line.listen()


@flood
async def bombs(hostile: Hostile) -> None:
    """Frames that claim to be compressed, whether that was agreed upon or not."""
    async with hostile.socket(b"Sec-WebSocket-Extensions: permessage-deflate\r\n") as line:
        packed = bytearray(frame(Opcode.TEXT, bytes(1000)))
        packed[0] |= 0x40
        await line.send(bytes(packed))
        await line.listen()


@flood
async def offers(hostile: Hostile) -> None:
    """Session descriptions of which nothing can be made."""
    async with hostile.session() as line:
        await line.send(text(type="offer", sdp="v=0\r\n" + "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n" * 1000))
        await line.listen()


@flood
async def foreign_tokens(hostile: Hostile) -> None:
    """Tokens of somebody else's."""
    async with hostile.socket() as line:
        await line.send(text(type="attach", session="0" * 8, token="e30." * 1000))
        await line.listen()


# places that are taken and not used


async def _hold(lines: int, one: Callable[[], Awaitable[None]]) -> None:
    """Do the same on many connections, each again and again until cancelled."""

    async def keep() -> None:
        while True:
            with contextlib.suppress(*LOST):
                await one()
            await asyncio.sleep(AGAIN_S)

    async with asyncio.TaskGroup() as group:
        for _ in range(lines):
            group.create_task(keep())


@flood
async def silent_sessions(hostile: Hostile) -> None:
    """``start`` on eight sockets, and not a word more."""

    async def squat() -> None:
        async with hostile.session() as line:
            await line.listen()

    await _hold(8, squat)


@flood
async def silent_sockets(hostile: Hostile) -> None:
    """Sockets on which nothing is ever said."""

    async def squat() -> None:
        async with hostile.socket() as line:
            await line.listen()

    await _hold(MANY, squat)


@flood
async def silent_connections(hostile: Hostile) -> None:
    """Connections without a request."""

    async def squat() -> None:
        async with hostile.line() as line:
            await line.listen()

    await _hold(MANY, squat)


@flood
async def dripping_headers(hostile: Hostile) -> None:
    """Requests and handshakes of which a byte comes now and then."""
    kinds = itertools.cycle((b"GET / HTTP/1.1\r\nHost: ", b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nX: "))

    async def drip() -> None:
        async with hostile.line() as line:
            await line.send(next(kinds))
            while True:
                await line.send(b"x")
                await asyncio.sleep(DRIP_S)

    await _hold(MANY, drip)


@flood
async def dripping_bodies(hostile: Hostile) -> None:
    """Bodies of which a byte comes now and then, where one is expected and where none is."""
    targets = itertools.cycle(
        (b"POST /api/sessions", b"POST /whep/00000000", b"GET /healthz", b"PUT /api/avatars/default/mouth")
    )

    async def drip() -> None:
        async with hostile.line() as line:
            head = b"%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n"
            await line.send(head % (next(targets), hostile.site))
            while True:
                await line.send(b" ")
                await asyncio.sleep(DRIP_S)

    await _hold(MANY // 2, drip)


@flood
async def endless_uploads(hostile: Hostile) -> None:
    """Pictures that never end."""
    form = (
        b"POST /api/avatars HTTP/1.1\r\nHost: %s\r\nContent-Type: multipart/form-data; boundary=q\r\n"
        b"Content-Length: 100000000\r\n\r\n--q\r\n"
        b'Content-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    )

    async def upload() -> None:
        async with hostile.line() as line:
            await line.send(form % hostile.site)
            while True:
                await line.send(bytes(1000))
                await asyncio.sleep(DRIP_S)

    await _hold(8, upload)


@flood
async def unfinished_frames(hostile: Hostile) -> None:
    """Twenty large frames, each of which lacks its last byte."""

    async def send() -> None:
        async with hostile.socket() as line:
            await line.send(head_of(Opcode.BINARY, UNFINISHED_BYTES))
            for _ in range(UNFINISHED_BYTES // BLOCK_BYTES - 1):
                await line.send(bytes(BLOCK_BYTES))
            await line.listen()

    await _hold(UNFINISHED, send)


# requests


@flood
async def requests(hostile: Hostile) -> None:
    """Requests one behind the other, of whose answers none is read."""
    async with hostile.line() as line:
        await _pour(line, b"GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n" % hostile.site)


@flood
async def many_requests(hostile: Hostile) -> None:
    """Requests on many connections, whose answers are read."""

    async def ask() -> None:
        async with hostile.line() as line:
            while True:
                await line.send(b"GET /api/engines HTTP/1.1\r\nHost: %s\r\n\r\n" % hostile.site)
                await line.until(b"}")

    await _hold(16, ask)


@flood
async def unread_answers(hostile: Hostile) -> None:
    """Large answers that are asked for on many connections and not taken."""

    async def ask() -> None:
        async with hostile.line() as line:
            await line.send(b"GET /api/avatars/default/image HTTP/1.1\r\nHost: %s\r\n\r\n" % hostile.site * 20)
            await asyncio.sleep(CONNECTED_S)

    await _hold(MANY // 2, ask)


@flood
async def giant_headers(hostile: Hostile) -> None:
    """Headers without end."""
    async with hostile.line() as line:
        await line.send(b"GET / HTTP/1.1\r\n")
        await _pour(line, b"X: " + b"x" * 1000 + b"\r\n")


@flood
async def connections(hostile: Hostile) -> None:
    """Connections and handshakes, as many as there is time for."""

    async def come() -> None:
        async with hostile.socket() as line:
            line.abort()

    await _hold(8, come)


CONNECTED_S = 30  # that an answer is left waiting
