"""``python -m bench.overheads``: processor time of what a cluster does beside faces: placing, leases, cards.

``ms_each`` is at the server, the directory or the stage; ``sender_ms_each`` at who asks it, which is the front's part.

Processor time alone, so it may run beside other work. Ray runs on one machine, in a folder of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from bench.processor import process_time
from bench.report import report
from bench.server import server

PLACED, CARDS, LEASES, ITEM_S = 60, 2000, 40, 0.5
CARD_SESSIONS = 8


def main(arguments: list[str] | None = None) -> int:
    """Measure all."""
    parser = argparse.ArgumentParser(prog="bench overheads")
    parser.add_argument("--seconds", type=float, default=15, help="for which leases are held")
    args = parser.parse_args(arguments)
    rows = [placed_plain()]
    with _ray() as ray:
        rows.append(cards(ray))
        rows += leases(args.seconds)
    report("overheads", rows)
    return 0


def placed_plain() -> dict[str, Any]:
    """Make and end sessions on a plain server, one after the other; nobody feeds or watches them."""
    with server(engine="clapper") as served, httpx.Client(base_url=served.url, timeout=60) as http:
        made = 0

        def place(count: int) -> None:
            nonlocal made
            for _ in range(count):
                answer = http.post("/api/sessions", json={"engine": "clapper"})
                if answer.status_code == 201:
                    made += 1
                    http.delete(f"/api/sessions/{answer.json()['id']}")
                time.sleep(0.05)  # a client's pace is limited

        place(5)
        made = 0
        used_s = _spent([served.pid], lambda: place(PLACED))
    return _row("POST and DELETE of a session, plain server", made, used_s)


def cards(ray: Any) -> dict[str, Any]:
    """Send cards to an actor that keeps the latest."""

    class Keeper:
        """Keeps cards."""

        def __init__(self) -> None:
            self.cards: dict[str, Any] = {}

        def note(self, card: dict[str, Any]) -> bool:
            """Keep one."""
            self.cards[card["stage"]] = card
            return False

        def pid(self) -> int:
            """Return the process's number."""
            return os.getpid()

    keeper = ray.remote(num_cpus=0)(Keeper).remote()
    session = {"bare": "0" * 24, "ref": "0" * 24 + "." + "a" * 90, "owner": "key", "since_s": 17.5}
    card = {"stage": "s", "url": "http://127.0.0.1:8100", "places": CARD_SESSIONS, "load": 0.5, "draining": False}
    card |= {"sessions": [session] * CARD_SESSIONS, "minutes": {"key": 3.5}, "at": 1.0}
    pid = ray.get(keeper.pid.remote())

    def send() -> None:
        for _ in range(CARDS):
            ray.get(keeper.note.remote(card))

    kept_s = _spent([pid], send)
    own_s = _spent([os.getpid()], send)
    return {**_row(f"card of {CARD_SESSIONS} sessions", CARDS, kept_s), "sender_ms_each": _each(own_s, CARDS)}


def leases(seconds: float) -> list[dict[str, Any]]:
    """Hold streaming calls, and count what an item costs at the stage and at who holds it."""
    from ray import serve

    class Holder:
        """A stage that only holds leases."""

        async def hold(self) -> AsyncIterator[dict[str, Any]]:
            """Say all the time that the session lives."""
            while True:
                yield {"alive": True}
                await asyncio.sleep(ITEM_S)

        def pid(self) -> int:
            """Return the process's number."""
            return os.getpid()

    application = serve.deployment(max_ongoing_requests=10 * LEASES, ray_actor_options={"num_cpus": 0})(Holder).bind()
    handle = serve.run(application, name="overheads", route_prefix=None)
    return asyncio.run(_held(handle, seconds))


async def _held(handle: Any, seconds: float) -> list[dict[str, Any]]:
    pid = await handle.pid.remote()
    counted, all_held = 0, asyncio.Event()

    async def hold() -> None:
        nonlocal counted
        async for _ in handle.options(stream=True).hold.remote():
            counted += 1
            if counted >= LEASES:
                all_held.set()

    async def over(wait_s: float) -> tuple[float, float, int]:
        begun, own, was = process_time(pid).total_s, process_time(os.getpid()).total_s, counted
        await asyncio.sleep(wait_s)
        return process_time(pid).total_s - begun, process_time(os.getpid()).total_s - own, counted - was

    idle_stage, idle_own, _ = await over(seconds / 2)
    begun_stage, begun_own = process_time(pid).total_s, process_time(os.getpid()).total_s
    holding = [asyncio.create_task(hold()) for _ in range(LEASES)]
    await all_held.wait()
    taken_stage, taken_own = process_time(pid).total_s - begun_stage, process_time(os.getpid()).total_s - begun_own
    stage, own, items = await over(seconds)
    for task in holding:
        task.cancel()
    await asyncio.gather(*holding, return_exceptions=True)
    at_stage, at_front = 2 * idle_stage / seconds, 2 * idle_own / seconds  # cores, holding nothing
    return [
        {**_row("lease taken", LEASES, taken_stage), "sender_ms_each": _each(taken_own, LEASES)},
        {
            **_row("item of a lease", items, stage - at_stage * seconds),
            "sender_ms_each": _each(own - at_front * seconds, items),
        },
        {**_row("a replica at rest, a second", 1, at_stage), "sender_ms_each": _each(at_front, 1)},
    ]


@contextmanager
def _ray() -> Iterator[Any]:
    """Run Ray, and Serve without its proxy, until the end."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray
    from ray import serve

    with tempfile.TemporaryDirectory(prefix="lw-", dir="/tmp") as folder:
        ray.init(address="local", include_dashboard=False, num_cpus=2, _temp_dir=folder, log_to_driver=False)
        try:
            serve.start(proxy_location="Disabled")
            yield ray
        finally:
            ray.shutdown()


def _spent(pids: list[int], work: Callable[[], None]) -> float:
    before = sum(process_time(pid).total_s for pid in pids)
    work()
    return sum(process_time(pid).total_s for pid in pids) - before


def _row(what: str, count: int, used_s: float) -> dict[str, Any]:
    return {"what": what, "count": count, "ms_each": _each(used_s, count), "sender_ms_each": None}


def _each(used_s: float, count: int) -> float:
    return round(1000 * used_s / max(1, count), 3)


if __name__ == "__main__":
    raise SystemExit(main())
