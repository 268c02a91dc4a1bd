"""Passwords of TURN servers that expire."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

from app.clock import wall_clock
from app.config import IceServer
from app.rtc.ice_network import TURN_LEAST_S, IceNetwork
from app.rtc.turn_credentials import with_credentials

ENDS = datetime(2030, 1, 1, tzinfo=UTC)
SECRET = "north"


def test_user_and_password_are_what_coturn_makes_of_the_secret() -> None:
    (server,) = with_credentials([IceServer("turn:host")], SECRET, "s1", ENDS)
    assert server.username == f"{int(ENDS.timestamp())}:s1"
    digest = hmac.new(SECRET.encode(), server.username.encode(), hashlib.sha1).digest()
    assert server.credential == base64.b64encode(digest).decode()


def test_servers_with_passwords_and_stun_servers_stay_as_they_are() -> None:
    servers = (IceServer("stun:host"), IceServer("turn:host", "u", "c"))
    assert with_credentials(servers, SECRET, "s1", ENDS) == servers


def test_without_a_secret_nothing_is_made() -> None:
    assert IceNetwork((IceServer("turn:host"),)).ice_servers() == (IceServer("turn:host"),)


def test_credentials_are_made_anew_for_each_who_asks_and_outlast_the_session() -> None:
    network = IceNetwork((IceServer("turns:host"),), turn_secret=SECRET, turn_ttl_s=5 * 3600, session="s1")
    begun = wall_clock()
    (server,) = network.ice_servers()
    assert server.username is not None
    ends, _, name = server.username.partition(":")
    assert name.startswith("s1-") and int(ends) >= int((begun + timedelta(hours=5)).timestamp())
    short = IceNetwork((IceServer("turns:host"),), turn_secret=SECRET, turn_ttl_s=1, session="s1")
    assert int((short.ice_servers()[0].username or "").partition(":")[0]) >= begun.timestamp() + TURN_LEAST_S - 1


def test_each_who_asks_has_a_name_of_their_own_as_coturn_counts_by_names() -> None:
    network = IceNetwork((IceServer("turn:host"),), turn_secret=SECRET, session="s1")
    names = {(network.ice_servers()[0].username or "").partition(":")[2] for _ in range(50)}
    assert len(names) == 50, "else all viewers of a session share the quota of one"


def test_the_secret_is_in_no_log_by_accident() -> None:
    assert SECRET not in repr(IceNetwork(turn_secret=SECRET))
