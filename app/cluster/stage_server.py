"""Stand-in."""
from __future__ import annotations
import asyncio, time, secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from app.cluster.seals import Seals, Owner
from app.config import Settings
Item = dict[str, Any]
PlaceElsewhere = Callable[[Item], Awaitable[Item | None]]

class StageServer:
    def __init__(self, settings: Settings, stage_id: str, ip: str, seals: Seals) -> None:
        self.s, self.id, self.seals = settings, stage_id, seals
        self.url = f"http://{ip}:81{secrets.randbelow(90)+10}"
        self.sessions = {}
        self.draining = False
    async def start(self) -> None:
        pass
    async def hold(self, wish):
        import logging
        from app.log_context import for_session
        bare = wish.get("bare_id") or secrets.token_hex(12)
        if len(self.sessions) >= self.s.max_sessions:
            yield {"refused": {"code": "server_full", "message": "full"}}; return
        ref = f"{bare}.{self.seals.seal(Owner(self.url, self.id))}"
        end = self.sessions[bare] = asyncio.Event()
        with for_session(bare):
            logging.getLogger("app.stand").info("made it")
        try:
            yield {"made": {"id": ref}, "ref": ref}
            while True:
                try:
                    await asyncio.wait_for(end.wait(), 2); break
                except TimeoutError:
                    yield {"alive": True}
            yield {"ended": True}
        finally:
            self.sessions.pop(bare, None)
    def card(self):
        return {"stage": self.id, "url": self.url, "places": self.s.max_sessions, "sessions": [{"bare": b, "ref": f"{b}.{self.seals.seal(Owner(self.url, self.id))}", "owner": ""} for b in self.sessions], "load": 0.1, "draining": self.draining, "minutes": {}, "at": time.time()}
    async def drain(self, within_s, place_elsewhere=None):
        self.draining = True
        for b in list(self.sessions):
            if place_elsewhere:
                print("MOVE", b, await place_elsewhere({"kind": "session", "bare_id": b, "site": "", "request": {"owner": ""}}), flush=True)
            self.sessions[b].set()
    async def aclose(self):
        pass
