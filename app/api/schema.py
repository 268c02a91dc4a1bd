"""``/openapi.json``: OpenAPI knows no WebSocket, so its messages are added to the schemas."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from app.api.client_messages import CLIENT_MESSAGE
from app.api.server_messages import SERVER_MESSAGE

SOCKETS = "x-websockets"  # path → what is sent and received on it


def describe_socket(app: FastAPI) -> None:
    """Let an application's OpenAPI document hold the messages of ``/ws``, both ways."""
    describe = app.openapi

    def with_socket() -> dict[str, Any]:
        document = describe()
        document["components"]["schemas"].update(_schemas())
        document[SOCKETS] = {
            "/ws": {
                "receives": {"$ref": "#/components/schemas/ClientMessage"},
                "sends": {"$ref": "#/components/schemas/ServerMessage"},
            }
        }
        return document

    app.openapi = with_socket  # type: ignore[method-assign]


def _schemas() -> dict[str, Any]:
    """Return both directions' JSON schemas by name."""
    template = "#/components/schemas/{model}"
    client = CLIENT_MESSAGE.json_schema(ref_template=template)
    server = SERVER_MESSAGE.json_schema(ref_template=template, mode="serialization")
    parts = {**client.pop("$defs"), **server.pop("$defs")}
    return {**parts, "ClientMessage": client, "ServerMessage": server}
