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

LANES, LONG_RUN = 8, 16
# a whole pixel's share in 16 bits, less what a run's steps may be rounded by
UNIT = (1 << 15) - 2 * LONG_RUN
FUSED = ("contract",)  # a product and a sum may be one instruction
ROUNDING = 1 / 4096  # beyond 0 and 1, so that no pixel falls between two runs

_INTEGER, _WIDE = ir.IntType(32), ir.IntType(64)
_BYTES, _BITS = ir.VectorType(ir.IntType(8), LANES), ir.VectorType(ir.IntType(1), LANES)
_INTEGERS, _WIDES = ir.VectorType(_INTEGER, LANES), ir.VectorType(_WIDE, LANES)
_FLOATS, _FOUR_FLOATS = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(ir.FloatType(), 4)
_FOUR: Any = types.containers.UniTuple(types.float32, 4)  # type: ignore[no-untyped-call]


@intrinsic
def look_up_lanes(
    typing: Any, out: Any, to: Any, source: Any, columns: Any, x: Any, y: Any, at: Any, far_x: Any, far_y: Any
) -> Any:
    """Draw ``LANES`` bytes of ``out`` from ``to`` on, each looked up bilinearly at a place of its own.

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


class _Lanes:
    """What an intrinsic is written in: a builder, with the arrays that it was given."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self.build, self._context, self._types, self._given = builder, context, signature.args, arguments
        self.nothing = context.get_dummy_value()  # what is returned

    def data(self, number: int) -> Any:
        """Return the address of an argument that is an array."""
        make_array: Any = arrayobj.make_array
        return make_array(self._types[number])(self._context, self.build, self._given[number]).data

    def address(self, number: int, at: Any, kind: Any) -> Any:
        return self.build.bitcast(self.build.gep(self.data(number), [at]), kind.as_pointer())

    def loaded(self, number: int, at: Any, kind: Any) -> Any:
        found = self.build.load(self.address(number, at, kind))
        found.align = 1
        return found

    def stored(self, value: Any, number: int, at: Any) -> None:
        self.build.store(value, self.address(number, at, value.type)).align = 1

    def everywhere(self, value: Any, kind: Any) -> Any:
        nothing = ir.Constant(kind, ir.Undefined)
        one = self.build.insert_element(nothing, value, ir.Constant(_INTEGER, 0))
        return self.build.shuffle_vector(
            one, nothing, ir.Constant(ir.VectorType(_INTEGER, kind.count), [0] * kind.count)
        )

    def between(self, low: Any, high: Any, weight: Any) -> Any:
        return self.build.fadd(low, self.build.fmul(self.build.fsub(high, low), weight, FUSED), FUSED)

    def compared(self, how: str, value: Any, number: float) -> Any:
        return self.build.fcmp_ordered(how, value, ir.Constant(_FLOATS, [number] * LANES))

    def as_bytes(self, value: Any) -> Any:
        rounded = self.build.fadd(value, ir.Constant(_FLOATS, [0.5] * LANES))
        return self.build.trunc(self.build.fptosi(rounded, _INTEGERS), _BYTES)


def _draw_within(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    lanes = _Lanes(context, builder, signature, arguments)
    _, to, _, *begins, x, y, step_x, step_y = arguments
    numbers = ir.Constant(_FLOATS, [float(lane) for lane in range(LANES)])

    def weights(start: Any, step: Any) -> Any:
        steps = builder.fmul(lanes.everywhere(step, _FLOATS), numbers)
        return builder.fadd(lanes.everywhere(start, _FLOATS), steps)

    def inside(weight: Any) -> Any:
        return builder.and_(lanes.compared(">=", weight, -ROUNDING), lanes.compared("<=", weight, 1 + ROUNDING))

    across, down = weights(x, step_x), weights(y, step_y)
    a, b, c, d = (builder.uitofp(lanes.loaded(2, begin, _BYTES), _FLOATS) for begin in begins)
    drawn = lanes.as_bytes(lanes.between(lanes.between(a, b, across), lanes.between(c, d, across), down))
    drawn = builder.select(builder.and_(inside(across), inside(down)), drawn, lanes.loaded(0, to, _BYTES))
    lanes.stored(drawn, 0, to)
    return context.get_dummy_value()


def _draw_long_run(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return _draw_run(context, builder, signature, arguments, LONG_RUN)


def _draw_run(context: Any, builder: Any, signature: Any, arguments: Any, length: int = LANES) -> Any:
    lanes = _Lanes(context, builder, signature, arguments)
    _, to, _, *begins, x, y, step_x, step_y = arguments
    octets, shorts, _ = _lanes_of(length)
    across, down = (_places(lanes, shorts, *each) for each in ((x, step_x), (y, step_y)))
    corners = [builder.zext(lanes.loaded(2, begin, octets), shorts) for begin in begins]
    return _drawn_between(lanes, to, corners, across, down)


def _draw_long_step(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return _draw_step(context, builder, signature, arguments, LONG_RUN)


def _draw_step(context: Any, builder: Any, signature: Any, arguments: Any, length: int = LANES) -> Any:
    """Choose for each pixel the four of nine that it lies between; places are in halves, so that 16 bits hold them."""
    lanes = _Lanes(context, builder, signature, arguments)
    _, to, _, upper, middle, lower, x, y, step_x, step_y = arguments
    octets, shorts, _ = _lanes_of(length)
    half = ir.Constant(shorts, [UNIT // 2] * length)
    rows = [
        [builder.zext(lanes.loaded(2, builder.extract_value(row, k), octets), shorts) for k in range(3)]
        for row in (upper, middle, lower)
    ]

    def parted(start: Any, step: Any) -> tuple[Any, Any]:
        place = _places(lanes, shorts, start, step)
        beyond = builder.icmp_signed(">=", place, half)
        within = builder.sub(place, builder.select(beyond, half, ir.Constant(shorts, [0] * length)))
        return beyond, builder.add(within, within)

    (right, across), (below, down) = parted(x, step_x), parted(y, step_y)
    pairs = [[builder.select(right, row[k + 1], row[k]) for k in range(2)] for row in rows]
    corners = [builder.select(below, pairs[j + 1][k], pairs[j][k]) for j in range(2) for k in range(2)]
    return _drawn_between(lanes, to, corners, across, down)


def _lanes_of(length: int) -> tuple[Any, Any, Any]:
    """Return the types of so many bytes, shorts and longs."""
    octets, shorts, longs = (ir.VectorType(ir.IntType(bits), length) for bits in (8, 16, 32))
    return octets, shorts, longs


def _places(lanes: _Lanes, shorts: Any, start: Any, step: Any) -> Any:
    numbers = ir.Constant(shorts, list(range(shorts.count)))
    steps = lanes.build.mul(lanes.everywhere(step, shorts), numbers)
    return lanes.build.add(lanes.everywhere(start, shorts), steps)


def _drawn_between(lanes: _Lanes, to: Any, corners: list[Any], across: Any, down: Any) -> Any:
    """Write what lies bilinearly between four times some pixels, shorts: upper left, upper right, lower left, right."""
    builder, length = lanes.build, across.type.count
    octets, shorts, longs = _lanes_of(length)

    def number(value: int, kind: Any = shorts) -> Any:
        return ir.Constant(kind, [value] * length)

    def share(difference: Any, bits: int, weight: Any) -> Any:
        """Return a difference's share: the upper half of the product, ``UNIT`` being half of 16 bits."""
        moved = builder.shl(difference, number(bits))
        product = builder.mul(builder.sext(moved, longs), builder.sext(weight, longs))
        return builder.trunc(builder.ashr(product, number(16, longs)), shorts)

    def between(low: Any, high: Any) -> Any:
        """Return bytes between two runs, times 64."""
        return builder.add(builder.shl(low, number(6)), share(builder.sub(high, low), 7, across))

    a, b, c, d = corners
    upper, lower = between(a, b), between(c, d)
    value = builder.add(builder.add(upper, share(builder.sub(lower, upper), 1, down)), number(32))
    lanes.stored(builder.trunc(builder.lshr(value, number(6)), octets), 0, to)
    return lanes.nothing


def _look_up(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    lanes = _Lanes(context, builder, signature, arguments)
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
    lanes.stored(lanes.as_bytes(lanes.between(pairs(upper), pairs(builder.add(upper, wide)), down)), 0, to)
    return context.get_dummy_value()


def _mix(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    lanes = _Lanes(context, builder, signature, arguments)
    _, *begins, across, down = arguments
    weight = lanes.everywhere(across, _FOUR_FLOATS)
    a, b, c, d = (lanes.loaded(0, begin, _FOUR_FLOATS) for begin in begins)
    upper, lower = lanes.between(a, b, weight), lanes.between(c, d, weight)
    found = lanes.between(upper, lower, lanes.everywhere(down, _FOUR_FLOATS))
    values = [builder.extract_element(found, ir.Constant(_INTEGER, k)) for k in range(4)]
    return context.make_tuple(builder, signature.return_type, values)


def _of_runs(number: Any, build: Callable[..., Any]) -> Any:
    """Make an intrinsic that draws bytes of ``out`` from ``to`` on, bilinearly between four runs of ``source``.

    ``a``, ``b``, ``c``, ``d``: where the runs begin: upper left, upper right, lower left, lower right. ``x``, ``y``:
    the first one's place between them; ``step_x``, ``step_y`` from each to the next; all four of the type ``number``.
    """

    @intrinsic
    def draw(
        typing: Any, out: Any, to: Any, source: Any, a: Any, b: Any, c: Any, d: Any,
        x: Any, y: Any, step_x: Any, step_y: Any,
    ) -> Any:  # fmt: skip
        return types.void(out, types.intp, source, *[types.intp] * 4, *[number] * 4), build

    return draw


def _of_steps(build: Callable[..., Any]) -> Any:
    """Make an intrinsic that draws bytes of ``out`` from ``to`` on, where a run goes on to the next pixel.

    ``upper``, ``middle``, ``lower``: where the runs of three rows begin, three each. ``x``, ``y``: int16, halves of
    ``UNIT``: the first one's place between the first two; a whole one further it lies between the next two.
    """
    three: Any = types.containers.UniTuple(types.intp, 3)  # type: ignore[no-untyped-call]

    @intrinsic
    def draw(
        typing: Any, out: Any, to: Any, source: Any, upper: Any, middle: Any, lower: Any,
        x: Any, y: Any, step_x: Any, step_y: Any,
    ) -> Any:  # fmt: skip
        return types.void(out, types.intp, source, three, three, three, *[types.int16] * 4), build

    return draw


draw_step, draw_long_step = _of_steps(_draw_step), _of_steps(_draw_long_step)  # LANES and LONG_RUN bytes
draw_run = _of_runs(types.int16, _draw_run)  # LANES bytes; places are 0 … UNIT
draw_long_run = _of_runs(types.int16, _draw_long_run)  # LONG_RUN bytes, likewise
draw_lanes_within = _of_runs(types.float32, _draw_within)  # LANES; who has no place within 0…1 stays as it is
