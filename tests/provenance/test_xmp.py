"""The box: read by ExifTool, of which this project knows nothing; nothing else in the file moves."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import IO, Any

import av
import pytest

from app.provenance.source_type import DIGITAL_SOURCE_TYPE
from app.provenance.xmp import append_xmp, xmp_box
from tests.provenance.clip import make_clip


def test_exiftool_reads_the_source_type_and_the_label(tmp_path: Path) -> None:
    if shutil.which("exiftool") is None:
        pytest.skip("ExifTool is missing: apt-get install libimage-exiftool-perl")
    path = make_clip(tmp_path / "clip.mp4")
    append_xmp(path, 'Made by a "machine" & more <b>')
    told = subprocess.run(["exiftool", "-j", "-G", str(path)], capture_output=True, check=True, text=True).stdout
    facts: dict[str, Any] = json.loads(told)[0]
    assert facts["XMP:DigitalSourceType"] == DIGITAL_SOURCE_TYPE
    assert facts["XMP:Description"] == 'Made by a "machine" & more <b>'
    assert facts["XMP:CreatorTool"] == "Lipwire"
    assert "ExifTool:Warning" not in facts and "ExifTool:Error" not in facts


def test_what_was_there_stays_and_plays(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4")
    before = path.read_bytes()
    append_xmp(path, "x")
    assert path.read_bytes() == before + xmp_box("x")
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 10


def test_a_second_time_adds_nothing(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4")
    append_xmp(path, "x")
    once = path.read_bytes()
    append_xmp(path, "x")
    assert path.read_bytes() == once


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_clip(tmp_path / "clip.mp4")
    before = path.read_bytes()

    class Full:
        def __init__(self, file: IO[Any]) -> None:
            self._file = file

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *error: object) -> None:
            self._file.close()

        def write(self, data: bytes) -> int:
            self._file.write(data[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda self, mode: Full(opened(self, mode)))
    with pytest.raises(OSError, match="No space"):
        append_xmp(path, "x")
    monkeypatch.undo()
    assert path.read_bytes() == before
