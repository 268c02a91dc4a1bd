"""A real server in a thread of this process, and what its event loop does with files; a disk that is slow, or fails."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.config import Settings
from app.server import make_server

# Python tells of these before it does them. (It tells nothing of stat and statvfs: those are wrapped.)
FILE_EVENTS = {
    "open", "os.chmod", "os.listdir", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.scandir",
    "os.symlink", "os.truncate", "os.utime", "shutil.rmtree", "tempfile.mkdtemp", "tempfile.mkstemp", "glob.glob",
}  # fmt: skip
WRAPPED = ("stat", "lstat", "statvfs", "fsync", "read", "write", "pread", "preadv", "pwrite", "ftruncate")
START_S, STOP_S = 60, 60

Hook = Callable[[str, str], None]
_hooks: list[Hook] = []
_auditing = False
_real: dict[str, Any] = {}


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if event in FILE_EVENTS and _hooks:
        _tell(event, args[0] if args else "")


def _tell(event: str, path: Any) -> None:
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    if isinstance(path, str | Path):  # a number is a descriptor, perhaps a socket's
        for hook in list(_hooks):
            hook(event, str(path))


def _wrap() -> None:
    """Have ``os`` tell of what Python itself does not; ``_unwrap`` takes it back."""
    global _auditing
    if not _auditing:  # that cannot be taken back; it tells nobody while nobody asks
        sys.addaudithook(_audit)
        _auditing = True
    for name in WRAPPED:
        real = _real[name] = getattr(os, name)

        def told(path: Any, *args: Any, real: Any = real, name: str = name, **more: Any) -> Any:
            _tell(f"os.{name}", _path_of(path) if isinstance(path, int) else path)
            return real(path, *args, **more)

        setattr(os, name, told)


def _unwrap() -> None:
    for name, real in _real.items():
        setattr(os, name, real)


def _path_of(descriptor: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return ""


@contextmanager
def hooked(hook: Hook) -> Iterator[None]:
    """Tell ``hook`` of each use of a file, by its path, in the thread that uses it and before it does."""
    if not _hooks:
        _wrap()
    _hooks.append(hook)
    try:
        yield
    finally:
        _hooks.remove(hook)
        if not _hooks:
            _unwrap()


@dataclass
class ServerThread:
    """A server whose event loop is watched: what it does with files itself is in ``on_loop``, with where it did."""

    url: str
    on_loop: list[str] = field(default_factory=list)

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/ws"


@contextmanager
def watched_server(settings: Settings) -> Iterator[ServerThread]:
    """Serve in a thread, and watch from when it serves until it is told to stop."""
    server = make_server(settings)
    thread = threading.Thread(target=server.run, name="server", daemon=True)
    thread.start()
    deadline = time.monotonic() + START_S
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline, "the server did not start"
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    served = ServerThread(f"http://127.0.0.1:{port}")

    def note(event: str, path: str) -> None:
        if threading.get_ident() == thread.ident and not _is_code(path):
            served.on_loop.append(f"{event} {path}\n{''.join(traceback.format_stack(limit=8)[:-3])}")

    try:
        with hooked(note):
            yield served
    finally:
        server.should_exit = True
        thread.join(STOP_S)
    assert not thread.is_alive(), f"the server did not stop; it is in\n{_where(thread)}"


def _where(thread: threading.Thread) -> str:
    """Say what a thread is in; one that just ended is in nothing."""
    frame = sys._current_frames().get(thread.ident or 0)
    return "".join(traceback.format_stack(frame)) if frame else "nothing"


def _is_code(path: str) -> bool:
    """Tell whether no disk is meant: the system tells of itself there, or Python reads a module, which it does once."""
    return path.endswith((".py", ".pyc", ".so")) or path.startswith(("/proc/", "/dev/", "socket:", "pipe:", "anon"))


@contextmanager
def slow_disk(folder: Path, wait_s: float) -> Iterator[list[str]]:
    """Let each use of a file below a folder wait, in whichever thread; yields what did."""
    waited: list[str] = []

    def wait(event: str, path: str) -> None:
        if path.startswith(str(folder)):
            waited.append(event)
            time.sleep(wait_s)

    with hooked(wait):
        yield waited
