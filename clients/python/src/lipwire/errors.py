"""What can go wrong, as few kinds; ``code`` says which case it was, in the words of Lipwire's ``docs/protocol.md``."""

from __future__ import annotations


class LipwireError(Exception):
    """Anything that Lipwire refuses or fails at.

    ``code`` is stable, ``message`` a sentence that says what to do. ``status``: the server's, as over HTTP; 0 where it
    was not the server that said so.
    """

    def __init__(self, code: str, message: str, status: int = 0) -> None:
        super().__init__(f"{message} ({code})")
        self.code, self.message, self.status = code, message, status


class Unauthorized(LipwireError):
    """A key or token is missing, wrong, out of date, or not for this."""


class NotFound(LipwireError):
    """There is no such session or avatar."""


class SessionEnded(LipwireError):
    """The session is over: deleted, at its time limit, idle too long, or closed by this client."""


class ServerFull(LipwireError):
    """The server has no place, or no time, for another face, or is being stopped; or the key may have no more."""


class AlreadyFed(LipwireError):
    """Somebody else feeds this session."""


class ConnectionLost(LipwireError):
    """The server cannot be reached, or could not be reached again in time."""


class NotReading(LipwireError):
    """An iterator over events was left behind: more than its bound waited to be taken."""


_KINDS: dict[str, type[LipwireError]] = {
    "session_over": SessionEnded,
    "idle_timeout": SessionEnded,
    "already_fed": AlreadyFed,
    "feeder_busy": AlreadyFed,
    "server_full": ServerFull,
    "server_busy": ServerFull,
    "server_draining": ServerFull,
}
_BY_STATUS: dict[int, type[LipwireError]] = {
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    408: SessionEnded,
    409: AlreadyFed,
    429: ServerFull,
    503: ServerFull,
}


def error_of(code: str, message: str, status: int) -> LipwireError:
    """Return the kind of error for a code; for one it does not know, by its HTTP status or close code less 4000."""
    return _KINDS.get(code, _BY_STATUS.get(status, LipwireError))(code, message, status)
