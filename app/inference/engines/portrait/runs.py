"""Runs of pixels that come from a doubled plane, drawn at once in the processor's vector registers.

A plane's neighbours lie two apart in its double. So a load of twice as many bytes as a run has pixels holds for each of
them the pixel of the double that it begins at, and the one beside that. Where a run's pixels begin at different ones,
it is loaded from each of those, and each pixel chooses. What is written here is LLVM's own language, see ``lanes``.
The bytes of a number come lowest first, as on all processors that this is compiled for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from app.inference.engines.portrait.lanes import Lanes, intrinsic

RUN = 16  # pixels that are drawn at once: so many of one plane, or half as many of each of two
SHARE_BITS = 13  # of a place's 16: its fraction
FARTHEST = (1 << (16 - SHARE_BITS)) - 1  # so many pixels of the double from the first may a run's others begin

_BYTE, _SHORT, _INTEGER, _WIDE = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_SHORTS, _LONGS = ir.VectorType(_SHORT, RUN), ir.VectorType(_INTEGER, RUN)
_OUT, _TO, _SOURCE, _AT, _STRIDE, _PLACES, _PARTS = range(7)  # an intrinsic's arguments


class _Run:
    """One that is being written. ``right``, ``below``: at how many pixels from the first each begins; ``across``,
    ``down``: how far it lies from there.
    """

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self._lanes, self._build = Lanes(context, builder, signature, arguments), builder
        self._tos, self._ats = (self._parts(arguments[which]) for which in (_TO, _AT))
        self._stride = arguments[_STRIDE]
        x, y, step_x, step_y = self._parts(arguments[_PLACES])
        (self.right, self.across), (self.below, self.down) = self._places(x, step_x), self._places(y, step_y)

    def _parts(self, values: Any) -> list[Any]:
        return [self._build.extract_value(values, k) for k in range(values.type.count)]

    def _places(self, start: Any, step: Any) -> tuple[Any, Any]:
        """Return the wholes of the pixels' places, and their fractions, of half of 16 bits."""
        build, each = self._build, RUN // len(self._ats)
        start, step = (self._lanes.everywhere(build.trunc(value, _SHORT), _SHORTS) for value in (start, step))
        places = build.add(start, build.mul(step, ir.Constant(_SHORTS, [k % each for k in range(RUN)])))
        fraction = build.and_(build.shl(places, _each(15 - SHARE_BITS)), _each((1 << 15) - 1))
        return build.lshr(places, _each(SHARE_BITS)), fraction

    def pairs(self, row: Any, column: Any) -> Any:
        """Load what lies so far from where the first begins: shorts, a pixel's byte and, above it, the next."""
        build, each = self._build, RUN // len(self._ats)
        away = build.add(build.mul(row, self._stride), column)
        parts = [self._lanes.loaded(_SOURCE, build.add(at, away), ir.VectorType(_SHORT, each)) for at in self._ats]
        return parts[0] if len(parts) == 1 else build.shuffle_vector(*parts, ir.Constant(_LONGS, list(range(RUN))))

    def draw(self, upper: Any, lower: Any) -> None:
        """Write what lies bilinearly between each pixel's pairs."""
        build = self._build
        upper, lower = self._between(upper), self._between(lower)
        value = build.add(upper, self._share(build.sub(lower, upper), 1, self.down))
        value = build.trunc(build.lshr(build.add(value, _each(32)), _each(6)), ir.VectorType(_BYTE, RUN))
        each = RUN // len(self._tos)
        for k, to in enumerate(self._tos):
            part = ir.Constant(ir.VectorType(_INTEGER, each), list(range(k * each, (k + 1) * each)))
            self._lanes.stored(build.shuffle_vector(value, value, part), _OUT, to)

    def _between(self, pairs: Any) -> Any:
        """Return what lies between each pair's bytes, times 64."""
        build = self._build
        low, high = build.and_(pairs, _each(255)), build.lshr(pairs, _each(8))
        return build.add(build.shl(low, _each(6)), self._share(build.sub(high, low), 7, self.across))

    def _share(self, difference: Any, bits: int, weight: Any) -> Any:
        """Return a difference's share: the upper half of the product, one being half of 16 bits."""
        build = self._build
        moved = build.shl(difference, _each(bits))
        product = build.mul(build.sext(moved, _LONGS), build.sext(weight, _LONGS))
        return build.trunc(build.ashr(product, ir.Constant(_LONGS, [16] * RUN)), _SHORTS)


def _each(value: int) -> Any:
    return ir.Constant(_SHORTS, [value] * RUN)


def _wide(value: int) -> Any:
    return ir.Constant(_WIDE, value)


def _draw_level(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    run = _Run(context, builder, signature, arguments)
    run.draw(run.pairs(_wide(0), _wide(0)), run.pairs(_wide(1), _wide(0)))
    return context.get_dummy_value()


def _draw_step(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    run = _Run(context, builder, signature, arguments)
    right, below = (builder.icmp_signed("!=", wholes, _each(0)) for wholes in (run.right, run.below))
    rows = []
    for row in range(3):
        first, second = (run.pairs(_wide(row), _wide(column)) for column in range(2))
        rows.append(builder.select(right, second, first))
    run.draw(*(builder.select(below, rows[k + 1], rows[k]) for k in range(2)))
    return context.get_dummy_value()


def _draw_steep(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    run, lanes = _Run(context, builder, signature, arguments), Lanes(context, builder, signature, arguments)
    parts_x, parts_y = (builder.extract_value(arguments[_PARTS], k) for k in range(2))
    place_for: Any = cgutils.alloca_once
    chosen, upper, lower = (place_for(builder, _SHORTS) for _ in range(3))
    for place in (upper, lower):
        builder.store(_each(0), place)

    def choose(here: Any, value: Any, place: Any) -> None:
        builder.store(builder.select(here, value, builder.load(place)), place)

    with cgutils.for_range(builder, builder.add(parts_y, _wide(2))) as row:
        builder.store(run.pairs(row.index, _wide(0)), chosen)
        with cgutils.for_range(builder, parts_x) as before:
            column = builder.add(before.index, _wide(1))
            number = lanes.everywhere(builder.trunc(column, _SHORT), _SHORTS)
            choose(builder.icmp_unsigned("==", run.right, number), run.pairs(row.index, column), chosen)
        number = lanes.everywhere(builder.trunc(row.index, _SHORT), _SHORTS)
        choose(builder.icmp_unsigned("==", run.below, number), builder.load(chosen), upper)
        choose(builder.icmp_unsigned("==", builder.add(run.below, _each(1)), number), builder.load(chosen), lower)
    run.draw(builder.load(upper), builder.load(lower))
    return context.get_dummy_value()


def _drawing(build: Callable[..., Any]) -> Any:
    """Make an intrinsic that draws a run, bytes of ``out``, uint8 (n,), from bytes of ``source``, likewise.

    ``to``, ``at``: of one plane or two: where their runs begin in ``out``, and in ``source`` the pixels of the doubled
    planes at which any of the run begins; ``stride``: from a row of those to the next. ``places``: how far from there
    the first pixel lies, across and down, and each from the one before it, of ``1 << SHARE_BITS``. ``parts``: at how
    many pixels more, across and down, others begin.
    """

    @intrinsic
    def draw(typing: Any, out: Any, to: Any, source: Any, at: Any, stride: Any, places: Any, parts: Any) -> Any:
        four: Any = types.containers.UniTuple(types.int32, 4)  # type: ignore[no-untyped-call]
        two: Any = types.containers.UniTuple(types.intp, 2)  # type: ignore[no-untyped-call]
        return types.void(out, to, source, at, types.intp, four, two), build

    return draw


draw_level = _drawing(_draw_level)  # all begin at one pixel of the double
draw_step = _drawing(_draw_step)  # or at it and the next, across and down
draw_steep = _drawing(_draw_steep)  # or as far from it as ``parts`` says, ``FARTHEST`` at most
