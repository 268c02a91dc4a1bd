"""compose.yaml, the example of its variables and the unit say what the service, and each other, understand."""

from __future__ import annotations

import re
from typing import Any

import yaml

from app.config import Settings, load_settings, variable
from tests.deploy.confined import directives
from tests.paths import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
EXAMPLE = dict(
    line.split("=", 1) for line in (DEPLOY / "lipwire.env.example").read_text().splitlines() if re.match(r"\w+=", line)
)


def filled(value: str) -> str:
    """Fill in what a user puts into lipwire.env."""
    given = {**EXAMPLE, "TURN_SECRET": "t" * 32}
    return re.sub(r"\$\{(\w+)(:\?[^}]*)?\}", lambda found: given[found[1]], value)


def settings() -> Settings:
    own = {name: filled(str(value)) for name, value in COMPOSE["services"]["lipwire"]["environment"].items()}
    return load_settings({**EXAMPLE, **own})


def test_every_variable_is_a_setting_and_together_they_can_be_used() -> None:
    known = {variable(name) for name in Settings.model_fields}
    unit = directives(DEPLOY / "lipwire.service")["Environment"]
    names = {*EXAMPLE, *COMPOSE["services"]["lipwire"]["environment"], *(line.split("=")[0] for line in unit)}
    assert {name for name in names if name.startswith("LIPWIRE_")} <= known
    assert settings().public_url == "https://faces.example.org" and len(settings().ice_servers) == 3


def test_no_service_may_more_than_it_needs() -> None:
    for name, service in COMPOSE["services"].items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert set(service.get("cap_add", [])) <= {"NET_BIND_SERVICE"}, name
        assert not service.get("privileged"), name
    assert not COMPOSE["services"]["lipwire"].get("cap_add")
    assert all("/" in volume for volume in COMPOSE["services"]["lipwire"]["volumes"])


def test_media_ports_are_published_as_they_are_used_and_http_is_not() -> None:
    published = COMPOSE["services"]["lipwire"]["ports"]
    assert published == [f"{settings().ice_ports}:{settings().ice_ports}/udp"]


def test_the_proxy_is_the_one_that_is_trusted() -> None:
    proxy = COMPOSE["services"]["caddy"]["networks"]["inside"]["ipv4_address"]
    assert settings().trusted_proxies == (f"{proxy}/32",)


def test_a_drain_has_the_time_that_it_takes() -> None:
    grace = COMPOSE["services"]["lipwire"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) >= settings().drain_s + 20


def test_secrets_are_asked_for_and_not_here() -> None:
    assert EXAMPLE["TURN_SECRET"] == EXAMPLE["LIPWIRE_API_KEYS"] == EXAMPLE["LIPWIRE_TOKEN_SECRET"] == ""
    assert "${TURN_SECRET:?" in COMPOSE["services"]["lipwire"]["environment"]["LIPWIRE_TURN_SECRET"]
