"""Content Credentials (C2PA): a signed manifest in a file, which says what made it and that nobody changed it since.

Needs the extra ``c2pa``.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, SECP521R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from PIL import Image

from app import __version__
from app.provenance.source_type import DIGITAL_SOURCE_TYPE, TOOL

UNTRUSTED = "signingCredential.untrusted"
_CURVES = {SECP256R1: "es256", SECP384R1: "es384", SECP521R1: "es512"}


class CredentialsError(Exception):
    """A certificate or key that cannot sign, or a file that could not be signed; the message says what to do."""


class Credentials:
    """Signs MP4 files with one certificate chain. For any thread.

    Raises:
        CredentialsError: when the extra is missing, or certificate and key cannot sign.
    """

    def __init__(self, certfile: Path, keyfile: Path) -> None:
        try:
            import c2pa
        except ImportError:
            raise CredentialsError(
                "Signing needs the extra c2pa: pip install 'lipwire-server[c2pa]', or unset LIPWIRE_C2PA_CERTFILE."
            ) from None
        self._c2pa: Any = c2pa
        try:
            self._chain, self._key = certfile.read_bytes(), keyfile.read_bytes()
        except OSError as error:
            raise CredentialsError(f"{error.filename} cannot be read ({error.strerror}).") from error
        self._algorithm = _algorithm_of(self._key, keyfile)
        problem = self._trial()
        if problem:
            raise CredentialsError(
                f"{certfile} cannot sign with {keyfile} ({problem}). It wants a chain, the signing certificate first, "
                "whose extended key usage is e-mail protection or document signing."
            )

    def sign(self, path: Path, label: str) -> None:
        """Put a manifest into a finished MP4, which takes its room a second time while it lasts. Blocks.

        Raises:
            CredentialsError: when it cannot be signed; the file is as it was.
        """
        draft = path.with_name(f"{path.name}.signing")
        try:
            with self._c2pa.Builder(_manifest(path.name, label)) as builder, self._signer() as signer:
                builder.sign_file(str(path), str(draft), signer)
            os.replace(draft, path)
        except (self._c2pa.C2paError, OSError) as error:
            raise CredentialsError(f"{path.name} could not be signed: {error}") from error
        finally:
            draft.unlink(missing_ok=True)

    def _trial(self) -> str:
        """Sign a picture and read it; returns what is wrong, which a signer alone does not find out."""
        blank, signed = io.BytesIO(), io.BytesIO()
        Image.new("RGB", (8, 8)).save(blank, "PNG")
        try:
            with self._c2pa.Builder(_manifest("trial", "trial")) as builder, self._signer() as signer:
                builder.sign(signer, "image/png", blank, signed)
            signed.seek(0)
            with self._c2pa.Reader("image/png", signed) as reader:
                told = json.loads(reader.json())
        except self._c2pa.C2paError as error:
            return str(error)
        faults = told["validation_results"]["activeManifest"]["failure"]
        # whether anybody trusts the authority is theirs to say
        return ", ".join(each["code"] for each in faults if each["code"] != UNTRUSTED)

    def _signer(self) -> Any:
        info = self._c2pa.C2paSignerInfo(self._algorithm, self._chain, self._key, None)
        return self._c2pa.Signer.from_info(info)


def _algorithm_of(key: bytes, keyfile: Path) -> bytes:
    """Return C2PA's name of what a key signs with."""
    try:
        private = load_pem_private_key(key, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CredentialsError(f"{keyfile} is no private key in PEM without a passphrase ({error}).") from error
    if isinstance(private, EllipticCurvePrivateKey) and (name := _CURVES.get(type(private.curve))):
        return name.encode()
    if isinstance(private, Ed25519PrivateKey):
        return b"ed25519"
    if isinstance(private, RSAPrivateKey):
        return b"ps256"
    raise CredentialsError(f"{keyfile} is of a kind that C2PA does not know; use a P-256 key, for instance.")


def _manifest(title: str, label: str) -> str:
    """Return a manifest with one action: it was created, by which kind of means."""
    created = {
        "action": "c2pa.created",
        "digitalSourceType": DIGITAL_SOURCE_TYPE,
        "softwareAgent": {"name": TOOL, "version": __version__},
        "description": label,
    }
    return json.dumps(
        {
            "claim_generator_info": [{"name": TOOL, "version": __version__}],
            "title": title,
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
        }
    )
