from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from fake_server import FakeServer

from lipwire import backoff


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeServer]:
    """A fake server, and a client that is quick to come back."""
    monkeypatch.setattr(backoff.delays_s, "__defaults__", (0.002, 0.05))
    for name in ("LIPWIRE_URL", "LIPWIRE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    async with FakeServer() as serving:
        yield serving
