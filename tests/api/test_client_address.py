from __future__ import annotations

import pytest

from app.api.client_address import AddressNoted, Proxies
from app.api.connections import Connections
from app.config import SettingsError, load_settings
from app.log_context import ADDRESS
from app.peer_address import address_of


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        (None, ""),
    ],
)
def test_what_counts_as_one_address(host: str | None, address: str) -> None:
    assert address_of(host) == address


def test_only_the_proxies_that_were_named_are_believed() -> None:
    proxies = Proxies(["10.0.0.0/8", "2001:db8::1"])
    assert "10.1.2.3" in proxies and "::ffff:10.1.2.3" in proxies and "2001:db8::1" in proxies
    assert "11.1.2.3" not in proxies and "2001:db8::2" not in proxies and "proxy.example" not in proxies
    assert "::ffff:10.0.0.0/104" in proxies.networks
    assert not Proxies([]).networks


def test_proxies_that_are_no_addresses_are_refused_at_the_start() -> None:
    assert load_settings({"LIPWIRE_TRUSTED_PROXIES": "10.1.2.3, 10.2.3.4/8"}).trusted_proxies == (
        "10.1.2.3/32",
        "10.0.0.0/8",
    )
    for text in ("*", "proxy.example", "10.0.0.0/33"):
        with pytest.raises(SettingsError, match="LIPWIRE_TRUSTED_PROXIES"):
            load_settings({"LIPWIRE_TRUSTED_PROXIES": text})


async def test_a_requests_log_lines_know_its_address() -> None:
    noted = ""

    async def app(scope: object, receive: object, send: object) -> None:
        nonlocal noted
        noted = ADDRESS.get()

    async def nothing(*_: object) -> None: ...

    await AddressNoted(app)({"type": "http", "client": ("2001:db8::7", 1)}, nothing, nothing)  # type: ignore[arg-type]
    assert noted == "2001:db8::/64"


def test_connections_are_counted_in_all_and_for_each_address() -> None:
    connections = Connections(5, 2)
    assert connections.enter(("192.0.2.1", 1)) and connections.enter(("192.0.2.1", 2))
    assert not connections.enter(("192.0.2.1", 3))
    assert connections.enter(("2001:db8::1", 1)) and connections.enter(("2001:db8::2", 1))
    assert not connections.enter(("2001:db8::3", 1)), "they are of one /64"
    assert connections.enter(("192.0.2.2", 1))
    assert not connections.enter(("192.0.2.3", 1)), "five are all"
    for _ in range(2):
        connections.leave(("192.0.2.1", 1))
    assert connections.enter(("192.0.2.1", 3))


def test_a_proxys_connections_are_not_one_clients() -> None:
    connections = Connections(5, 2)
    assert all(connections.enter(("10.0.0.1", port), is_proxy=True) for port in range(5))
