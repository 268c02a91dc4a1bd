"""Where the service listens."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from app.config import Settings
from app.server import bound_host
from tests.server import Server

ANY, LOOPBACK = "0.0.0.0", "127.0.0.1"


@pytest.mark.parametrize(
    ("asked", "without_keys"),
    [
        (ANY, LOOPBACK),
        ("", LOOPBACK),
        ("192.168.1.7", LOOPBACK),
        ("faces.example.org", LOOPBACK),
        ("localhost.example.org", LOOPBACK),
        ("::", "::1"),
        ("2001:db8::1", "::1"),
        (LOOPBACK, LOOPBACK),
        ("127.4.5.6", "127.4.5.6"),
        ("::1", "::1"),
        ("localhost", "localhost"),
    ],
)
def test_without_keys_nobody_elsewhere_reaches_it(asked: str, without_keys: str) -> None:
    settings = Settings(host=asked)
    assert (bound_host(settings, False), bound_host(settings, True)) == (without_keys, asked)


def test_a_resolver_that_leads_localhost_elsewhere_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(host: str, *args: object, **named: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in (LOOPBACK, "203.0.113.7")]

    monkeypatch.setattr("app.server.socket.getaddrinfo", elsewhere)
    for asked in ("localhost", "faces.localhost"):
        assert bound_host(Settings(host=asked), False) == LOOPBACK
        assert bound_host(Settings(host=asked), True) == asked


def listens(address: str, url: str) -> bool:
    with socket.socket() as client:
        return client.connect_ex((address, int(url.rsplit(":", 1)[1]))) == 0


def test_a_server_without_keys_says_why_it_listens_on_this_machine_alone(tmp_path: Path) -> None:
    elsewhere = "127.9.9.9"  # as another interface: what listens on all of them listens there
    server = Server.start(tmp_path, host=ANY)
    try:
        assert server.url.startswith("http://127.0.0.1:")
        assert listens(LOOPBACK, server.url) and not listens(elsewhere, server.url)
        assert "LIPWIRE_API_KEYS" in server.log.read_text()
    finally:
        server.stop()
    locked = Server.start(tmp_path, host=ANY, api_keys="a-key-of-the-test")
    try:
        assert listens(elsewhere, locked.url)
        assert "LIPWIRE_API_KEYS" not in locked.log.read_text()
    finally:
        locked.stop()
