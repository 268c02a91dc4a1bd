"""Several model servers, and a front that knows which of them has which session."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any

from fake_server import FakeServer
from model import ModelSession
from websockets.asyncio.server import ServerConnection


def bare(ref: str) -> str:
    return ref.partition(".")[0]


class FakeStage(FakeServer):
    """Has sessions under references; a token is for whatever stands before the dot."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.authorizations: list[str | None] = []

    def host(self, id: str) -> str:
        ref = f"{id}.{self.name}"
        self.sessions[ref] = ModelSession()
        return ref

    def end(self) -> None:
        """Die: nobody listens any more, and whoever was connected is cut off."""
        self._ws.close(close_connections=False)
        self._http.close()
        self.kill()

    def _refusal(self, attach: dict[str, Any]) -> str | None:
        same = [ref for ref in self.sessions if bare(ref) == bare(attach["session"])]
        attach["session"] = next(iter(same), attach["session"])
        if attach["session"] not in self.sessions:
            return "no_such_session"
        if attach["token"] != f"feed-{bare(attach['session'])}":
            return "token_invalid"
        return "already_fed" if attach["session"] in self._fed else None

    def _answer(self, method: str, path: str, authorization: str | None, wish: Any) -> tuple[int, Any]:
        self.authorizations.append(authorization)
        return super()._answer(method, path, authorization, wish)


class FakeFront(FakeServer):
    """``async with FakeFront() as front``: has two stages, ``first`` and ``second``; sessions begin at the first.

    ``busy``: so many revivals are refused, as all is full. ``passes``: whether it gives passes where it sends on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = FakeStage("one"), FakeStage("two")
        self.homes: dict[str, FakeStage] = {}
        self.ended: set[str] = set()
        self.busy = 0
        self.passes = True
        self.revivals: list[tuple[str | None, Any]] = []

    async def __aenter__(self) -> FakeFront:
        await super().__aenter__()
        for stage in (self.first, self.second):
            await stage.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stage in (self.first, self.second):
            await stage.__aexit__(kind, error, trace)
        await super().__aexit__(kind, error, trace)

    def found(self, id: str, stage: FakeStage) -> str:
        self.homes[id] = stage
        return stage.host(id)

    def move_to_second(self, in_s: float) -> None:
        """Let the first stage be emptied."""
        (ref,) = self.first.sessions
        there = self.found(bare(ref), self.second)
        url = f"ws://127.0.0.1:{self.second.port}/ws"
        self.first.move = {"type": "move", "in_s": in_s, "session": there, "url": url}

    async def _serve(self, connection: ServerConnection) -> None:
        attach = json.loads(await connection.recv())
        self.attaches.append(attach)
        stage = self.homes.get(bare(attach["session"]))
        if stage is None:
            await self._refuse(connection, "no_such_session")
            return
        await connection.send(json.dumps({"type": "elsewhere", "url": f"ws://127.0.0.1:{stage.port}/ws"}))
        await connection.close(4307)

    def _location(self, method: str, path: str) -> str:
        ref = path.split("/")[3]
        stage = self.homes[bare(ref)]
        there = path.replace(ref, f"{bare(ref)}.{stage.name}")
        return f"Location: {stage.url}{there}{'?pass=P' if self.passes else ''}\r\n"

    def _answer(self, method: str, path: str, authorization: str | None, wish: Any) -> tuple[int, Any]:
        _, _, _, *rest = path.split("/")
        if not rest:
            self._count += 1
            return 201, self._made(self.found(f"s{self._count}", self.first))
        id = bare(rest[0])
        if rest[1:] == ["revival"]:
            return self._revive(id, authorization, wish)
        return (307, None) if id in self.homes else (404, _problem("no_such_session"))

    def _revive(self, id: str, authorization: str | None, wish: Any) -> tuple[int, Any]:
        self.revivals.append((authorization, wish))
        if self.busy:
            self.busy -= 1
            return 503, _problem("server_full")
        if id in self.ended:
            return 404, _problem("no_such_session")
        home = self.homes[id]
        if home._ws.is_serving() and f"{id}.{home.name}" in home.sessions:
            return 200, self._made(f"{id}.{home.name}")
        return 201, self._made(self.found(id, self.second))

    def _made(self, ref: str) -> dict[str, Any]:
        id, stage = bare(ref), self.homes[bare(ref)]
        feed = {"url": f"ws://127.0.0.1:{stage.port}/ws", "token": f"feed-{id}"}
        view = {"whep": f"{stage.url}/whep/{ref}", "watch": f"{self.url}/watch/{ref}#token=view-{id}"}
        return {"id": ref, "feed": feed, "view": {**view, "token": f"view-{id}"}, "width": 512, "height": 288}


def _problem(code: str) -> dict[str, str]:
    return {"title": "No", "code": code, "detail": f"It is {code}."}
