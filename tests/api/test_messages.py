from __future__ import annotations

import json

import pytest

from app.api.messages import (
    BAD_MESSAGE,
    MAX_TEXT_BYTES,
    TOO_LARGE,
    FlushMessage,
    InterruptMessage,
    OfferMessage,
    StartMessage,
    StopMessage,
    close_code_of,
    parse,
)
from app.errors import Refusal


def test_every_message_is_read() -> None:
    assert parse('{"type":"flush"}') == FlushMessage(type="flush")
    assert parse('{"type":"interrupt"}') == InterruptMessage(type="interrupt")
    assert parse('{"type":"stop"}') == StopMessage(type="stop")
    assert parse('{"type":"offer","sdp":"v=0"}') == OfferMessage(type="offer", sdp="v=0")
    start = parse(
        '{"type":"start","avatar":"a1","engine":"portrait","mode":"clip","sample_rate":16000,'
        '"channels":2,"encoding":"pcm_f32le"}'
    )
    assert isinstance(start, StartMessage)
    assert (start.avatar, start.engine, start.mode) == ("a1", "portrait", "clip")
    assert (start.sample_rate, start.channels, start.encoding) == (16_000, 2, "pcm_f32le")


def test_start_has_the_documented_defaults() -> None:
    assert parse('{"type":"start"}') == StartMessage(
        type="start", avatar="default", engine="auto", mode="live",
        sample_rate=48_000, channels=1, encoding="pcm_s16le",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_json"),
        ("hello", "bad_json"),
        ("[]", "bad_json"),
        ('"start"', "bad_json"),
        ("{}", "unknown_type"),
        ('{"type":"dance"}', "unknown_type"),
        ('{"type":7}', "unknown_type"),
        ('{"type":"offer"}', "bad_field"),
        ('{"type":"offer","sdp":7}', "bad_field"),
        ('{"type":"start","mode":"fast"}', "bad_field"),
        ('{"type":"start","sample_rate":7999}', "bad_field"),
        ('{"type":"start","sample_rate":96001}', "bad_field"),
        ('{"type":"start","sample_rate":"48000"}', "bad_field"),
        ('{"type":"start","channels":0}', "bad_field"),
        ('{"type":"start","channels":3}', "bad_field"),
        ('{"type":"start","encoding":"mp3"}', "bad_field"),
        ('{"type":"start","avatar":7}', "bad_field"),
    ],
)
def test_what_is_wrong_is_named(text: str, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse(text)
    assert (caught.value.code, close_code_of(caught.value)) == (code, BAD_MESSAGE)
    assert len(caught.value.message) > 20


def test_a_bad_field_is_called_by_its_name() -> None:
    with pytest.raises(Refusal, match="sample_rate"):
        parse('{"type":"start","sample_rate":1}')


def test_a_huge_text_is_refused_unread() -> None:
    with pytest.raises(Refusal) as caught:
        parse(json.dumps({"type": "offer", "sdp": "x" * MAX_TEXT_BYTES}))
    assert (caught.value.code, close_code_of(caught.value)) == ("message_too_large", TOO_LARGE)
