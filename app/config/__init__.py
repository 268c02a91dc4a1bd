"""Settings: one frozen object, made once from flags and ``LIPWIRE_*`` variables; a module for each kind of setting."""

from app.config.ice import IceServer, PortRange, parse_addresses, parse_ice_servers, parse_ports
from app.config.loading import load_settings, shown_default, unknown_variables
from app.config.settings import Settings
from app.config.wanting import SettingsError, is_safe_source, variable

__all__ = [
    "IceServer",
    "PortRange",
    "Settings",
    "SettingsError",
    "is_safe_source",
    "load_settings",
    "parse_addresses",
    "parse_ice_servers",
    "parse_ports",
    "shown_default",
    "unknown_variables",
    "variable",
]
