"""An address at which a server is killed, and another comes back after a while."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType

from tests.server import Server


class Address:
    """``async with Address(server) as address``: leads to a server, at ``url``, until that is taken away.

    As a new process takes long to start on a busy machine, the one that comes back runs already: to a browser it is one
    that was killed and started again on the same port.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._links: set[asyncio.Task[None]] = set()
        self._listening: asyncio.Server | None = None
        self._port = 0

    async def __aenter__(self) -> Address:
        await self._listen()
        self.url = f"http://127.0.0.1:{self._port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def lead_to(self, server: Server) -> None:
        """Come back, as this server."""
        self._server = server
        await self._listen()

    async def close(self) -> None:
        """Refuse connections, and cut those there are."""
        if self._listening is not None:
            self._listening.close()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    async def _listen(self) -> None:
        self._listening = await asyncio.start_server(self._link, "127.0.0.1", self._port)
        self._port = self._listening.sockets[0].getsockname()[1]

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        task.add_done_callback(self._links.discard)
        port = int(self._server.url.rpartition(":")[2])
        there = None
        try:
            from_there, there = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_copy(reader, there), _copy(from_there, writer))
        except OSError:
            pass
        finally:
            for each in (writer, there):
                if each is not None:
                    each.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()
