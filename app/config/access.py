"""Who may do what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from app.config.group import SettingsGroup
from app.config.origin import Authority, Origin
from app.config.wanting import listed, wanting

ALL = "*"
BELOW = "*."  # before a name: all below it
SHORTEST_SECRET = 32  # characters, as many as the signature has bytes (RFC 7518)


class Access(SettingsGroup):
    """Keys, tokens, and which pages may use the service."""

    api_keys: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        repr=False,
        description="keys that may make sessions and change avatars, separated by commas, each as itself or as "
        "`sha256:` and its sum; without any, everybody may who reaches the server",
    )
    keys_file: Path | None = Field(
        default=None,
        description="file of keys that `lipwire keys` writes, read again whenever it changes; where it is set or "
        "exists, keys are wanted; `keys.json` in `data_dir`",
    )
    token_secret: str = Field(
        default="",
        repr=False,
        description="what the tokens of sessions are signed with, at least 32 characters; a random one, which lasts "
        "until the server ends",
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="sites whose pages may use the service beside its own, such as `https://example.org`, separated "
        "by commas; `*` is all",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="names under which the service may be reached, separated by commas, `*.example.org` for all below "
        "one; loopback addresses, `host` and `public_url` always are; `*` is all",
    )
    embed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="sites that may show `/watch` and `/embed` in a frame, separated by commas; `*` is all; without "
        "any, the service's own pages alone",
    )
    key_sessions: int = Field(default=0, ge=0, description="sessions at once of one key; 0 is as many as there are")
    key_minutes: float = Field(default=0, ge=0, description="minutes of sessions a day of one key; 0 is any number")
    key_avatars: int = Field(default=0, ge=0, description="avatars of one key; 0 is any number")
    key_megabytes: float = Field(
        default=0, ge=0, description="megabytes of avatars and recordings of one key; 0 is any number"
    )
    audit_file: Path | None = Field(
        default=None,
        description="file that gets a line of JSON for each change, and who made it; without one they are in the log",
    )

    @field_validator("api_keys", "allowed_origins", "allowed_hosts", "embed_origins", mode="before")
    @classmethod
    def _read_lists(cls, value: Any) -> Any:
        return listed(value)

    @field_validator("allowed_origins", "embed_origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        origins = [each if each == ALL else Origin.parse(each.removesuffix("/")) for each in value]
        if None in origins:
            raise wanting(info.field_name or "", "origins such as https://example.org, separated by commas, or *")
        return tuple(map(str, origins))

    @field_validator("allowed_hosts")
    @classmethod
    def _check_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        hosts = [each if each == ALL else _host_pattern(each) for each in value]
        if None in hosts:
            raise wanting("allowed_hosts", "names such as faces.example.org, without ports, separated by commas, or *")
        return tuple(map(str, hosts))

    @field_validator("api_keys", mode="before")
    @classmethod
    def _require_keys(cls, value: Any) -> Any:
        if isinstance(value, str) and value and not listed(value):  # else a slip would open the door
            raise wanting("api_keys", "keys separated by commas, or not set at all")
        return value

    @field_validator("api_keys")
    @classmethod
    def _check_keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(key.isascii() and key.isprintable() for key in value):
            raise wanting("api_keys", "plain characters alone, as keys travel in a header")
        return value

    @field_validator("token_secret")
    @classmethod
    def _check_secret(cls, value: str) -> str:
        if 0 < len(value) < SHORTEST_SECRET:
            raise wanting("token_secret", f"at least {SHORTEST_SECRET} characters")
        return value


def _host_pattern(text: str) -> str | None:
    prefix = BELOW if text.startswith(BELOW) else ""
    authority = Authority.parse(text.removeprefix(prefix))
    return prefix + authority.host if authority and authority.port is None else None
