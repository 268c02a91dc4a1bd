from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.faults.stage import Stage


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    opened = Stage()
    yield opened
    await opened.aclose()
