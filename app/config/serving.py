"""Where the service stands, and where it keeps things."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Self

from platformdirs import user_data_path
from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from app.assets import CHECKOUT, in_checkout
from app.config.group import SettingsGroup
from app.config.wanting import HTTP_URL, is_safe_source, listed, wanting


def _data_dir() -> Path:
    return CHECKOUT / "data" if in_checkout() else user_data_path("lipwire", appauthor=False)


def _weights_dir() -> Path:
    return CHECKOUT / "weights" if in_checkout() else _data_dir() / "weights"


class Serving(SettingsGroup):
    """Addresses, certificates, folders."""

    host: str = Field(default="127.0.0.1", description="address to listen on; without API keys a loopback one, always")
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    ssl_certfile: str | None = Field(
        default=None, description="certificate for HTTPS; browsers allow the microphone only there or on localhost"
    )
    ssl_keyfile: str | None = Field(default=None, description="key of the certificate")
    public_url: str = Field(
        default="",
        description="address at which clients reach the service, such as `https://faces.example.org`, where a proxy "
        "stands before it; else what each request says",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="addresses or networks of proxies, separated by commas, whose `X-Forwarded-For` and "
        "`X-Forwarded-Proto` count; without any, none do",
    )
    drain_s: float = Field(
        default=5.0,  # containers are killed 10 s after they were told to stop, where nobody says otherwise
        ge=0,
        description="seconds that sessions get to end by themselves once the service is told to stop (SIGTERM)",
    )
    api_pages: bool = Field(default=True, description="`/docs` and `/openapi.json` are served")
    data_dir: Path = Field(
        default_factory=_data_dir,
        description="folder of uploaded pictures and videos, of which a minute takes 1 to 2.3 GB; `data/` in a "
        "checkout, else `lipwire` in the user's data folder",
    )
    weights_dir: Path = Field(
        default_factory=_weights_dir,
        description="folder of checkpoints; `weights/` in a checkout, else `lipwire/weights` in the user's data folder",
    )
    weights_mirrors: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="where weights are fetched from first: addresses of folders, such as `https://host/folder`, "
        "separated by commas",
    )

    @field_validator("weights_mirrors", mode="before")
    @classmethod
    def _read_mirrors(cls, value: Any) -> Any:
        urls = listed(value)
        if not all(is_safe_source(url) for url in urls):
            raise wanting("weights_mirrors", "https:// addresses separated by commas (--mirror: one each)")
        return urls

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _read_proxies(cls, value: Any) -> Any:
        proxies = listed(value)
        try:
            return tuple(str(ip_network(each, strict=False)) for each in proxies)
        except ValueError:
            raise wanting("trusted_proxies", "addresses such as 10.0.0.2 or networks such as 10.0.0.0/8") from None

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str) -> str:
        if value and not HTTP_URL.fullmatch(value):
            raise wanting("public_url", "an http:// or https:// address")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _check_certificate(self) -> Self:
        if bool(self.ssl_certfile) != bool(self.ssl_keyfile):
            raise wanting("ssl_certfile", "given together with ssl_keyfile")
        return self
