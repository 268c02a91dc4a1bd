"""Messages in chunks, and back."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rtc.rtmp.chunks import (
    CHUNK_BYTES,
    FIRST_CHUNK_BYTES,
    LONGEST_MESSAGE,
    MOST_STREAMS,
    BadChunks,
    ChunkReader,
    Kind,
    Message,
    write,
)


def test_a_message_is_cut_as_the_specification_has_it() -> None:
    written = write(Message(Kind.AUDIO, bytes(range(10)), stream=1, time_ms=1000), 4, chunk_bytes=6)
    head = b"\x04\x00\x03\xe8\x00\x00\x0a\x08\x01\x00\x00\x00"
    assert written == head + bytes(range(6)) + b"\xc4" + bytes(range(6, 10))


@pytest.mark.parametrize("time_ms", [0, 0xFFFFFE, 0xFFFFFF, 0x1000000, 0xFFFFFFFF])
def test_times_past_three_bytes_stand_in_every_chunk(time_ms: int) -> None:
    """After 4.6 hours."""
    message = Message(Kind.VIDEO, bytes(300), stream=1, time_ms=time_ms)
    written = write(message, 6, FIRST_CHUNK_BYTES)
    extended = 4 * (time_ms >= 0xFFFFFF)
    assert len(written) == 12 + extended + 300 + 2 * (1 + extended)
    assert ChunkReader().feed(written) == [message]


def test_times_go_round_after_49_days() -> None:
    assert ChunkReader().feed(write(Message(Kind.AUDIO, b"x", 1, (1 << 32) + 5), 4, 128))[0].time_ms == 5


@given(st.lists(st.tuples(st.integers(2, 8), st.binary(min_size=1, max_size=400)), max_size=8), st.integers(1, 50))
def test_messages_come_out_whole_however_their_bytes_arrive(sent: list[tuple[int, bytes]], piece: int) -> None:
    messages = [Message(Kind.COMMAND, payload, 1, number) for number, (_, payload) in enumerate(sent)]
    written = b"".join(write(each, chunk_stream, 128) for (chunk_stream, _), each in zip(sent, messages, strict=True))
    reader = ChunkReader()
    found = [each for at in range(0, len(written), piece) for each in reader.feed(written[at : at + piece])]
    assert found == messages


def test_chunks_of_several_messages_may_alternate() -> None:
    first, second = (write(Message(Kind.COMMAND, bytes([n]) * 200, 1), 2 + n, 128) for n in (1, 2))
    mixed = first[:140] + second[:140] + first[140:] + second[140:]
    assert [each.payload[0] for each in ChunkReader().feed(mixed)] == [1, 2]


def test_what_a_head_leaves_out_is_as_before() -> None:
    reader = ChunkReader()
    reader.feed(write(Message(Kind.AUDIO, b"abc", 7, 100), 5, 128))
    again = reader.feed(b"\x45\x00\x00\x14\x00\x00\x02\x09de" + b"\x85\x00\x00\x0afg" + b"\xc5hi")
    assert again == [
        Message(Kind.VIDEO, b"de", 7, 120),
        Message(Kind.VIDEO, b"fg", 7, 130),
        Message(Kind.VIDEO, b"hi", 7, 140),
    ]


def test_the_other_side_may_choose_longer_chunks_and_give_up_a_message() -> None:
    reader = ChunkReader()
    reader.feed(write(Message(Kind.SET_CHUNK_SIZE, struct.pack(">I", CHUNK_BYTES)), 2, 128))
    assert reader.feed(write(Message(Kind.COMMAND, bytes(3000)), 3, CHUNK_BYTES))[0].payload == bytes(3000)
    half = write(Message(Kind.COMMAND, bytes(5000)), 3, CHUNK_BYTES)[: 12 + CHUNK_BYTES]
    reader.feed(half + write(Message(Kind.ABORT, struct.pack(">I", 3)), 2, 128))
    assert reader.feed(write(Message(Kind.COMMAND, b"new"), 3, CHUNK_BYTES))[0].payload == b"new"


@pytest.mark.parametrize(
    "data",
    [
        b"\xc3abc",  # refers to nothing
        b"\x03" + bytes(3) + struct.pack(">I", LONGEST_MESSAGE + 1)[1:] + bytes(5),
        write(Message(Kind.SET_CHUNK_SIZE, bytes(4)), 2, 128),
        write(Message(Kind.SET_CHUNK_SIZE, b""), 2, 128),
    ],
)
def test_what_is_no_stream_of_chunks_is_refused(data: bytes) -> None:
    with pytest.raises(BadChunks):
        ChunkReader().feed(data)


def test_a_flood_is_bounded() -> None:
    """Messages that are begun and never ended."""
    begun = [write(Message(Kind.COMMAND, bytes(LONGEST_MESSAGE)), n, 128)[:-129] for n in range(2, 63)]
    reader = ChunkReader()
    with pytest.raises(BadChunks, match="too many"):
        for each in begun:
            reader.feed(each)
    assert sum(len(each.payload) for each in reader._streams.values()) <= (MOST_STREAMS + 1) * LONGEST_MESSAGE
