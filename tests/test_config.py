from __future__ import annotations

from pathlib import Path

import pytest

from app.config import IceServer, Settings, SettingsError, load_settings, parse_ice_servers


def test_flags_come_before_variables_and_variables_before_defaults() -> None:
    environment = {"LIPWIRE_PORT": "9000", "LIPWIRE_HOST": "0.0.0.0", "LIPWIRE_DATA_DIR": "/tmp/x"}
    settings = load_settings(environment, port=9001, host=None)
    assert (settings.port, settings.host, settings.data_dir) == (9001, "0.0.0.0", Path("/tmp/x"))
    assert load_settings({}) == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIPWIRE_PORT", "eighty"),
        ("LIPWIRE_PORT", "70000"),
        ("LIPWIRE_LIFE", "maybe"),
        ("LIPWIRE_MAX_SIDE", "127"),
        ("LIPWIRE_MAX_SIDE", "8193"),
        ("LIPWIRE_MAX_SESSIONS", "0"),
        ("LIPWIRE_VOICE_LEAD_PACKETS", "51"),
        ("LIPWIRE_BUFFER_LOW", "20"),
        ("LIPWIRE_SSL_CERTFILE", "cert.pem"),
        ("LIPWIRE_ICE_SERVERS", "[{}]"),
        ("LIPWIRE_ICE_SERVERS", "[nonsense"),
        ("LIPWIRE_ICE_SERVERS", "example.org:3478"),
        ("LIPWIRE_ICE_SERVERS", "http://example.org"),
        ("LIPWIRE_WEIGHTS_MIRRORS", "example.org/weights"),
        ("LIPWIRE_WEIGHTS_MIRRORS", "https://"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load_settings({name: value})


@pytest.mark.parametrize(("text", "life"), [("1", True), ("on", True), ("0", False), ("False", False), ("", True)])
def test_life_is_on_unless_it_is_switched_off(text: str, life: bool) -> None:
    assert load_settings({"LIPWIRE_LIFE": text}).life is life
    assert load_settings({"LIPWIRE_LIFE": text}, life=False).life is False


def test_mirrors_are_separated_by_commas() -> None:
    settings = load_settings({"LIPWIRE_WEIGHTS_MIRRORS": "https://a/models, http://b:8001,"})
    assert settings.weights_mirrors == ("https://a/models", "http://b:8001")


def test_ice_servers_come_as_urls_or_as_browsers_take_them() -> None:
    assert parse_ice_servers("stun:a:1, stun:b:2") == (IceServer("stun:a:1"), IceServer("stun:b:2"))
    found = parse_ice_servers('[{"urls": "turn:c:3478", "username": "u", "credential": "p"}]')
    assert found == (IceServer("turn:c:3478", "u", "p"),)
    both = parse_ice_servers('[{"urls": ["stun:a:1", "turns:b:2?transport=tcp"]}]')
    assert both == (IceServer("stun:a:1"), IceServer("turns:b:2?transport=tcp"))
    assert parse_ice_servers("") == ()
