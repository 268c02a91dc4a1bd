"""STUN and TURN servers as browsers take them."""

from __future__ import annotations

from pydantic import BaseModel, Field

from app.config import IceServer


class IceServerModel(BaseModel):
    """A STUN or TURN server, as RTCPeerConnection takes it."""

    urls: str
    username: str | None = Field(default=None, exclude_if=lambda value: value is None)
    credential: str | None = Field(default=None, exclude_if=lambda value: value is None)

    @classmethod
    def of(cls, server: IceServer) -> IceServerModel:
        """Show a server."""
        return cls(urls=server.urls, username=server.username, credential=server.credential)
