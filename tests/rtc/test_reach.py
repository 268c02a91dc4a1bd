"""Where strangers may send us."""

from __future__ import annotations

import pytest

from app.rtc.reach import Reach

NOWHERE = [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "169.254.1.1",
    "224.0.0.251",
    "239.1.2.3",
    "255.255.255.255",
    "240.0.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::fb",
    "fd00:ec2::254",
    "fd20:ce::254",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "::169.254.169.254",
    "2002:a9fe:a9fe::1",
    "not an address",
    "",
    "localhost",
    "127.1",
]
LOOPBACK = ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1"]
PRIVATE = ["10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12:3456::1", "::ffff:10.0.0.1", "64:ff9b::a00:1"]
PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("loopback", [False, True])
def test_what_is_nobodys_is_never_reached(private: bool, loopback: bool) -> None:
    reach = Reach(private, loopback)
    assert [each for each in NOWHERE if reach.allows(each)] == []


def test_loopback_and_private_networks_are_reached_where_they_may_be() -> None:
    strict, usual, local = Reach(private=False), Reach(), Reach(private=False, loopback=True)
    assert [each for each in LOOPBACK if strict.allows(each) or usual.allows(each)] == []
    assert [each for each in LOOPBACK if not local.allows(each) and not each.startswith("2002")] == []
    assert [each for each in PRIVATE if strict.allows(each)] == []
    assert [each for each in PRIVATE if not usual.allows(each)] == []
    assert [each for each in PUBLIC if not (strict.allows(each) and usual.allows(each))] == []
