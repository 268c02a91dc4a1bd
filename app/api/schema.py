"""``/openapi.json``: OpenAPI knows no WebSocket, so its messages are added to the schemas."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from app.api.messages import schemas

SOCKETS = "x-websockets"  # path → what is sent and received on it


def describe_socket(app: FastAPI) -> None:
    """Let an application's OpenAPI document hold the messages of ``/ws``, both ways."""
    describe = app.openapi

    def with_socket() -> dict[str, Any]:
        document = describe()
        document["components"]["schemas"].update(schemas())
        document[SOCKETS] = {
            "/ws": {
                "receives": {"$ref": "#/components/schemas/ClientMessage"},
                "sends": {"$ref": "#/components/schemas/ServerMessage"},
            }
        }
        return document

    app.openapi = with_socket  # type: ignore[method-assign]
