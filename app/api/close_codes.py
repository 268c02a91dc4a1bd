"""With which code a socket closes after a refusal; ``docs/protocol.md`` lists the same for people."""

from __future__ import annotations

from app.errors import Refusal

ELSEWHERE = 4307  # nothing was refused: what was asked for is to be had at another address
BAD_MESSAGE = 4400
NO_TOKEN = 4401
FORBIDDEN = 4403
NOT_FOUND = 4404
IDLE = 4408
IN_USE = 4409
TOO_LARGE = 4413
FULL = 4429
OUR_FAULT = 4500

CLOSE_CODES = {  # whatever is not here was a bad message
    "key_missing": NO_TOKEN,
    "key_invalid": NO_TOKEN,
    "key_revoked": NO_TOKEN,
    "token_missing": NO_TOKEN,
    "token_invalid": NO_TOKEN,
    "token_expired": NO_TOKEN,
    "token_not_for_this": FORBIDDEN,
    "key_not_for_this": FORBIDDEN,
    "no_such_avatar": NOT_FOUND,
    "avatar_damaged": NOT_FOUND,
    "no_such_session": NOT_FOUND,
    "session_over": NOT_FOUND,
    "idle_timeout": IDLE,
    "not_connected": IDLE,
    "not_reading": IDLE,
    "media_timeout": IDLE,
    "already_fed": IN_USE,
    "feeder_busy": IN_USE,
    "message_too_large": TOO_LARGE,
    "too_many_utterances": FULL,
    "too_many_marks": FULL,
    "too_many_moods": FULL,
    "too_many_wrong_keys": FULL,
    "quota_sessions": FULL,
    "quota_minutes": FULL,
    "too_many_messages": FULL,
    "too_many_sessions_here": FULL,
    "server_full": FULL,
    "no_media_port": FULL,
    "server_busy": FULL,
    "server_draining": FULL,
    "session_moving": FULL,
    "store_away": FULL,
    "disk_full": FULL,
    "disk_unusable": FULL,
    "internal_error": OUR_FAULT,
    "engine_failed": OUR_FAULT,
    "peer_lost": OUR_FAULT,
}


def close_code_of(refusal: Refusal) -> int:
    """Return the code that a socket closes with after a refusal."""
    return CLOSE_CODES.get(refusal.code, BAD_MESSAGE)
