"""With whom a connection can be encrypted: with peers of either kind of certificate."""

from __future__ import annotations

from typing import Any

from aiortc import RTCPeerConnection
from aiortc.rtcdtlstransport import SRTPProtectionProfile

# what aiortc offers, for an ECDSA certificate; and the same for RSA, which GStreamer has
CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-RSA-AES256-SHA",
)  # fmt: skip


def take_any_certificate(peer: RTCPeerConnection) -> None:
    """Let a new peer shake hands with RSA certificates too; aiortc has no hook, so a method is replaced."""
    certificates: list[Any] = peer._RTCPeerConnection__certificates  # type: ignore[attr-defined]
    for certificate in certificates:
        create = certificate._create_ssl_context

        def create_context(srtp_profiles: list[SRTPProtectionProfile], create: Any = create) -> Any:
            context = create(srtp_profiles)
            context.set_cipher_list(":".join(CIPHERS).encode())
            return context

        certificate._create_ssl_context = create_context
