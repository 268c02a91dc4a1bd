"""Offers and ICE fragments as no client should send them, made from real ones: the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

OFFERS = Path(__file__).parent / "offers"
LINE_END = "\r\n"
MOST_BYTES = 96 * 1024  # of what is made; the server reads less

Lines = list[str]
Mutation = Callable[[random.Random, Lines], Lines]

NUMBERS = ("-1", "0", "255", "256", "65536", "4294967296", "9" * 40, "9" * 5000, "1e3", "0x10", "٣", "NaN", "")
WORDS = ("", " ", ":", "*", "/", "=", "\x00", "\x1b[2J", "\u2028", "\ud7ff", "é" * 50, "A" * 9000, "%s%n", "..", "null")
ATTRIBUTES = (
    "a=group:BUNDLE 7 8",
    "a=group:BUNDLE",
    "a=group:BUNDLE 1 0 0 1",
    "a=group:LS 0 1",
    "a=mid:7",
    "a=mid:",
    "a=mid",
    "a=ice-lite",
    "a=ice-ufrag:x",
    "a=ice-pwd:short",
    "a=setup:passive",
    "a=setup:holdconn",
    "a=fingerprint:sha-256",
    "a=fingerprint:md5 00",
    "a=fingerprint:sha-256 zz",
    "a=candidate:1 1 udp 1 169.254.169.254 80 typ host",
    "a=candidate:1 1 udp 1 127.0.0.1 99999999999 typ host",
    "a=candidate:1 1 tcp 1 10.0.0.1 9 typ host tcptype active",
    "a=candidate:1 1 udp 1 evil.example.org 9 typ host raddr",
    "a=candidate:",
    "a=candidate",
    "a=end-of-candidates",
    "a=extmap:1",
    "a=extmap:x/y z",
    "a=extmap:0 urn:ietf:params:rtp-hdrext:sdes:mid",
    "a=rtpmap:96",
    "a=rtpmap:96 VP8",
    "a=rtpmap:96 VP8/x",
    "a=rtpmap:300 H264/90000",
    "a=rtpmap:111 opus/48000/2/9",
    "a=fmtp:5 x=y",
    "a=fmtp:96",
    "a=fmtp:97 apt=97",
    "a=fmtp:97 apt=x",
    "a=fmtp:102 packetization-mode=x;profile-level-id=zzzzzz",
    "a=rtcp-fb:*",
    "a=rtcp-fb:* nack",
    "a=rtcp:x",
    "a=rtcp:9 IN IP9 x",
    "a=ssrc:1",
    "a=ssrc:x cname:y",
    "a=ssrc:99999999999999 cname:y",
    "a=ssrc-group:FID x y",
    "a=msid:a b c",
    "a=sctp-port:x",
    "a=sctpmap:5000 webrtc-datachannel 65535",
    "a=max-message-size:-1",
    "a=inactive",
    "a=sendrecv",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "m=audio 0 UDP/TLS/RTP/SAVPF 111",
    "m=video",
    "m=video 9 UDP/TLS/RTP/SAVPF",
    "m=video 9 RTP/AVP 26",
    "m=video 9 UDP/TLS/RTP/SAVPF x",
    "m=text 9 X 1",
    "c=IN IP4",
    "v=1",
    "v=x",
    "o=",
    "t=",
    "z=1",
    "nonsense",
    "=",
)


def offers() -> dict[str, str]:
    """Return the real ones, by who made them."""
    return {path.stem: path.read_bytes().decode() for path in sorted(OFFERS.glob("*.sdp"))}


def mutated_sdps(seed: int, count: int) -> Iterator[str]:
    """Make offers, each damaged in one to four places."""
    chance, known = random.Random(seed), list(offers().values())
    for _ in range(count):
        lines = chance.choice(known).split(LINE_END)
        for _ in range(chance.choice((1, 1, 1, 2, 3, 4))):
            lines = chance.choice(MUTATIONS)(chance, lines)
        yield chance.choice((LINE_END, LINE_END, LINE_END, "\n", "\r")).join(lines)[:MOST_BYTES]


def mutated_fragments(seed: int, count: int) -> Iterator[str]:
    """Make ICE fragments, each of a few lines of a damaged offer."""
    chance = random.Random(seed)
    for sdp in mutated_sdps(seed, count):
        lines = [line for line in sdp.splitlines() if line.startswith(("a=ice", "a=cand", "a=mid", "a=end", "m="))]
        chance.shuffle(lines)
        lines += chance.sample(ATTRIBUTES, chance.randrange(4))
        yield LINE_END.join([*lines[: chance.randrange(1, 60)], ""])


def _drop(chance: random.Random, lines: Lines) -> Lines:
    at = chance.randrange(len(lines))
    return lines[:at] + lines[at + chance.randrange(1, 4) :] or [" "]


def _drop_kind(chance: random.Random, lines: Lines) -> Lines:
    kind = chance.choice(lines).partition(":")[0]
    return [line for line in lines if not line.startswith(kind)] or [""]


def _repeat(chance: random.Random, lines: Lines) -> Lines:
    at = chance.randrange(len(lines))
    return lines[:at] + [lines[at]] * chance.choice((2, 3, 40, 3000)) + lines[at:]


def _repeat_numbered(chance: random.Random, lines: Lines) -> Lines:
    at, made = chance.randrange(len(lines)), chance.choice((40, 1000, 4000))
    form = chance.choice(("a=ssrc:{} cname:x", "a=rtpmap:{} VP8/90000", "a=extmap:{} urn:x", "a=rtcp-fb:* nack{}"))
    return lines[:at] + [form.format(number) for number in range(made)] + lines[at:]


def _swap(chance: random.Random, lines: Lines) -> Lines:
    made = list(lines)
    one, other = chance.randrange(len(made)), chance.randrange(len(made))
    made[one], made[other] = made[other], made[one]
    return made


def _add(chance: random.Random, lines: Lines) -> Lines:
    at = chance.randrange(len(lines) + 1)
    return [*lines[:at], chance.choice(ATTRIBUTES), *lines[at:]]


def _replace(chance: random.Random, lines: Lines) -> Lines:
    made = list(lines)
    added = chance.choice(ATTRIBUTES)
    name = added.partition(":")[0]
    alike = [at for at, line in enumerate(made) if line.startswith(name)]
    made[chance.choice(alike) if alike else chance.randrange(len(made))] = added
    return made


def _change_part(chance: random.Random, lines: Lines) -> Lines:
    made = list(lines)
    at = chance.randrange(len(made))
    parts = made[at].split(" ")
    parts[chance.randrange(len(parts))] = chance.choice(chance.choice((NUMBERS, WORDS)))
    made[at] = " ".join(parts)
    return made


def _change_value(chance: random.Random, lines: Lines) -> Lines:
    made = list(lines)
    at = chance.randrange(len(made))
    made[at] = made[at].partition(":")[0] + ":" + chance.choice(chance.choice((NUMBERS, WORDS)))
    return made


def _cut(chance: random.Random, lines: Lines) -> Lines:
    made = list(lines)
    at = chance.randrange(len(made))
    made[at] = made[at][: chance.randrange(len(made[at]) + 1)]
    return made


def _flip(chance: random.Random, lines: Lines) -> Lines:
    text = list(LINE_END.join(lines)) or [" "]
    for _ in range(chance.randrange(1, 12)):
        text[chance.randrange(len(text))] = chr(chance.choice((0, 9, 10, 13, 27, 32, 42, 47, 58, 61, 127, 233, 8232)))
    return "".join(text).split(LINE_END)


def _end_early(chance: random.Random, lines: Lines) -> Lines:
    return lines[: chance.randrange(1, len(lines) + 1)]


def _more_sections(chance: random.Random, lines: Lines) -> Lines:
    begins = [at for at, line in enumerate(lines) if line.startswith("m=")]
    if not begins:
        return lines
    return lines + lines[chance.choice(begins) :] * chance.choice((1, 2, 30))


MUTATIONS: tuple[Mutation, ...] = (
    _drop,
    _drop_kind,
    _repeat,
    _repeat_numbered,
    _swap,
    _add,
    _add,
    _replace,
    _replace,
    _change_part,
    _change_part,
    _change_value,
    _cut,
    _flip,
    _end_early,
    _more_sections,
)
