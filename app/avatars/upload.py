"""What was uploaded, as bytes or as a file: its beginning, and the id that its avatar has."""

from __future__ import annotations

import hashlib
from pathlib import Path

from app.avatars.framing import AS_IT_IS, Framing

HASH_BLOCK_BYTES = 1024 * 1024
ID_CHARACTERS = 24


def head_of(upload: bytes | Path, size: int) -> bytes:
    """Return the first bytes of it."""
    if isinstance(upload, bytes):
        return upload[:size]
    with open(upload, "rb") as file:
        return file.read(size)


def id_of(upload: bytes | Path, max_side: int, owner: str, framing: Framing = AS_IT_IS) -> str:
    """Return the id of the avatar that is made of it, at a size, for its owner, framed in one way."""
    digest = hashlib.sha256(b"%d:" % max_side)
    if owner:
        digest.update(b"%s:" % owner.encode())
    digest.update(framing.mark)
    if isinstance(upload, bytes):
        digest.update(upload)
    else:
        with open(upload, "rb") as file:
            while block := file.read(HASH_BLOCK_BYTES):
                digest.update(block)
    return digest.hexdigest()[:ID_CHARACTERS]
