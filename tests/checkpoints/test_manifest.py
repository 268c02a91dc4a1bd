"""Which weights are known, and which of them are here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.assets import WEIGHTS
from app.checkpoints.manifest import WeightsError, find_checkpoint, find_entry, read_manifest, verify


def test_every_public_file_has_its_makers_terms_and_every_address_a_sum_that_decides() -> None:
    for entry in read_manifest(WEIGHTS):
        assert entry.licence and (entry.bundled or (entry.made_by and entry.terms))
        assert not entry.urls or (len(entry.sha256 or "") == 64 and entry.total_bytes)
        assert all(url.startswith("https://") and url.endswith(f"/{entry.file}") for url in entry.urls)


@pytest.mark.parametrize("name", ["wav2lip-gan", "wav2lip"])
def test_the_public_checkpoints_have_several_addresses(name: str) -> None:
    assert len(set(find_entry(WEIGHTS, name).urls)) >= 2


def test_a_bundled_file_is_right_and_found_from_any_folder(tmp_path: Path) -> None:
    bundled = [entry for entry in read_manifest(tmp_path) if entry.bundled]
    assert [entry.name for entry in bundled] == ["lipwire-mouth"]
    assert verify(tmp_path, bundled[0]) == "ok"
    assert bundled[0].path(tmp_path).stat().st_size == bundled[0].total_bytes
    assert find_checkpoint(tmp_path, "portrait") == WEIGHTS / "lipwire-mouth.safetensors"


def test_a_file_of_the_users_own_goes_before_the_bundled_one(tmp_path: Path) -> None:
    own = tmp_path / "lipwire-mouth.safetensors"
    own.write_bytes(b"another")
    assert find_checkpoint(tmp_path, "portrait") == own
    assert verify(tmp_path, find_entry(tmp_path, "lipwire-mouth")) == "wrong"


def test_the_first_known_file_is_the_engines_and_unbundled_ones_lie_in_the_folder_alone(tmp_path: Path) -> None:
    assert find_checkpoint(tmp_path, "wav2lip") is None
    for name in ("wav2lip.safetensors", "wav2lip_gan.pth", "elsewhere.pth"):
        (tmp_path / name).touch()
    assert find_checkpoint(tmp_path, "wav2lip") == tmp_path / "wav2lip_gan.pth"


@pytest.mark.parametrize("text", ["", "[]", '{"weights": [{}]}', json.dumps({"weights": [{"name": "a", "size": 1}]})])
def test_a_damaged_manifest_says_which_it_is(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(WeightsError, match=str(tmp_path)):
        read_manifest(tmp_path)
