from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.objects.stores import Tried, bucket, folder
from tests.s3 import S3, s3_server


@pytest.fixture(scope="module")
def server() -> Iterator[S3]:
    with s3_server() as started:
        yield started


@pytest.fixture(params=["folder", "s3"])
def tried(request: pytest.FixtureRequest, tmp_path: Path) -> Tried:
    """A folder, and a bucket of an S3 server."""
    if request.param == "folder":
        return folder(tmp_path / "store")
    return bucket(request.getfixturevalue("server"), secrets.token_hex(4))
