"""The start of a session, step by step, for whoever wants to see where its time goes. Here nobody does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from app.errors import Refusal


class Step:
    """A part of a start that goes on. Of one that is not traced; the methods do nothing."""

    def end(self, error: str = "") -> None:
        """It is over; ``error`` is the code of what went wrong. Again does nothing."""


class StartTrace:
    """A start that is not traced; the methods do nothing. Times are monotonic ns."""

    def describe(self, **facts: str) -> None:
        """Note what is known of it by now: no secrets."""

    def begin(self, name: str) -> Step:
        """Begin a step of it."""
        return _NO_STEP

    def add(self, name: str, begun_ns: int, ended_ns: int) -> None:
        """Note a step that is over."""

    def end(self, error: str = "") -> None:
        """It is over; ``error`` is the code of what went wrong. Again does nothing."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Let what is done inside be a step; a refusal ends it with its code."""
        step = self.begin(name)
        try:
            yield
        except BaseException as error:
            step.end(code_of(error))
            raise
        step.end()


class Tracing:
    """Traces nothing. ``start`` and ``aclose`` belong together."""

    def start(self) -> None:
        """Begin."""

    def begin(self, name: str, headers: Mapping[str, str], within: StartTrace | None = None) -> StartTrace:
        """Begin a trace, or go on with the one that ``headers`` name (W3C ``traceparent``), or with ``within``."""
        return UNTRACED

    async def aclose(self) -> None:
        """Hand over what is left, as far as somebody takes it soon."""


_NO_STEP = Step()
UNTRACED = StartTrace()

# of what is being started; set where a door is knocked at
START: ContextVar[StartTrace] = ContextVar("start", default=UNTRACED)


def code_of(error: BaseException) -> str:
    """Return what a trace says of an error: never its message, which may quote a client."""
    return error.code if isinstance(error, Refusal) else type(error).__name__


@contextmanager
def following(trace: StartTrace) -> Iterator[StartTrace]:
    """Let what is done inside, and in this task afterwards, belong to a trace, which an error ends."""
    START.set(trace)
    try:
        yield trace
    except BaseException as error:
        trace.end(code_of(error))
        raise
