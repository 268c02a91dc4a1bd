"""How much of everything there may be."""

from __future__ import annotations

from pydantic import Field

from app.config.group import SettingsGroup


class Limits(SettingsGroup):
    """Counts, times and what is kept."""

    max_sessions: int = Field(
        default=8, ge=1, description="sessions at once; one more is refused, earlier where the machine has no time"
    )
    max_sessions_per_address: int = Field(
        default=0, ge=0, description="sessions at once that one address made; 0 is as many as there are"
    )
    max_viewers: int = Field(default=100, ge=0, description="viewers over WHEP at once, of all sessions")
    max_connections: int = Field(default=1000, ge=1, description="connections over HTTP and WebSocket at once")
    max_connections_per_address: int = Field(
        default=200, ge=1, description="connections at once of one address (IPv6: of one /64)"
    )
    max_avatars: int = Field(default=200, ge=0, description="pictures and videos kept")
    avatars_keep_days: float = Field(
        default=0, ge=0, description="days that an uploaded avatar is kept after its last use; 0 keeps it for ever"
    )
    recordings_keep_days: float = Field(
        default=7, ge=0, description="days that a session's recording is kept in `data_dir`; 0 keeps it for ever"
    )
    spare_disk_megabytes: float = Field(
        default=500, ge=0, description="megabytes of the disk of `data_dir` that uploads and recordings leave free"
    )
    max_duration_s: float = Field(
        default=14_400.0, gt=0, description="most seconds that a session made over HTTP lives, and how many by default"
    )
    idle_timeout_s: float = Field(
        default=300.0,
        gt=0,
        description="seconds without a sign of life until a client is closed, and with neither feeder nor viewer until "
        "a session made over HTTP ends",
    )
    start_timeout_s: float = Field(
        default=10.0, gt=0, description="seconds from a socket's opening to its first message"
    )
    media_timeout_s: float = Field(
        default=15.0, gt=0, description="seconds from `start` until sound has come or a viewer is connected"
    )
    header_timeout_s: float = Field(
        default=10.0, gt=0, description="seconds that a request's headers may take, and a handshake"
    )
