"""AMF0, against bytes written out by hand."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rtc.rtmp.amf import AmfValue, BadAmf, decode, encode

CONNECT = (
    b"\x02\x00\x07connect"
    b"\x00\x3f\xf0\x00\x00\x00\x00\x00\x00"
    b"\x03\x00\x03app\x02\x00\x04live\x00\x05fpadx\x01\x00\x00\x00\x09"
    b"\x05"
)

values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=4),
    max_leaves=10,
)


def test_a_command_is_written_as_the_specification_has_it() -> None:
    assert encode("connect", 1, {"app": "live", "fpadx": False}, None) == CONNECT
    assert decode(CONNECT) == ["connect", 1.0, {"app": "live", "fpadx": False}, None]


@given(st.lists(values, max_size=4))
def test_what_is_written_is_read_again(given: list[AmfValue]) -> None:
    try:
        assert decode(encode(*given)) == given
    except BadAmf as error:
        assert "too deep" in str(error)


def test_arrays_and_long_texts_are_read() -> None:
    assert decode(b"\x08\x00\x00\x00\x01\x00\x01a\x00" + bytes(8) + b"\x00\x00\x09") == [{"a": 0.0}]
    assert decode(b"\x0a\x00\x00\x00\x02\x01\x01\x06") == [[True, None]]
    assert decode(b"\x0c\x00\x00\x00\x02ab") == ["ab"]


@given(st.binary(max_size=60))
def test_whatever_is_sent_is_read_or_refused(data: bytes) -> None:
    with suppress(BadAmf):
        decode(data)


def test_objects_in_objects_have_an_end() -> None:
    with pytest.raises(BadAmf, match="too deep"):
        decode(b"\x03\x00\x01a" * 10_000)
