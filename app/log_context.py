"""Whose work is being done: the session and the key that log lines and audit lines name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# set where the work begins (a request, a socket, a session's tasks); a task that is made inherits them
SESSION: ContextVar[str] = ContextVar("session", default="")
KEY: ContextVar[str] = ContextVar("key", default="")
ADDRESS: ContextVar[str] = ContextVar("address", default="")  # of the client


@contextmanager
def for_session(id: str) -> Iterator[None]:
    """Let what is done inside name a session, and what follows whichever it named before."""
    before = SESSION.set(id)
    try:
        yield
    finally:
        SESSION.reset(before)
