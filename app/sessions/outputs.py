"""A session's outputs: pushes to other servers, each with its state, tried again until it works."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import httpx

from app.clock import Clock, wall_clock
from app.errors import Refusal
from app.media import NS_PER_S
from app.rtc.checked_connect import not_allowed, output_reach
from app.rtc.ice_network import IceNetwork
from app.rtc.push import Push, PushFailed
from app.rtc.reach import Reach
from app.rtc.rtmp_push import RtmpPush
from app.rtc.senders import Media
from app.rtc.whip_push import WhipPush
from app.sessions.backoff import Backoff
from app.sessions.output_target import OutputKind, OutputRequest, rtmp_target, shown_url, whip_target
from app.tallies import OUTPUT_FAILURES

logger = logging.getLogger(__name__)

OutputState = Literal["connecting", "live", "waiting", "failed", "stopped"]

MOST_OUTPUTS = 4
REFUSALS = 5  # in a row, none of them live, after which a server means what it says
STEADY_NS = 10 * NS_PER_S  # live for so long: the next wait is short again


@dataclass(frozen=True, slots=True)
class OutputError:
    """Why the last try ended; ``at`` in UTC."""

    code: str
    message: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OutputStatus:
    """An output as it is now. ``url``: without secrets. ``since``: when it came into its state, UTC."""

    id: str
    kind: OutputKind
    url: str
    state: OutputState
    attempts: int
    last_error: OutputError | None
    since: datetime


class Output:
    """One push, tried again and again. What goes wrong with it is in its status, and touches nobody else.

    A connection that breaks, and a server that is not there or says that it is at fault (5xx) or busy, are tried again
    for ever, after 1 s, 2 s, … 30 s. A server that refuses five times in a row has made up its mind: ``failed``.
    """

    def __init__(
        self, status: OutputStatus, push: Push, clock: Clock, on_live: Callable[[], None], chance: Callable[[], float]
    ) -> None:
        self.status = status
        self._push, self._clock, self._on_live, self._chance = push, clock, on_live, chance
        self._backoff, self._refusals, self._live_ns = Backoff(), 0, 0
        self._task = asyncio.create_task(self._run(), name=f"output {status.id}")

    async def aclose(self) -> None:
        """Stop, and wait until the server was told; again is fine."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self.status.state != "failed":
            self._become("stopped")

    async def _run(self) -> None:
        try:
            while self._refusals < REFUSALS:
                await self._try()
        except Exception as error:  # a bug of ours must not end the session
            logger.exception("output %s: died", self.status.id, exc_info=error)
            self._note(
                PushFailed("internal_error", "Something broke on the server; delete this output and add it again.")
            )
        self._become("failed")

    async def _try(self) -> None:
        self.status = replace(self.status, attempts=self.status.attempts + 1)
        self._become("connecting")
        try:
            await self._push.run(self._went_live)
        except PushFailed as failed:
            if self.status.state == "live" and self._clock.now_ns() - self._live_ns >= STEADY_NS:
                self._backoff.reset()
            self._note(failed)
            self._refusals = self._refusals + 1 if failed.refused else 0
            if self._refusals < REFUSALS:
                wait_s = max(self._backoff.next_s(self._chance()), failed.retry_after_s)
                self._become("waiting")
                await self._clock.sleep_until(self._clock.now_ns() + int(wait_s * NS_PER_S))

    def _went_live(self) -> None:
        self._refusals, self._live_ns = 0, self._clock.now_ns()
        self._become("live")
        self._on_live()

    def _note(self, failed: PushFailed) -> None:
        OUTPUT_FAILURES.note(self.status.kind)
        logger.info("output %s: %s: %s", self.status.id, failed.code, failed.message)
        self.status = replace(self.status, last_error=OutputError(failed.code, failed.message, wall_clock()))

    def _become(self, state: OutputState) -> None:
        logger.info("output %s: %s", self.status.id, state)
        self.status = replace(self.status, state=state, since=wall_clock())


class Outputs:
    """All outputs of one session.

    Bound: ``MOST_OUTPUTS``, those that failed included until they are removed; one more is refused. ``on_live`` is
    called whenever one begins to take media, as for a viewer.
    """

    def __init__(
        self,
        media: Media,
        size: tuple[int, int],
        network: IceNetwork,
        clock: Clock,
        on_live: Callable[[], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._media, self._size, self._network = media, size, network
        self._clock, self._on_live, self._chance = clock, on_live, chance
        self._outputs: dict[str, Output] = {}
        self._asked: dict[str, OutputRequest] = {}
        self._closed = False

    @property
    def live(self) -> int:
        """How many take media now."""
        return sum(status.state == "live" for status in self.all())

    def add(self, request: OutputRequest) -> OutputStatus:
        """Begin to push.

        Raises:
            Refusal: ``bad_output_url``, ``bad_output_token``, ``output_not_allowed``, ``too_many_outputs`` or
                ``session_over``.
        """
        push = self._push(request)
        if self._closed:
            raise Refusal("session_over", "This session has ended; start another.")
        if len(self._outputs) >= MOST_OUTPUTS:
            raise Refusal("too_many_outputs", f"A session has {MOST_OUTPUTS} outputs at most; delete one first.")
        id = secrets.token_hex(4)
        status = OutputStatus(id, request.kind, shown_url(request), "connecting", 0, None, wall_clock())
        self._asked[id] = request
        self._outputs[id] = Output(status, push, self._clock, self._on_live, self._chance)
        return status

    def all(self) -> list[OutputStatus]:
        """Return every output as it is now, the oldest first."""
        return [output.status for output in self._outputs.values()]

    def wanted(self) -> list[OutputRequest]:
        """Return what was asked for and has not failed, secrets included."""
        return [self._asked[id] for id, output in self._outputs.items() if output.status.state != "failed"]

    def find(self, id: str) -> OutputStatus:
        """Return one as it is now.

        Raises:
            Refusal: ``no_such_output``.
        """
        return self._find(id).status

    async def remove(self, id: str) -> None:
        """Stop one and forget it.

        Raises:
            Refusal: ``no_such_output``.
        """
        output = self._find(id)
        try:
            await output.aclose()
        finally:
            self._outputs.pop(id, None)
            self._asked.pop(id, None)

    async def aclose(self) -> None:
        """Stop all; again is fine."""
        self._closed = True
        await asyncio.gather(*(output.aclose() for output in self._outputs.values()), return_exceptions=True)

    def _find(self, id: str) -> Output:
        if id not in self._outputs:
            raise Refusal("no_such_output", f'This session has no output "{id}"; list them.')
        return self._outputs[id]

    def _push(self, request: OutputRequest) -> Push:
        reach = output_reach(self._network.private)
        if request.kind == "whip":
            whip = whip_target(request)
            _check_reach(httpx.URL(whip.url).host, reach)
            return WhipPush(self._media, self._network, whip)
        rtmp = rtmp_target(request)
        _check_reach(rtmp.host, reach)
        return RtmpPush(self._media, self._size, rtmp, reach)


def _check_reach(host: str, reach: Reach) -> None:
    """Refuse an address at once; what a name leads to is seen at each connection.

    Raises:
        Refusal: ``output_not_allowed``.
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return
    if not reach.allows(host):
        raise not_allowed()
