"""Content Credentials: read back by the C2PA library, and broken by whoever changes the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import c2pa
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

from app.config import load_settings
from app.provenance.credentials import Credentials, CredentialsError
from app.provenance.origin import Origin
from app.provenance.source_type import DIGITAL_SOURCE_TYPE
from tests.provenance.clip import make_clip
from tests.provenance.signing import Signing, make_signing


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Signing:
    return make_signing(tmp_path_factory.mktemp("signing"))


def read(path: Path, authority: str) -> dict[str, Any]:
    """Read a file's manifests, as somebody who trusts an authority."""
    settings = c2pa.Settings.from_dict({"trust": {"user_anchors": authority}, "verify": {"verify_trust": True}})
    with c2pa.Context(settings) as context, c2pa.Reader(str(path), context=context) as reader:
        told: dict[str, Any] = json.loads(reader.json())
    return told


def test_the_manifest_says_that_a_machine_made_it_and_is_trusted(signing: Signing, tmp_path: Path) -> None:
    path = make_clip(tmp_path / "talk.mp4")
    Origin("AI-generated", Credentials(signing.certfile, signing.keyfile)).mark(path)
    told = read(path, signing.authority)
    assert told["validation_state"] == "Trusted", told
    manifest = told["manifests"][told["active_manifest"]]
    actions = [each for each in manifest["assertions"] if each["label"].startswith("c2pa.actions")]
    assert actions[0]["data"]["actions"][0]["digitalSourceType"] == DIGITAL_SOURCE_TYPE
    assert manifest["claim_generator_info"][0]["name"] == "Lipwire"
    assert list(tmp_path.iterdir()) == [path]


def test_a_changed_file_is_no_longer_valid(signing: Signing, tmp_path: Path) -> None:
    path = make_clip(tmp_path / "talk.mp4")
    Origin("AI-generated", Credentials(signing.certfile, signing.keyfile)).mark(path)
    data = bytearray(path.read_bytes())
    at = data.index(b"mdat") + 100
    data[at] ^= 1
    path.write_bytes(data)
    assert read(path, signing.authority)["validation_state"] == "Invalid"


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["P-384", "Ed25519", "RSA"],
)
def test_usual_keys_sign(key: CertificateIssuerPrivateKeyTypes, tmp_path: Path) -> None:
    signing = make_signing(tmp_path / "signing", key)
    path = make_clip(tmp_path / "talk.mp4")
    Credentials(signing.certfile, signing.keyfile).sign(path, "x")
    assert read(path, signing.authority)["validation_state"] == "Trusted"


def test_what_cannot_sign_is_said_before_anything_is_recorded(signing: Signing, tmp_path: Path) -> None:
    nothing, text = tmp_path / "nothing.pem", tmp_path / "text.pem"
    text.write_text("text")
    web = make_signing(tmp_path / "web", purpose=False)
    other = make_signing(tmp_path / "other")
    for certfile, keyfile in (
        (nothing, signing.keyfile),
        (signing.certfile, nothing),
        (text, signing.keyfile),
        (signing.certfile, text),
        (signing.certfile, other.keyfile),
        (web.certfile, web.keyfile),
    ):
        with pytest.raises(CredentialsError) as caught:
            Origin.of(load_settings({}, c2pa_certfile=certfile, c2pa_keyfile=keyfile))
        assert str(caught.value).endswith(".") and "\n" not in str(caught.value), (certfile, keyfile)


def test_a_file_that_cannot_be_signed_is_kept_and_said(
    signing: Signing, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"no film")
    origin = Origin("AI-generated", Credentials(signing.certfile, signing.keyfile))
    origin.mark_if_possible(path)
    assert path.read_bytes().startswith(b"no film")
    assert "broken.mp4 has its tags alone" in caplog.text
    assert list(tmp_path.iterdir()) == [path]
