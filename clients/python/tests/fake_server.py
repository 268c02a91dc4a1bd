"""A server of model sessions over real sockets, which fails on demand."""

from __future__ import annotations

import asyncio
import contextlib
import json
from types import TracebackType
from typing import Any

import websockets
from model import ModelSession
from websockets.asyncio.server import Server, ServerConnection

CLOSE = {
    "already_fed": 4409,
    "token_invalid": 4401,
    "no_such_session": 4404,
    "session_over": 4404,
    "bad_field": 4400,
    "server_draining": 4429,
}


class FakeServer:
    """``async with FakeServer() as server``: HTTP at ``url``, sockets beside it.

    ``kills``: for each connection in turn, after how many messages it is aborted; None: never. ``kills_unread``: the
    same, but the last message is not acted on. ``unnoticed_s``: how long a lost feeder is still taken for connected.
    ``autoplay``: whatever comes is played at once.
    """

    def __init__(self, key: str | None = None) -> None:
        self.key = key
        self.sessions: dict[str, ModelSession] = {}
        self.deleted: list[str] = []
        self.requests: list[tuple[str, str, Any]] = []
        self.attaches: list[dict[str, Any]] = []
        self.kills: list[int | None] = []
        self.unnoticed_s = 0.0
        self.autoplay = True
        self.watched_by = 0  # of sessions that are made from now on
        self.reading = asyncio.Event()
        self.reading.set()
        self.silent = False
        self.stops = asyncio.Event()  # it tells that it is being stopped, and then ends every session
        self.left: list[str] = []  # sessions whose feeder said goodbye
        self.move: dict[str, Any] | None = None  # told to every feeder
        self._fed: dict[str, ServerConnection] = {}
        self._count = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> FakeServer:
        self._http = await asyncio.start_server(self._serve_http, "127.0.0.1", 0)
        self._ws: Server = await websockets.serve(
            self._serve, "127.0.0.1", 0, compression=None, ping_interval=0.5, ping_timeout=None, max_queue=4
        )
        self.url = f"http://127.0.0.1:{self._http.sockets[0].getsockname()[1]}"
        self.port = next(iter(self._ws.sockets)).getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in list(self._ws.connections):
            connection.transport.abort()
        self._ws.close()
        self._http.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def session(self) -> ModelSession:
        (session,) = self.sessions.values()
        return session

    def make(self) -> str:
        self._count += 1
        id = f"s{self._count}"
        self.sessions[id] = ModelSession()
        self.sessions[id].watching = self.watched_by
        return id

    def kill(self) -> None:
        """Abort every connection, with all that is in it."""
        for connection in list(self._ws.connections):
            connection.transport.abort()

    # sockets

    async def _serve(self, connection: ServerConnection) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            attach = json.loads(await connection.recv())
            self.attaches.append(attach)
            refusal = self._refusal(attach)
            if refusal is not None:
                await self._refuse(connection, refusal)
                return
            await self._feed(connection, attach)

    def _refusal(self, attach: dict[str, Any]) -> str | None:
        if attach["session"] not in self.sessions:
            return "no_such_session"
        if attach["token"] != f"feed-{attach['session']}":
            return "token_invalid"
        return "already_fed" if attach["session"] in self._fed else None

    async def _refuse(self, connection: ServerConnection, code: str) -> None:
        await connection.send(json.dumps({"type": "error", "code": code, "message": f"It is {code}."}))
        await connection.close(CLOSE[code])

    async def _feed(self, connection: ServerConnection, attach: dict[str, Any]) -> None:
        id = attach["session"]
        session = self.sessions[id]
        self._fed[id] = connection
        left = self.kills.pop(0) if self.kills else None
        teller = asyncio.create_task(self._tell(connection, session, attach.get("after", len(session.events))))
        self._tasks.add(teller)
        try:
            await connection.send(json.dumps(session.started(id)))
            while True:
                await self.reading.wait()
                if left == 0:
                    connection.transport.abort()
                    return
                data = await connection.recv()
                message = data if isinstance(data, bytes) else json.loads(data)
                if message == {"type": "stop"}:
                    self.left.append(id)
                    return
                session.take(message)
                if self.autoplay:
                    session.play()
                left = None if left is None else left - 1
        except websockets.ConnectionClosed:
            await asyncio.sleep(self.unnoticed_s)
        finally:
            teller.cancel()
            session.leave()
            if self.autoplay:
                session.play()
            del self._fed[id]

    async def _tell(self, connection: ServerConnection, session: ModelSession, after: int) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            told = None
            for tick in range(1_000_000):
                if self.move is not None and self.move is not told:
                    told = self.move
                    await connection.send(json.dumps(told))
                if self.stops.is_set():
                    await connection.send(json.dumps({"type": "draining", "in_s": 0.1}))
                    await asyncio.sleep(0.1)
                    await self._refuse(connection, "server_draining")
                    return
                for event in session.after(after):
                    after = event["seq"]
                    await connection.send(json.dumps(event))
                if tick % 100 == 99:
                    await connection.send(json.dumps({"type": "stats", "fps": 25.0, "played_ms": session.played // 48}))
                await asyncio.sleep(0.002)

    # HTTP

    async def _serve_http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while line := (await reader.readline()).decode():
                method, path, _ = line.split()
                headers: dict[str, str] = {}
                while (header := (await reader.readline()).decode().strip()) != "":
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                wish = json.loads(body) if body else None
                self.requests.append((method, path, wish))
                status, answer = self._answer(method, path.partition("?")[0], headers.get("authorization"), wish)
                location = self._location(method, path) if status == 307 else ""
                text = b"" if answer is None else json.dumps(answer).encode()
                writer.write(
                    b"HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n" % (status, location.encode(), len(text)) + text
                )
                await writer.drain()
        writer.close()

    def _location(self, method: str, path: str) -> str:
        raise NotImplementedError

    def _answer(self, method: str, path: str, authorization: str | None, wish: Any) -> tuple[int, Any]:
        if self.key is not None and authorization != f"Bearer {self.key}":
            return 401, {"title": "Unauthorized", "code": "key_invalid", "detail": "Send the API key."}
        _, _, _, *rest = path.split("/")
        if method == "POST" and not rest:
            if wish.get("avatar") == "full":
                return 503, {"title": "Full", "code": "server_full", "detail": "All places are taken."}
            if wish.get("avatar") == "proxy":
                return 502, None
            id = self.make()
            view = {"whep": f"{self.url}/whep/{id}", "watch": f"{self.url}/watch/{id}#token=view-{id}"}
            feed = {"url": f"ws://127.0.0.1:{self.port}/ws", "token": f"feed-{id}"}
            return 201, {"id": id, "feed": feed, "view": {**view, "token": f"view-{id}"}, "width": 512, "height": 288}
        if rest[0] not in self.sessions:
            return 404, {"title": "Not Found", "code": "no_such_session", "detail": "There is no such session."}
        session = self.sessions[rest[0]]
        if method == "DELETE":
            self.deleted.append(rest[0])
            del self.sessions[rest[0]]
            return 204, None
        if rest[1] == "tokens":
            return 201, {"token": f"{wish['role']}-{rest[0]}", "expires_at": "2030-01-01T00:00:00Z"}
        event = session.interrupt(from_outside=True)
        return 200, {name: event[name] for name in ("utterance", "played_ms", "session_played_ms")}
