"""Addresses of outputs: checked, taken apart, and shown without secrets."""

from __future__ import annotations

import pytest

from app.errors import Refusal
from app.rtc.rtmp.publisher import RtmpTarget
from app.rtc.whip_client import WhipTarget
from app.sessions.output_target import OutputKind, OutputRequest, rtmp_target, shown_url, whip_target


@pytest.mark.parametrize(
    ("url", "token", "target"),
    [
        ("rtmp://host/live/key", None, RtmpTarget("host", 1935, False, "live", "key")),
        ("rtmps://host/live/key?a=b", None, RtmpTarget("host", 443, True, "live", "key?a=b")),
        ("rtmp://host:1936/live", "key", RtmpTarget("host", 1936, False, "live", "key")),
        ("rtmp://host/app/instance/key", None, RtmpTarget("host", 1935, False, "app/instance", "key")),
        ("rtmp://host/live2/", "a-b?backup=1", RtmpTarget("host", 1935, False, "live2", "a-b?backup=1")),
        ("rtmp://[::1]/live/key", None, RtmpTarget("::1", 1935, False, "live", "key")),
    ],
)
def test_an_rtmp_address_is_a_server_an_app_and_a_key(url: str, token: str | None, target: RtmpTarget) -> None:
    assert rtmp_target(OutputRequest("rtmp", url, token)) == target


def test_the_server_is_told_its_address_without_the_key() -> None:
    assert RtmpTarget("::1", 1935, False, "live", "key").address == "rtmp://[::1]:1935/live"
    assert RtmpTarget("host", 443, True, "a/b", "key").address == "rtmps://host:443/a/b"


def test_a_whip_address_is_taken_as_it_is() -> None:
    url = "https://user:word@host:8443/a/b?c=d"
    assert whip_target(OutputRequest("whip", url, "t")) == WhipTarget(url, "t")


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("whip", "rtmp://host/live/key"),
        ("whip", "file:///etc/passwd"),
        ("whip", "host/whip"),
        ("whip", "https://"),
        ("whip", "https:///whip"),
        ("whip", "https://host:99999/whip"),
        ("whip", "https://host:0/whip"),
        ("whip", "https://[::1/whip"),
        ("whip", "https://host/a b"),
        ("whip", "https://host/a\r\nX: y"),
        ("whip", "https://host/whip#part"),
        ("whip", "https://1.2.3.999/whip"),
        ("whip", ""),
        ("whip", "https://host/" + "a" * 2048),
        ("rtmp", "https://host/live/key"),
        ("rtmp", "rtmp://host"),
        ("rtmp", "rtmp://host/live"),
        ("rtmp", "rtmp://host/live/"),
        ("rtmp", "rtmp://user:word@host/live/key"),
    ],
)
def test_what_cannot_be_pushed_to_is_refused(kind: OutputKind, url: str) -> None:
    with pytest.raises(Refusal) as refused:
        (whip_target if kind == "whip" else rtmp_target)(OutputRequest(kind, url))
    assert refused.value.code == "bad_output_url" and refused.value.message.endswith(".")


def test_a_key_needs_an_app() -> None:
    with pytest.raises(Refusal, match="names no app"):
        rtmp_target(OutputRequest("rtmp", "rtmp://host/", "key"))


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "ü", "a" * 5000])
def test_a_token_that_no_header_can_hold_is_refused(token: str) -> None:
    for check, kind, url in ((whip_target, "whip", "http://host/"), (rtmp_target, "rtmp", "rtmp://host/live")):
        with pytest.raises(Refusal) as refused:
            check(OutputRequest(kind, url, token))  # type: ignore[arg-type]
        assert refused.value.code == "bad_output_token"


@pytest.mark.parametrize(
    ("kind", "url", "token", "shown"),
    [
        ("rtmp", "rtmp://a.rtmp.youtube.com/live2/abcd-efgh", None, "rtmp://a.rtmp.youtube.com/live2/***"),
        ("rtmp", "rtmp://host:1936/live/k?auth=x", None, "rtmp://host:1936/live/***?***"),
        ("rtmp", "rtmps://host/live2", "abcd", "rtmps://host/live2"),
        ("whip", "http://host:8889/stage/whip", "t", "http://host:8889/stage/whip"),
        ("whip", "https://user:word@host/whip", None, "https://***@host/whip"),
        ("whip", "https://host/whip?key=abc", None, "https://host/whip?***"),
        (
            "whip",
            "https://customer-x1.cloudflarestream.com/9f0c2d7c1e5a44b8a1k77/webRTC/publish",
            None,
            "https://customer-x1.cloudflarestream.com/***/webRTC/publish",
        ),
    ],
)
def test_secrets_are_not_shown(kind: OutputKind, url: str, token: str | None, shown: str) -> None:
    assert shown_url(OutputRequest(kind, url, token)) == shown
