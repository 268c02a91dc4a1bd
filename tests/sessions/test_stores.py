"""Without a shared store everything is as it was, and nothing of one is loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from app.avatars.store import AvatarStore
from app.config import Settings
from app.provenance.origin import Origin
from app.recordings.store import RecordingStore
from app.sessions.stores import Stores
from tests.paths import ROOT

PLAIN = """
import asyncio, sys
from pathlib import Path
from app.config import Settings
from app.sessions.service import Service

async def serve():
    service = Service(Settings(data_dir=Path(sys.argv[1])))
    await service.start()
    await service.aclose()

asyncio.run(serve())
print([name for name in sys.modules if name.partition(".")[0] in ("obstore", "ray")])
"""


def test_a_plain_service_has_plain_stores_and_loads_nothing_of_another(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    stores = Stores.of(settings, Origin.of(settings))
    assert (type(stores.avatars), type(stores.recordings)) == (AvatarStore, RecordingStore)
    done = subprocess.run(
        [sys.executable, "-c", PLAIN, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    assert not [path for path in tmp_path.rglob("*") if "shared" in path.name or "store" in path.name]
