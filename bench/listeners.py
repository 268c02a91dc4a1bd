"""Which process listens at a port of this machine. Linux only; of one's own processes, or as root."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

LISTENING = "0A"  # a socket's state in /proc/net/tcp


def listener(url: str, proc: Path = Path("/proc")) -> int:
    """Return the process behind an address.

    Raises:
        LookupError: nobody here listens there.
    """
    port = urlsplit(url).port
    inodes = {f"socket:[{inode}]" for inode in _inodes(port or 0, proc)}
    for process in proc.iterdir():
        if not process.name.isdigit():
            continue
        try:
            if any(os.readlink(each) in inodes for each in (process / "fd").iterdir()):
                return int(process.name)
        except OSError:
            continue  # it has ended, or is another user's
    raise LookupError(f"nobody on this machine listens at {url}")


def _inodes(port: int, proc: Path) -> set[str]:
    found = set()
    for table in ("tcp", "tcp6"):
        path = proc / "net" / table
        lines = path.read_text().splitlines()[1:] if path.exists() else []
        for fields in (line.split() for line in lines):
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(fields[9])
    return found
