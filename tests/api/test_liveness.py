from __future__ import annotations

import asyncio
import inspect
import socket
from functools import partial

import pytest
from uvicorn import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from app.api.doorkeeper import Doorkeeper
from app.api.liveness import UNCONFIRMED_S, PatientWebSocket, websocket_options
from app.config import Settings

# of uvicorn's, which it promises to nobody
REPLACED = (
    "connection_made", "handle_connect", "connection_lost", "data_received", "keepalive_timeout",
    "receive", "send", "pause_writing", "resume_writing",
)  # fmt: skip
CALLED = "schedule_ping"
READ = (
    "loop", "transport", "read_paused", "ping_sent_at", "pong_timer", "pending_ping_payload",
    "queue", "writable", "close_sent", "handshake_initiated", "handshake_complete", "client",
)  # fmt: skip


async def app(scope: object, receive: object, send: object) -> None:
    """Answer nothing."""


async def test_uvicorn_still_has_what_the_keep_alive_reaches_into() -> None:
    config = Config(app, **websocket_options(Doorkeeper(Settings())))
    config.load()
    theirs = WebSocketsSansIOProtocol
    assert isinstance(config.ws_protocol_class, partial) and config.ws_protocol_class.func is PatientWebSocket
    for name in (*REPLACED, CALLED):
        assert callable(getattr(theirs, name, None)), f"uvicorn's WebSocket has no {name}() any more"
    socket = theirs(config, ServerState(), {}, asyncio.get_running_loop())
    for name in READ:
        assert hasattr(socket, name), f"it keeps no {name} any more"


def test_uvicorn_pings_through_what_is_replaced() -> None:
    source = inspect.getsource(WebSocketsSansIOProtocol)
    assert "self.keepalive_timeout" in source and "self.ping_sent_at =" in source and '"extensions": ' in source


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system has no TCP_USER_TIMEOUT")
async def test_the_network_of_a_sender_that_is_held_back_may_not_go_dark_for_long() -> None:
    config = Config(app, **websocket_options(Doorkeeper(Settings())))
    config.load()
    loop = asyncio.get_running_loop()
    served = PatientWebSocket(config, ServerState(), {}, loop, doorkeeper=Doorkeeper(Settings()))
    server = await loop.create_server(lambda: served, "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    for paused, wanted_s in ((True, UNCONFIRMED_S), (False, 0)):
        served.read_paused = paused
        connection = served.transport.get_extra_info("socket")
        async with asyncio.timeout(10):
            while connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) != wanted_s * 1000:
                await asyncio.sleep(0.1)
    writer.close()
    server.close()
