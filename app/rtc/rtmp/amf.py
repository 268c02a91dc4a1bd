"""AMF0, the values of RTMP's commands (Adobe's "Action Message Format -- AMF 0", 2007): those that commands use."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import TypeAlias

AmfValue: TypeAlias = "bool | float | str | Mapping[str, AmfValue] | Sequence[AmfValue] | None"

NUMBER, BOOLEAN, STRING, OBJECT, NULL, UNDEFINED, ECMA_ARRAY, OBJECT_END, STRICT_ARRAY, LONG_STRING = (
    0, 1, 2, 3, 5, 6, 8, 9, 10, 12,
)  # fmt: skip
SHORT_STRING_BYTES = 0xFFFF
DEEPEST = 8  # objects within objects


class BadAmf(ValueError):
    """What was sent is no AMF0, or has a type that commands do not use."""


def encode(*values: AmfValue) -> bytes:
    """Write values one after the other; a mapping becomes an object."""
    return b"".join(_encoded(value) for value in values)


def decode(data: bytes) -> list[AmfValue]:
    """Read all the values there are.

    Raises:
        BadAmf: where they cannot be read.
    """
    values: list[AmfValue] = []
    at = 0
    try:
        while at < len(data):
            value, at = _decoded(data, at, DEEPEST)
            values.append(value)
    except (struct.error, IndexError) as error:
        raise BadAmf("a value ends too early") from error
    return values


def _encoded(value: AmfValue) -> bytes:
    if value is None:
        return bytes([NULL])
    if isinstance(value, bool):
        return bytes([BOOLEAN, value])
    if isinstance(value, int | float):
        return struct.pack(">Bd", NUMBER, value)
    if isinstance(value, str):
        return bytes([STRING]) + _name(value)
    assert isinstance(value, Mapping), "commands send no arrays"
    fields = b"".join(_name(name) + _encoded(each) for name, each in value.items())
    return bytes([OBJECT]) + fields + _name("") + bytes([OBJECT_END])


def _name(text: str) -> bytes:
    data = text.encode()
    assert len(data) <= SHORT_STRING_BYTES
    return struct.pack(">H", len(data)) + data


def _decoded(data: bytes, at: int, depth: int) -> tuple[AmfValue, int]:
    kind, at = data[at], at + 1
    if kind in (NULL, UNDEFINED):
        return None, at
    if kind == NUMBER:
        return struct.unpack_from(">d", data, at)[0], at + 8
    if kind == BOOLEAN:
        return bool(data[at]), at + 1
    if kind == STRING:
        return _text(data, at, ">H")
    if kind == LONG_STRING:
        return _text(data, at, ">I")
    if not depth:
        raise BadAmf("objects are too deep")
    if kind == OBJECT:
        return _fields(data, at, depth - 1)
    if kind == ECMA_ARRAY:
        return _fields(data, at + 4, depth - 1)
    if kind == STRICT_ARRAY:
        return _items(data, at, depth - 1)
    raise BadAmf(f"type {kind} is not known")


def _text(data: bytes, at: int, length_format: str) -> tuple[str, int]:
    (length,) = struct.unpack_from(length_format, data, at)
    at += struct.calcsize(length_format)
    if at + length > len(data):
        raise BadAmf("a text ends too early")
    return data[at : at + length].decode(errors="replace"), at + length


def _fields(data: bytes, at: int, depth: int) -> tuple[dict[str, AmfValue], int]:
    fields: dict[str, AmfValue] = {}
    while True:
        name, at = _text(data, at, ">H")
        if not name and data[at] == OBJECT_END:
            return fields, at + 1
        fields[name], at = _decoded(data, at, depth)


def _items(data: bytes, at: int, depth: int) -> tuple[list[AmfValue], int]:
    (count,) = struct.unpack_from(">I", data, at)
    at += 4
    items: list[AmfValue] = []
    for _ in range(count):
        value, at = _decoded(data, at, depth)
        items.append(value)
    return items, at
