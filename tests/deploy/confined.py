"""Run a command as lipwire.service confines it, as far as that goes without systemd: ``confined.py UNIT COMMAND…``.

System calls, address families, capabilities, new privileges and the file mode mask come from the unit.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pyseccomp

PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP, LAST_CAPABILITY = 38, 24, 40


def directives(unit: Path) -> dict[str, list[str]]:
    """Return what a unit says, each directive's values in order."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def system_calls(filters: list[str]) -> set[str]:
    """Return the names that are left of ``SystemCallFilter=`` lines."""
    left: set[str] = set()
    for line in filters:
        names = {call for word in line.lstrip("~").split() for call in expanded(word)}
        left = left - names if line.startswith("~") else left | names
    return left


def expanded(word: str) -> set[str]:
    """Return the calls of a set, or the one that a word is."""
    if not word.startswith("@"):
        return {word}
    listed = subprocess.run(["systemd-analyze", "syscall-filter", word], check=True, capture_output=True, text=True)
    words = [line.split()[0] for line in listed.stdout.splitlines()[1:] if line.strip() and "#" not in line]
    return {call for each in words for call in expanded(each)}


def main(unit: Path, command: list[str]) -> None:
    """Confine this process and become the command."""
    says = directives(unit)
    allowed = system_calls(says["SystemCallFilter"])
    refuse = pyseccomp.ERRNO(errno.EPERM)
    filter = pyseccomp.SyscallFilter(defaction=refuse)
    for name in allowed - {"socket"}:
        if pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name) >= 0:
            filter.add_rule(pyseccomp.ALLOW, name)
    for family in says["RestrictAddressFamilies"][0].split():
        filter.add_rule(pyseccomp.ALLOW, "socket", pyseccomp.Arg(0, pyseccomp.EQ, getattr(socket, family)))
    os.umask(int(says["UMask"][0], 8))
    libc = ctypes.CDLL(None)
    for capability in range(LAST_CAPABILITY + 1):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    filter.load()
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
