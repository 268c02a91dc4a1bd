"""What the service tells its operator."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.config.group import SettingsGroup


class Observing(SettingsGroup):
    """Logs, metrics and traces."""

    log_format: Literal["text", "json"] = Field(default="text", description="form of the log, `text` or `json`")
    metrics_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="port of its own for `/metrics`, on `metrics_host`; 0: on the service's, for an operator's key "
        "(`LIPWIRE_API_KEYS`) where there are keys",
    )
    metrics_host: str = Field(default="127.0.0.1", description="address of that port")
    traces: bool = Field(
        default=False,
        description="a session's start is traced by OpenTelemetry (extra `telemetry`), and sent where the "
        "`OTEL_EXPORTER_OTLP_…` variables say",
    )
