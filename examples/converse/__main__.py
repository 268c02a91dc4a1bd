"""``python examples/converse``: a page with a microphone, and a face that answers and can be interrupted."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
from agent import MICROPHONE_RATE, Setting, make_agent
from aiohttp import WSMsgType, web
from espeak import Espeak
from loguru import logger
from pipecat.frames.frames import CancelFrame, InputAudioRawFrame
from pipecat.workers.runner import WorkerRunner

PAGE = Path(__file__).parent / "page"
START_S = 120  # a server that starts for the first time compiles its loops


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="converse", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8010)
    parser.add_argument("--lipwire", default="http://127.0.0.1:8000", help="the Lipwire server")
    parser.add_argument("--serve", metavar="COMMAND", help="start a Lipwire server by this command, if none answers")
    parser.add_argument("--avatar", default="default")
    parser.add_argument("--brain", default="script", help="script, echo, or an OpenAI-compatible address (…/v1)")
    parser.add_argument("--model", default="", help="the language model's name there")
    parser.add_argument("--ears", default="", help="an OpenAI-compatible address for speech recognition (…/v1)")
    parser.add_argument("--ears-model", default="whisper-1")
    parser.add_argument("--voice", default="en", help="espeak-ng's voice")
    parser.add_argument("--verbose", action="store_true")
    chosen = parser.parse_args()
    if chosen.brain not in ("script", "echo") and not (chosen.ears and chosen.model):
        parser.error("a language model needs --model, and --ears to know what was said")
    return chosen


def make_app(setting: Setting, espeak: Espeak) -> web.Application:
    """The page, and the socket that each visitor's microphone comes through."""

    async def page(request: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGE / "index.html")

    async def talk(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=1 << 16)
        await socket.prepare(request)

        async def tell(message: str) -> None:
            with contextlib.suppress(ConnectionError):  # who has left needs not be told
                await socket.send_str(message)

        worker, _ = make_agent(setting, espeak, tell)
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        running = asyncio.create_task(runner.run())
        try:
            async for message in socket:
                if message.type is WSMsgType.BINARY and not running.done():
                    await worker.queue_frame(InputAudioRawFrame(message.data, MICROPHONE_RATE, 1))
        finally:
            await worker.queue_frame(CancelFrame())
            await running
        return socket

    app = web.Application()
    app.add_routes([web.get("/", page), web.get("/talk", talk), web.static("/page", PAGE)])
    return app


@contextlib.asynccontextmanager
async def lipwire(url: str, command: str | None) -> AsyncIterator[None]:
    """Have a Lipwire server at ``url``, started by ``command`` if need be."""
    process = None
    try:
        if not await _answers(url) and command:
            port = httpx.URL(url).port or 80
            process = await asyncio.create_subprocess_exec(*command.split(), "--port", str(port))
        until = time.monotonic() + (START_S if process else 0)
        while not await _answers(url):
            if time.monotonic() > until or (process and process.returncode is not None):
                sys.exit(f"No Lipwire server answers at {url}: start one, or say --serve '.venv/bin/lipwire serve'.")
            await asyncio.sleep(0.5)
        yield
    finally:
        if process and process.returncode is None:
            process.terminate()
            await process.wait()


async def _answers(url: str) -> bool:
    async with httpx.AsyncClient() as http:
        try:
            return (await http.get(f"{url}/healthz", timeout=5)).is_success
        except httpx.HTTPError:
            return False


async def main() -> None:
    """Serve until stopped."""
    chosen = arguments()
    logger.remove()
    logger.add(sys.stderr, level="DEBUG" if chosen.verbose else "WARNING")
    setting = Setting(
        chosen.lipwire, chosen.avatar, chosen.brain, chosen.model, chosen.ears, chosen.ears_model,
        key=os.environ.get("OPENAI_API_KEY", "none"),
    )  # fmt: skip
    async with lipwire(chosen.lipwire, chosen.serve):
        runner = web.AppRunner(make_app(setting, Espeak(chosen.voice)))
        await runner.setup()
        site = web.TCPSite(runner, chosen.host, chosen.port)
        await site.start()
        port = runner.addresses[0][1]
        print(f"The conversation is at http://{chosen.host}:{port}  (Ctrl-C stops it)", flush=True)
        stopped = asyncio.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, stopped.set)
        await stopped.wait()
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
