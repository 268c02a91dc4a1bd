"""What is said of a setting that cannot be used."""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

VARIABLE_PREFIX = "LIPWIRE_"
HTTP_URL = re.compile(r"https?://[^\s/,]+[^\s,]*")


class SettingsError(ValueError):
    """A setting that cannot be used; the message names it and says what would do."""


def variable(name: str) -> str:
    """Return the environment variable of a field."""
    return VARIABLE_PREFIX + name.upper()


def wanting(name: str, wanted: str) -> SettingsError:
    """Make the error that says what a setting must be."""
    return SettingsError(f"{variable(name)} must be {wanted}.")


def listed(value: Any) -> Any:
    """Make a tuple of what a variable lists between commas; what is no text stays as it is."""
    return tuple(each.strip() for each in value.split(",") if each.strip()) if isinstance(value, str) else value


def is_safe_source(url: str) -> bool:
    """Tell whether what comes from an address came unchanged: over HTTPS, or from this very machine."""
    if not HTTP_URL.fullmatch(url):
        return False
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
