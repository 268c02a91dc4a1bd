"""Settings read from flags and the environment."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from app.config.settings import Settings
from app.config.wanting import VARIABLE_PREFIX, SettingsError, variable, wanting

logger = logging.getLogger(__name__)

ELSEWHERE = {"LIPWIRE_CHROMIUM", "LIPWIRE_URL"}  # variables that the tests and benches read, and the client


def load_settings(environment: Mapping[str, str] | None = None, **flags: Any) -> Settings:
    """Build the settings: flags that are not None, then variables, then defaults.

    Raises:
        SettingsError: naming the variable and what it should be.
    """
    environment = os.environ if environment is None else environment
    _warn_of_unknown(environment)
    source = EnvSettingsSource(Settings)
    source.env_vars = {name.lower(): text for name, text in environment.items() if text}
    values = source() | {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**values)
    except ValidationError as invalid:
        raise _as_sentence(invalid) from None


def shown_default(name: str) -> str:
    """Return a field's default as one would set it; empty where its description says what it is."""
    default = Settings.model_fields[name].default
    if isinstance(default, bool):
        return str(int(default))
    if isinstance(default, int | float):
        return f"{default:.12g}"
    return default if isinstance(default, str) else ""


def unknown_variables(environment: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """Yield variables that look like settings and are none, each with the one that it may have been meant to be."""
    known = {variable(name) for name in Settings.model_fields}
    for name in environment:
        if name.startswith(VARIABLE_PREFIX) and name not in known | ELSEWHERE:
            near = get_close_matches(name, known, 1, cutoff=0.8)
            yield name, near[0] if near else None


def _warn_of_unknown(environment: Mapping[str, str]) -> None:
    for name, near in unknown_variables(environment):
        logger.warning("settings: %s is not known%s", name, f"; did you mean {near}?" if near else "")


def _as_sentence(invalid: ValidationError) -> SettingsError:
    """Make one sentence of the first thing that is wrong."""
    first = invalid.errors(include_url=False)[0]
    own = first.get("ctx", {}).get("error")
    if isinstance(own, SettingsError):
        return own
    name = str(first["loc"][0])
    return wanting(name, f"{_accepted(name)}, not {first['input']!r}")


def _accepted(name: str) -> str:
    """Say what a field takes."""
    field = Settings.model_fields[name]
    if field.annotation is bool:
        return "1 or 0"
    if get_origin(field.annotation) is Literal:
        return " or ".join(get_args(field.annotation))
    if field.annotation not in (int, float):
        return "a path" if field.annotation in (Path, Path | None) else "a text"
    least = [limit.ge for limit in field.metadata if isinstance(limit, Ge)]
    most = [limit.le for limit in field.metadata if isinstance(limit, Le)]
    above = [limit.gt for limit in field.metadata if isinstance(limit, Gt)]
    kind = "a whole number" if field.annotation is int else "a number"
    if least and most:
        return f"{kind} from {least[0]} to {most[0]}"
    return f"{kind}{f' of at least {least[0]}' if least else ''}{f' above {above[0]}' if above else ''}"
