"""Messages for ``/ws`` as no client should send them, each from a seed: JSON of every wrong kind, bytes, wrong order.

What a server owes whoever sends them: a code that says what was wrong, or an answer; never ``internal_error``, never a
socket that ends without a word, and nothing that anybody else notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.frames import Frame, Opcode

FIELDS: dict[str, dict[str, Any]] = {
    "start": {"avatar": "default", "engine": "clapper", "mode": "clip", "sample_rate": 48_000, "channels": 1},
    "attach": {"session": "00000000", "token": "e30.e30.e30", "sample_rate": 48_000, "after": 1},
    "offer": {"sdp": "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"},
    "utterance": {"id": "u", "sample_rate": 24_000, "channels": 2, "encoding": "pcm_f32le"},
    "say": {"text": "Hello.", "voice": "en", "utterance": "s"},
    "flush": {},
    "mark": {"id": "m"},
    "interrupt": {},
    "stop": {},
}
DEEP = 3_000
HUGE_TEXT = 300_000  # more than a text message may have
STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**63, -(2**64), 10**400, 1e308, 48_000.5, 7999, 96_001, 3, "48000",
    "", " ", "0", "null", [], {}, [[]], {"a": {}}, ["start"], {"type": "start"},
    "\x00", "\ud800", "\U0001f600" * 200, "\u202e\u0000\r\n", "\x1b[2J", "\ufdfd", "\u00e9" * 129, "a" * 5000,
    "../../etc/passwd", "%s%n", "'; drop table", "{{7*7}}", "http://127.0.0.1/",
)  # fmt: skip
RAW = (
    "", " ", "\n", "{", "}", "[]", "{}", "null", "true", "0", "-", "NaN", "Infinity", "-Infinity", '"start"', "[[[[",
    "\ufeff{}", '{"type":"start","type":"stop"}', '{"type":"start","sample_rate":NaN}', "/* */{}",
    '{"type":"start","sample_rate":1e999}', '{"type":"mark","id":"\\ud800"}', '{"type":"mark","id":"\\u0000"}',
    '{"type":"start",}', "{'type':'start'}", '{"type":"start"}{"type":"stop"}', '{"type":"flush"} x',
    '{"type":"FLUSH"}', '{"type":["flush"]}', '{"type":{}}', '{"Type":"flush"}', '{"type":"mark","id":"a","id":"b"}',
    '{"type":"interrupt","x":' + "[" * 200 + "]" * 200 + "}", "9" * 5000, '{"type":"mark","id":' + "9" * 5000 + "}",
    "[" * DEEP, "[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP,
)  # fmt: skip
SPOILERS = ('"', "{", "}", "[", ",", ":", "\\", "\x00", "9", "", "\u00e9", "\x7f")
ANSWER_S = 20
STARTED = 0.4  # of the sockets have a session when the first strange message comes
AT_MOST = 3  # messages a socket; the first that is refused ends it, and those behind it are not read
FATAL = ("internal_error",)


@dataclass(slots=True)
class Findings:
    """What came of it.

    ``messages``: those that were judged, one a socket. ``wrong``: what no message may lead to, with what was sent.
    """

    messages: int = 0
    sockets: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def any_message(dice: random.Random) -> str | bytes:
    """Make one message, more often wrong than right."""
    return dice.choice(MAKERS)(dice)


def _one_strange_field(dice: random.Random) -> str:
    type = dice.choice(list(FIELDS))
    message = {"type": type, **FIELDS[type]}
    message[dice.choice(list(message))] = dice.choice(STRANGE)
    return json.dumps(message, ensure_ascii=dice.random() < 0.9 or _has_surrogate(message))


def _missing_field(dice: random.Random) -> str:
    message = {"type": dice.choice(list(FIELDS))} | FIELDS[dice.choice(list(FIELDS))]
    message.pop(dice.choice(list(message)))
    return json.dumps(message)


def _right(dice: random.Random) -> str:
    type = dice.choice([each for each in FIELDS if each not in ("say", "stop")])
    return json.dumps({"type": type, **FIELDS[type]})


def _raw(dice: random.Random) -> str:
    return dice.choice(RAW)


def _mutated(dice: random.Random) -> str:
    text = list(_one_strange_field(dice))
    for _ in range(dice.randrange(1, 6)):
        if text:
            text[dice.randrange(len(text))] = dice.choice(SPOILERS)
    return "".join(text)


def _nested(dice: random.Random) -> str:
    depth = dice.choice((5, 100, 130, 500, DEEP))
    return json.dumps({"type": "mark", "id": 0}).replace("0", "[" * depth + "]" * depth)


def _bytes(dice: random.Random) -> bytes:
    return dice.randbytes(dice.choice((0, 1, 2, 3, 5, 959, 960, 1921, 20_001)))


def _floats(dice: random.Random) -> bytes:
    return dice.choice((b"\x00\x00\xc0\x7f", b"\x00\x00\x80\x7f", b"\xff\xff\x7f\x7f")) * dice.choice((1, 480, 481))


def _large(dice: random.Random) -> str:
    return json.dumps({"type": "mark", "id": "x" * dice.choice((127, 128, 129, HUGE_TEXT))})


def _has_surrogate(message: dict[str, Any]) -> bool:
    return any(isinstance(value, str) and "\ud800" in value for value in message.values())


MAKERS: tuple[Callable[[random.Random], str | bytes], ...] = (
    *[_one_strange_field] * 4, *[_mutated] * 3, *[_raw] * 3, _missing_field, _right, _right,
    _nested, _bytes, _floats, _large,
)  # fmt: skip


async def send_messages(ws_url: str, count: int, seed: int) -> Findings:
    """Let so many be judged, over as many sockets as it takes."""
    dice, findings = random.Random(seed), Findings()
    while findings.messages < count:
        await _one_socket(ws_url, dice, findings)
    return findings


async def _one_socket(ws_url: str, dice: random.Random, findings: Findings) -> None:
    sent: list[str | bytes] = []
    codes: list[str] = []
    findings.sockets += 1
    try:
        async with asyncio.timeout(ANSWER_S):
            socket = await connect(ws_url, compression=None, max_size=None, ping_interval=None, proxy=None)
            try:
                if dice.random() < STARTED:
                    await socket.send(json.dumps({"type": "start", "engine": "clapper", "mode": "clip"}))
                for _ in range(dice.randrange(1, AT_MOST + 1)):
                    sent.append(any_message(dice))
                    await _send(socket, sent[-1], dice)
                await socket.send('{"type":"stop"}')
                if dice.random() < 0.2:
                    await _send(socket, any_message(dice), dice)  # after the end
            except ConnectionClosed:
                pass  # it was refused on the way
            await _listen(socket, codes)
    except (OSError, InvalidHandshake) as error:
        findings.codes[type(error).__name__] += 1
        await asyncio.sleep(0.1)  # full, or closing connections of this address
        return
    except TimeoutError:
        findings.wrong.append(f"no end after {_shown(sent)}")
        return
    findings.codes.update(codes)
    findings.messages += 1  # the one that was refused, or all that were not; those behind it do not count
    said_why = [code for code in codes if not code.isdigit()]
    if "1006" in codes or (any(code.startswith("4") for code in codes) and not said_why):
        findings.wrong.append(f"{codes} after {_shown(sent)}")
    if set(FATAL) & set(codes):
        findings.wrong.append(f"{codes} after {_shown(sent)}")


async def _send(socket: ClientConnection, message: str | bytes, dice: random.Random) -> None:
    if isinstance(message, str) and "\ud800" in message:
        message = message.encode("utf-8", "surrogatepass")
    if isinstance(message, str) and dice.random() < 0.05:
        message = [message[: len(message) // 2], message[len(message) // 2 :]]  # type: ignore[assignment]  # fragments
    await socket.send(message)


async def _listen(socket: ClientConnection, codes: list[str]) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for text in socket:
            said = json.loads(text)
            if said["type"] == "error":
                codes.append(said["code"])
            elif said["type"] == "elsewhere":  # a front's answer, which ends the socket too
                codes.append(said["type"])
    codes.append(str(socket.close_code or 1006))


async def send_offers(ws_url: str, sdps: Iterable[str]) -> Findings:
    """Offer each description in a session of its own; one that can be answered is, and the session then ends."""
    findings = Findings()
    for sdp in sdps:
        codes: list[str] = []
        findings.sockets += 1
        try:
            async with asyncio.timeout(ANSWER_S):
                socket = await connect(ws_url, compression=None, max_size=None, ping_interval=None, proxy=None)
                with contextlib.suppress(ConnectionClosed):
                    await socket.send(json.dumps({"type": "start", "engine": "clapper"}))
                    await socket.send(json.dumps({"type": "offer", "sdp": sdp}).encode("utf-8", "replace").decode())
                    await socket.send('{"type":"stop"}')
                await _listen(socket, codes)
        except (OSError, InvalidHandshake) as error:
            findings.codes[type(error).__name__] += 1
            continue
        except TimeoutError:
            findings.wrong.append(f"no end after {sdp[:200]!a}")
            continue
        findings.messages += 1
        findings.codes.update(codes)
        if set(FATAL) & set(codes) or "1006" in codes:
            findings.wrong.append(f"{codes} after {sdp[:2000]!a}")
    return findings


async def send_bad_utf8(ws_url: str) -> int:
    """Send text that is no UTF-8; returns the close code (1007, as RFC 6455 wants it)."""
    socket = await connect(ws_url, compression=None, ping_interval=None, proxy=None)
    socket.transport.write(Frame(Opcode.TEXT, b'{"type":"\xff\xfe"}').serialize(mask=True, extensions=()))
    await socket.wait_closed()
    return socket.close_code or 1006


def _shown(sent: list[str | bytes]) -> str:
    return ascii([each[:80] for each in sent[-3:]])
