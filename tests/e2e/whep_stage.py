"""A session that speaks all the time, behind a real server's WHEP door, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import soundfile
import uvicorn
from fastapi import FastAPI, Request

from app.api.open_to_pages import OpenToPages
from app.api.problems import answer_with_problems
from app.api.whep import PREFIX, whep_routes
from app.assets import SAMPLE
from app.config import Settings
from app.errors import Refusal
from app.sessions.feeder import PcmFormat
from app.sessions.service import Service, SessionRequest
from app.sessions.session import Session

TOKEN = "a-view-token"
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
    service = Service(Settings(data_dir=folder, engine=engine))
    await service.start()
    session = await service.open(SessionRequest(engine=engine, mode="clip"))
    speaking = asyncio.create_task(_speak(session))
    server = uvicorn.Server(uvicorn.Config(_app(service), port=0, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Stage(f"http://127.0.0.1:{port}{PREFIX}{session.id}", TOKEN, session)
    finally:
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)
        await service.aclose()
        server.should_exit = True
        await serving


def _app(service: Service) -> FastAPI:
    class Sessions:
        def find(self, session_id: str) -> Session:
            if session_id not in service.sessions:
                raise Refusal("no_such_session", "There is no such session.")
            return service.sessions[session_id]

    def check_token(request: Request, session_id: str) -> None:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Refusal("token_invalid", "Send the token.")

    app = FastAPI()
    answer_with_problems(app)
    app.add_middleware(OpenToPages, prefix=PREFIX)
    app.include_router(whep_routes(Sessions(), check_token, service.settings.ice_servers, max_viewers=50))
    return app


async def _speak(session: Session) -> None:
    pcm, rate = soundfile.read(SAMPLE, dtype="int16", start=22_050 * 3)
    feeder = session.feeder(PcmFormat(sample_rate=rate))
    step = int(rate * CHUNK_S)
    while True:
        for start in range(0, len(pcm), step):
            await feeder.push(pcm[start : start + step].tobytes())
