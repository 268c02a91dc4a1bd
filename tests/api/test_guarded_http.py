from __future__ import annotations

import inspect

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import Server

from app.api.guarded_http import GuardedHttp

REPLACED = (
    "connection_made", "connection_lost", "data_received", "handle_events", "handle_websocket_upgrade",
    "on_response_complete", "resume_writing",
)  # fmt: skip


def test_uvicorn_still_has_what_the_guard_reaches_into() -> None:
    for name in REPLACED:
        assert name in vars(H11Protocol), f"uvicorn's HTTP has no {name}() any more"
        assert name in vars(GuardedHttp)
    source = inspect.getsource(H11Protocol)
    for used in (
        "self.flow = FlowControl(",
        "self.conn = h11.Connection(",
        "self.timeout_keep_alive_task",
        "self.cycle",
    ):
        assert used in source, f"it has no {used} any more"
    assert "read_paused" in inspect.getsource(FlowControl.resume_reading)


def test_uvicorn_still_starts_without_a_socket_of_its_own() -> None:
    source = inspect.getsource(Server.startup)
    assert "for sock in sockets" in source and "self.servers" in source
    assert "server.close()" in inspect.getsource(Server.shutdown)
