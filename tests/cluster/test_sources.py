"""Where the front's pages may connect to."""

from __future__ import annotations

import pytest

from app.cluster.sources import stage_sources
from app.config import Settings


@pytest.mark.parametrize(
    ("template", "ip", "sources"),
    [
        ("http://{ip}:{port}", "", ("http:", "ws:")),
        ("http://{ip}:{port}", "127.0.0.1", ("http://127.0.0.1:*", "ws://127.0.0.1:*")),
        ("https://{ip}:{port}", "", ("https:", "wss:")),
        ("https://faces.example.org:{port}", "", ("https://faces.example.org:*", "wss://faces.example.org:*")),
        ("https://stage-{port}.example.org", "", ("https://*.example.org", "wss://*.example.org")),
        ("https://{ip}.faces.example.org:{port}", "", ("https://*.faces.example.org:*", "wss://*.faces.example.org:*")),
        ("https://one.example.org", "", ("https://one.example.org", "wss://one.example.org")),
    ],
)
def test_no_wider_than_the_template(template: str, ip: str, sources: tuple[str, ...]) -> None:
    assert stage_sources(Settings(stage_url=template), ip) == sources
