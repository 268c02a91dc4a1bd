"""Bytes copied whole, and fetched before they are read. What is built here is LLVM's own language, see ``lanes``."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from app.inference.engines.portrait.lanes import Lanes, intrinsic

_BYTE, _INTEGER = ir.IntType(8), ir.IntType(32)


@intrinsic
def copy_bytes(typing: Any, out: Any, to: Any, source: Any, at: Any, count: Any) -> Any:
    """Copy ``count`` bytes of ``source`` from ``at`` on into ``out``, another array, from ``to`` on."""
    return types.void(out, types.intp, source, types.intp, types.intp), _copy


@intrinsic
def fetch_early(typing: Any, source: Any, at: Any) -> Any:
    """Begin to fetch the line of memory that lies ``at`` in an array, or anywhere: it is only read later, if at all."""
    return types.void(source, types.intp), _fetch


def _copy(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    lanes = Lanes(context, builder, signature, arguments)
    _, to, _, at, count = arguments
    copied: Any = cgutils.raw_memcpy
    copied(builder, *(lanes.address(k, begin, _BYTE) for k, begin in ((0, to), (2, at))), count, 1)
    return lanes.nothing


def _fetch(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    lanes = Lanes(context, builder, signature, arguments)
    kind = ir.FunctionType(ir.VoidType(), [_BYTE.as_pointer(), *[_INTEGER] * 3])
    declared: Any = cgutils.get_or_insert_function
    to_read, nearest, of_data = (ir.Constant(_INTEGER, number) for number in (0, 3, 1))
    address = lanes.address(0, arguments[1], _BYTE)
    builder.call(declared(builder.module, kind, "llvm.prefetch.p0"), [address, to_read, nearest, of_data])
    return lanes.nothing
