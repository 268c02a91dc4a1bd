"""Eight pixels at once, in the processor's vector registers, where compilers on their own would take one after another.

What is built here is LLVM's own language: it becomes two instructions or ten by what the processor knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import extending, types
from numba.np import arrayobj

make_array: Any = arrayobj.make_array
intrinsic = cast(Callable[[Callable[..., Any]], Callable[..., Any]], extending.intrinsic)

LANES = 8
_FOUR: Any = types.containers.UniTuple(types.float32, 4)  # type: ignore[no-untyped-call]
ROUNDING = 1 / 4096  # beyond 0 and 1, so that no pixel falls between two runs

_BYTES = ir.VectorType(ir.IntType(8), LANES)
_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_INTEGERS = ir.VectorType(ir.IntType(32), LANES)
_NUMBERS = ir.Constant(_FLOATS, [float(lane) for lane in range(LANES)])


@intrinsic
def draw_lanes(
    typing: Any,
    out: Any,
    to: Any,
    source: Any,
    a: Any,
    b: Any,
    c: Any,
    d: Any,
    x: Any,
    y: Any,
    step_x: Any,
    step_y: Any,
) -> Any:
    """Draw ``LANES`` bytes of ``out`` from ``to`` on, bilinearly between four runs of ``source``.

    ``a``, ``b``, ``c``, ``d``: where the runs begin: upper left, upper right, lower left, lower right. ``x``, ``y``,
    float32, 0…1: the first one's place between them; ``step_x``, ``step_y`` from each to the next.
    """
    return _signature(out, source), _draw


@intrinsic
def draw_lanes_within(
    typing: Any,
    out: Any,
    to: Any,
    source: Any,
    a: Any,
    b: Any,
    c: Any,
    d: Any,
    x: Any,
    y: Any,
    step_x: Any,
    step_y: Any,
) -> Any:
    """Draw as :func:`draw_lanes`, but leave those as they are whose place is not within 0…1."""
    return _signature(out, source), _draw_within


def _signature(out: Any, source: Any) -> Any:
    return types.void(out, types.intp, source, *[types.intp] * 4, *[types.float32] * 4)


def _draw_within(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return _draw(context, builder, signature, arguments, within=True)


def _draw(context: Any, builder: Any, signature: Any, arguments: Any, within: bool = False) -> Any:
    out, to, source, upper_left, upper_right, lower_left, lower_right, x, y, step_x, step_y = arguments

    def place(kind: Any, array: Any, at: Any) -> Any:
        data = make_array(kind)(context, builder, array).data
        return builder.bitcast(builder.gep(data, [at]), _BYTES.as_pointer())

    def run(at: Any) -> Any:
        taken = builder.load(place(signature.args[2], source, at))
        taken.align = 1
        return builder.uitofp(taken, _FLOATS)

    def everywhere(value: Any, kind: Any) -> Any:
        unknown = ir.Constant(kind, ir.Undefined)
        one = builder.insert_element(unknown, value, ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(one, unknown, ir.Constant(_INTEGERS, [0] * LANES))

    def between(low: Any, high: Any, weight: Any) -> Any:
        return builder.fadd(low, builder.fmul(builder.fsub(high, low), weight))

    def weights(start: Any, step: Any) -> Any:
        return builder.fadd(everywhere(start, _FLOATS), builder.fmul(everywhere(step, _FLOATS), _NUMBERS))

    def inside(weight: Any) -> Any:
        return builder.and_(
            builder.fcmp_ordered(">=", weight, ir.Constant(_FLOATS, [-ROUNDING] * LANES)),
            builder.fcmp_ordered("<=", weight, ir.Constant(_FLOATS, [1 + ROUNDING] * LANES)),
        )

    across = weights(x, step_x)
    above, below = (
        between(run(upper_left), run(upper_right), across),
        between(run(lower_left), run(lower_right), across),
    )
    down = weights(y, step_y)
    value = builder.fadd(between(above, below, down), ir.Constant(_FLOATS, [0.5] * LANES))
    drawn = builder.trunc(builder.fptosi(value, _INTEGERS), _BYTES)
    target = place(signature.args[0], out, to)
    if within:
        before = builder.load(target)
        before.align = 1
        drawn = builder.select(builder.and_(inside(across), inside(down)), drawn, before)
    builder.store(drawn, target).align = 1
    return context.get_dummy_value()


@intrinsic
def mixed(typing: Any, source: Any, a: Any, b: Any, c: Any, d: Any, across: Any, down: Any) -> Any:
    """Return four float32 that lie bilinearly between four times four of ``source``, float32.

    ``a``, ``b``, ``c``, ``d``: where those begin: upper left, upper right, lower left, lower right. ``across``,
    ``down``: float32, 0…1.
    """
    four = _FOUR
    return four(source, *[types.intp] * 4, types.float32, types.float32), _mix


def _mix(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    source, a, b, c, d, across, down = arguments
    four = ir.VectorType(ir.FloatType(), 4)
    data = make_array(signature.args[0])(context, builder, source).data

    def taken(at: Any) -> Any:
        values = builder.load(builder.bitcast(builder.gep(data, [at]), four.as_pointer()))
        values.align = 4
        return values

    def everywhere(value: Any) -> Any:
        unknown, integer = ir.Constant(four, ir.Undefined), ir.IntType(32)
        one = builder.insert_element(unknown, value, ir.Constant(integer, 0))
        return builder.shuffle_vector(one, unknown, ir.Constant(ir.VectorType(integer, 4), [0] * 4))

    def between(low: Any, high: Any, weight: Any) -> Any:
        return builder.fadd(low, builder.fmul(builder.fsub(high, low), weight))

    weight = everywhere(across)
    found = between(between(taken(a), taken(b), weight), between(taken(c), taken(d), weight), everywhere(down))
    values = [builder.extract_element(found, ir.Constant(ir.IntType(32), k)) for k in range(4)]
    return context.make_tuple(builder, signature.return_type, values)
