"""Settings: one frozen object, made once from flags and ``LIPWIRE_*`` variables; a module for each kind of setting."""

from app.config.ice import IceServer, parse_ice_servers
from app.config.loading import load_settings, shown_default
from app.config.settings import Settings
from app.config.wanting import SettingsError, is_safe_source, variable

__all__ = [
    "IceServer",
    "Settings",
    "SettingsError",
    "is_safe_source",
    "load_settings",
    "parse_ice_servers",
    "shown_default",
    "variable",
]
