"""Questions to the process that eSpeak NG runs in, one at a time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

PROGRAM = Path(__file__).with_name("espeak_process.py")
PATIENCE_S = 10.0  # for an answer; the longest piece takes 0.15 s
MOST_BYTES = 32 * 1024 * 1024  # of an answer; the longest piece that we found has 7 MB
LENGTH_BYTES = 4
NEEDED_VARIABLES = ("PATH", "LD_LIBRARY_PATH")  # no keys: strangers' texts go there


class EspeakDied(Exception):
    """The process ended, or never answered, over a question."""


class EspeakLink:
    """Starts the process with the first question, again after it died, and ends it.

    Whoever asks waits their turn, in order. Bound: one answer of ``MOST_BYTES``. A question that was given up is
    answered all the same, and its answer thrown away, before the next is asked.
    """

    def __init__(self, library: str, data: str, patience_s: float = PATIENCE_S) -> None:
        self._command = [sys.executable, "-I", "-S", str(PROGRAM), library, data]
        self._patience_s = patience_s
        self._turn = asyncio.Lock()
        self._asking: asyncio.Task[bytes] | None = None
        self._process: Process | None = None
        self.rate = 0  # Hz, once anything was answered
        self.starts = 0

    async def ask(self, **question: Any) -> bytes:
        """Return the answer.

        Raises:
            EspeakDied: over this question; the next starts the process again.
        """
        async with self._turn:
            if self._asking is not None:
                await asyncio.wait({self._asking})
            self._asking = asyncio.create_task(self._exchange(question), name="espeak")
            self._asking.add_done_callback(lambda done: done.cancelled() or done.exception())
            return await asyncio.shield(self._asking)

    async def aclose(self) -> None:
        """End the process; again is fine."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        await self._end()

    async def _exchange(self, question: dict[str, Any]) -> bytes:
        try:
            async with asyncio.timeout(self._patience_s):
                process = self._process
                if process is None or process.returncode is not None:  # killed while nobody asked, perhaps
                    await self._end()
                    process = await self._start()
                assert process.stdin is not None
                process.stdin.write(json.dumps(question).encode() + b"\n")
                await process.stdin.drain()
                return await _answer(process)
        except (TimeoutError, OSError, EOFError, RuntimeError) as error:  # the last is uvloop's, of a pipe that broke
            await self._end()
            logger.warning("speech: espeak-ng ended over a text (%s)", type(error).__name__)
            raise EspeakDied from error
        except asyncio.CancelledError:
            await self._end()
            raise

    async def _start(self) -> Process:
        # a session of its own: Ctrl-C is for the service, which ends it in its time
        environment = {name: os.environ[name] for name in NEEDED_VARIABLES if name in os.environ}
        self._process = process = await asyncio.create_subprocess_exec(
            *self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, start_new_session=True, env=environment
        )
        self.starts += 1
        self.rate = int(await _answer(process))
        return process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _answer(process: Process) -> bytes:
    assert process.stdout is not None
    length = int.from_bytes(await process.stdout.readexactly(LENGTH_BYTES), "little")
    if length > MOST_BYTES:
        raise EOFError(f"an answer of {length} bytes")
    return await process.stdout.readexactly(length)
