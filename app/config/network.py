"""How viewers are reached."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from app.config.group import SettingsGroup
from app.config.ice import IceServer, parse_addresses, parse_ice_servers, parse_ports


class Network(SettingsGroup):
    """ICE, STUN and TURN."""

    ice_servers: Annotated[tuple[IceServer, ...], NoDecode] = Field(
        default=(),
        description="STUN and TURN servers: `stun:host:port` separated by commas, or a JSON list with `urls`, "
        "`username` and `credential`",
    )
    ice_ports: str = Field(
        default="", description="UDP ports for media, such as `50000-50999`; else whichever the system gives"
    )
    ice_address: str = Field(
        default="",
        description="address at which viewers reach this machine, where a network translates it one to one (cloud "
        "hosts, containers); an IPv4 and an IPv6 one between a comma",
    )
    turn_secret: str = Field(
        default="",
        repr=False,
        description="secret shared with the TURN servers (coturn: `use-auth-secret`), of which short-lived "
        "credentials are made for those that have none",
    )
    private_addresses: bool = Field(
        default=True,
        description="viewers and outputs may be at addresses of private networks; set 0 where strangers may watch or "
        "push",
    )

    @field_validator("ice_servers", mode="before")
    @classmethod
    def _read_ice_servers(cls, value: Any) -> Any:
        return parse_ice_servers(value) if isinstance(value, str) else value

    @field_validator("ice_ports")
    @classmethod
    def _check_ports(cls, value: str) -> str:
        parse_ports(value)
        return value

    @field_validator("ice_address")
    @classmethod
    def _check_address(cls, value: str) -> str:
        parse_addresses(value)
        return value
