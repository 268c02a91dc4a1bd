"""What travels over HTTP about outputs."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.sessions.output_target import OutputKind, OutputRequest
from app.sessions.outputs import OutputError, OutputStatus


class OutputWish(BaseModel):
    """Where a session shall be pushed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: OutputKind
    url: str = Field(description="whip: the endpoint, http(s). rtmp: rtmp(s)://host/app/key, or without the key")
    token: str | None = Field(default=None, repr=False, description="whip: the Bearer token. rtmp: the stream key")

    def request(self) -> OutputRequest:
        """Return what it asks of the session."""
        return OutputRequest(self.kind, self.url, self.token)


class OutputErrorView(BaseModel):
    """Why the last try ended."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(description="a stable string; docs/outputs.md lists them all")
    message: str
    at: AwareDatetime

    @classmethod
    def of(cls, error: OutputError) -> OutputErrorView:
        """Show an error."""
        return cls(code=error.code, message=error.message, at=error.at)


class OutputView(BaseModel):
    """An output as it is now."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    kind: OutputKind
    url: str = Field(description="without passwords, stream keys and what else may be secret")
    state: Literal["connecting", "live", "waiting", "failed", "stopped"] = Field(
        description="waiting: until the next try; failed: the server refused for good"
    )
    attempts: int = Field(description="tries so far")
    last_error: OutputErrorView | None
    since: AwareDatetime = Field(description="when it came into its state")

    @classmethod
    def of(cls, status: OutputStatus) -> OutputView:
        """Show an output."""
        return cls(
            id=status.id,
            kind=status.kind,
            url=status.url,
            state=status.state,
            attempts=status.attempts,
            last_error=None if status.last_error is None else OutputErrorView.of(status.last_error),
            since=status.since,
        )


class OutputList(BaseModel):
    """All outputs of a session, the oldest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outputs: list[OutputView]
