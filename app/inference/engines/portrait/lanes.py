"""Eight pixels at once, in the processor's vector registers, where compilers on their own would take one after another.

What is built here is LLVM's own language: it becomes two instructions or ten by what the processor knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import extending, types
from numba.core import cgutils
from numba.np import arrayobj

intrinsic = cast(Callable[[Callable[..., Any]], Callable[..., Any]], extending.intrinsic)

LANES = 8
FUSED = ("contract",)  # a product and a sum may be one instruction

_BYTE, _INTEGER, _WIDE = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_BYTES, _BITS = ir.VectorType(_BYTE, LANES), ir.VectorType(ir.IntType(1), LANES)
_INTEGERS, _WIDES = ir.VectorType(_INTEGER, LANES), ir.VectorType(_WIDE, LANES)
_FLOATS, _FOUR_FLOATS = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(ir.FloatType(), 4)
_FOUR: Any = types.containers.UniTuple(types.float32, 4)  # type: ignore[no-untyped-call]


@intrinsic
def look_up_lanes(
    typing: Any, out: Any, to: Any, source: Any, columns: Any, x: Any, y: Any, at: Any, far_x: Any, far_y: Any
) -> Any:
    """Draw ``LANES`` bytes or float32 of ``out`` from ``to`` on, each looked up bilinearly at a place of its own.

    ``source``: uint8 (rows × ``columns``,). The places: from ``at`` on in ``x`` and ``y``, float32, within 0 and
    ``far_x``, ``far_y``, which lie more than a row and a column before its end.
    """
    scalars = [types.float32] * 2
    return types.void(out, types.intp, source, types.int32, x, y, types.intp, *scalars), _look_up


@intrinsic
def mixed(typing: Any, source: Any, a: Any, b: Any, c: Any, d: Any, across: Any, down: Any) -> Any:
    """Return four float32 that lie bilinearly between four times four of ``source``, float32.

    ``a``, ``b``, ``c``, ``d``: where those begin: upper left, upper right, lower left, lower right. ``across``,
    ``down``: float32, 0…1.
    """
    return _FOUR(source, *[types.intp] * 4, types.float32, types.float32), _mix


class Lanes:
    """What an intrinsic is written in: a builder, with the arrays that it was given."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self.build, self._context, self._types, self._given = builder, context, signature.args, arguments
        self.nothing = context.get_dummy_value()  # what is returned

    def data(self, number: int) -> Any:
        """Return the address of an argument that is an array."""
        make_array: Any = arrayobj.make_array
        return make_array(self._types[number])(self._context, self.build, self._given[number]).data

    def address(self, number: int, at: Any, kind: Any) -> Any:
        """Return the address of what lies ``at`` in an array, as something of a kind."""
        return self.build.bitcast(self.build.gep(self.data(number), [at]), kind.as_pointer())

    def loaded(self, number: int, at: Any, kind: Any) -> Any:
        """Load something of a kind, wherever it lies in an array."""
        found = self.build.load(self.address(number, at, kind))
        found.align = 1
        return found

    def stored(self, value: Any, number: int, at: Any) -> None:
        """Write a value, wherever it lies in an array."""
        self.build.store(value, self.address(number, at, value.type)).align = 1

    def everywhere(self, value: Any, kind: Any) -> Any:
        """Return a vector of a kind that holds one value everywhere."""
        nothing = ir.Constant(kind, ir.Undefined)
        one = self.build.insert_element(nothing, value, ir.Constant(_INTEGER, 0))
        return self.build.shuffle_vector(
            one, nothing, ir.Constant(ir.VectorType(_INTEGER, kind.count), [0] * kind.count)
        )

    def between(self, low: Any, high: Any, weight: Any) -> Any:
        """Return what lies between two values, linearly."""
        return self.build.fadd(low, self.build.fmul(self.build.fsub(high, low), weight, FUSED), FUSED)

    def as_bytes(self, value: Any) -> Any:
        """Round floats to bytes."""
        rounded = self.build.fadd(value, ir.Constant(_FLOATS, [0.5] * LANES))
        return self.build.trunc(self.build.fptosi(rounded, _INTEGERS), _BYTES)


def _look_up(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    lanes = Lanes(context, builder, signature, arguments)
    _, to, _, columns, _, _, at, far_x, far_y = arguments

    def limited(number: int, far: Any) -> Any:
        value, low, high = (
            lanes.loaded(number, at, _FLOATS),
            ir.Constant(_FLOATS, [0.0] * LANES),
            lanes.everywhere(far, _FLOATS),
        )
        value = builder.select(builder.fcmp_ordered(">", value, low), value, low)
        return builder.select(builder.fcmp_ordered("<", value, high), value, high)

    def pairs(offset: Any) -> Any:
        """Return what lies between each byte at its offset and its neighbour, which come in one load."""
        start = lanes.everywhere(builder.ptrtoint(lanes.data(2), _WIDE), _WIDES)
        addresses = builder.inttoptr(builder.add(start, builder.zext(offset, _WIDES)), pointers)
        all_of_them, nothing = ir.Constant(_BITS, [1] * LANES), ir.Constant(_INTEGERS, [0] * LANES)
        four = builder.call(gather, [addresses, ir.Constant(_INTEGER, 1), all_of_them, nothing])
        byte = ir.Constant(_INTEGERS, [255] * LANES)
        first = builder.and_(four, byte)
        second = builder.and_(builder.lshr(four, ir.Constant(_INTEGERS, [8] * LANES)), byte)
        return lanes.between(builder.sitofp(first, _FLOATS), builder.sitofp(second, _FLOATS), across)

    pointers = ir.VectorType(_INTEGER.as_pointer(), LANES)
    kind = ir.FunctionType(_INTEGERS, [pointers, _INTEGER, _BITS, _INTEGERS])
    declared: Any = cgutils.get_or_insert_function
    gather = declared(builder.module, kind, f"llvm.masked.gather.v{LANES}i32.v{LANES}p0")
    x, y = limited(4, far_x), limited(5, far_y)
    column, row = builder.fptosi(x, _INTEGERS), builder.fptosi(y, _INTEGERS)
    across, down = builder.fsub(x, builder.sitofp(column, _FLOATS)), builder.fsub(y, builder.sitofp(row, _FLOATS))
    wide = lanes.everywhere(columns, _INTEGERS)
    upper = builder.add(builder.mul(row, wide), column)
    found = lanes.between(pairs(upper), pairs(builder.add(upper, wide)), down)
    lanes.stored(found if signature.args[0].dtype == types.float32 else lanes.as_bytes(found), 0, to)
    return context.get_dummy_value()


def _mix(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    lanes = Lanes(context, builder, signature, arguments)
    _, *begins, across, down = arguments
    weight = lanes.everywhere(across, _FOUR_FLOATS)
    a, b, c, d = (lanes.loaded(0, begin, _FOUR_FLOATS) for begin in begins)
    upper, lower = lanes.between(a, b, weight), lanes.between(c, d, weight)
    found = lanes.between(upper, lower, lanes.everywhere(down, _FOUR_FLOATS))
    values = [builder.extract_element(found, ir.Constant(_INTEGER, k)) for k in range(4)]
    return context.make_tuple(builder, signature.return_type, values)
