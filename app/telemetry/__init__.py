"""OpenTelemetry, where the operator asked for it; else nothing of it is imported."""

from __future__ import annotations

from app.config import SettingsError
from app.tracing import Tracing


def make_tracing(wanted: bool) -> Tracing:
    """Return what traces starts, or does not.

    Raises:
        SettingsError: where it is wanted and the extra ``telemetry`` is not installed.
    """
    if not wanted:
        return Tracing()
    try:
        from app.telemetry.exported import ExportedTracing
    except ImportError as error:
        raise SettingsError(
            f"LIPWIRE_TRACES needs OpenTelemetry ({error}): pip install 'lipwire-server[telemetry]', or set it to 0."
        ) from error
    return ExportedTracing()
