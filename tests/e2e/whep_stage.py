"""A session that speaks all the time, behind a real server's WHEP door, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import soundfile
import uvicorn

from app.api.auth import Gate
from app.api.whep import PREFIX
from app.assets import SAMPLE
from app.config import Settings
from app.ingest.pcm import PcmFormat
from app.main import create_app
from app.sessions.service import Service
from app.sessions.session import Session
from app.sessions.session_request import SessionRequest

TOKEN_S = 600
SECRET = "as long as a signature of 32 bytes wants"
CHUNK_S = 0.5


@dataclass(frozen=True)
class Stage:
    """Where to watch, and what is watched."""

    url: str
    token: str
    session: Session


@asynccontextmanager
async def staged(folder: Path, engine: str = "clapper") -> AsyncIterator[Stage]:
    """Serve one session whose feeder says the sample over and over."""
    service = Service(Settings(data_dir=folder, engine=engine, token_secret=SECRET))
    await service.start()
    session = await service.open(SessionRequest(engine=engine, mode="clip"))
    token = Gate(service.settings).tokens.issue(session.id, "view", TOKEN_S).text
    speaking = asyncio.create_task(_speak(session))
    server = uvicorn.Server(uvicorn.Config(create_app(service), port=0, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Stage(f"http://127.0.0.1:{port}{PREFIX}{session.id}", token, session)
    finally:
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)
        await service.aclose()
        server.should_exit = True
        await serving


async def _speak(session: Session) -> None:
    pcm, rate = soundfile.read(SAMPLE, dtype="int16", start=22_050 * 3)
    feeder = session.feeder(PcmFormat(sample_rate=rate))
    step = int(rate * CHUNK_S)
    while True:
        for start in range(0, len(pcm), step):
            await feeder.push(pcm[start : start + step].tobytes())
