"""Errors over HTTP, as RFC 9457 problem documents."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import cv2
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from app.api.models import Problem
from app.avatars.store import NoSuchAvatar
from app.errors import Refusal
from app.memory import is_shortage
from app.tallies import REFUSALS

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
FILE_TOO_LARGE = ("picture_too_large", "too_many_pixels", "video_too_large", "video_too_long")
FILE_UNKNOWN = ("not_an_image", "not_a_video")
FILE_DAMAGED = ("image_truncated", "video_broken", "video_empty", "video_too_short")
BAD_FACE = ("no_face", "face_too_small", "face_lost", "video_cut")
BAD_FRAMING = ("bad_crop", "bad_background", "crop_impossible", "framing_of_video", "mask_unsure")
BAD_POINTS = ("bad_points", "bad_point", "unknown_point", "missing_point", "point_outside")
BAD_MOUTH = ("mouth_upside_down", "mouth_too_narrow", "mouth_above_nose", "lips_crossed")
BAD_OUTPUT = ("bad_output_url", "bad_output_token", "output_not_allowed")
OF_OUTPUTS = (*BAD_OUTPUT, "no_such_output", "too_many_outputs")  # over HTTP alone
BAD_JSON = ("bad_request", "body_too_large", "unsupported_media_type", "upload_cut_short")
WRONG_KEY = ("key_invalid", "too_many_wrong_keys")
NO_KEY = ("key_missing", *WRONG_KEY)
OVER_QUOTA = ("quota_sessions", "quota_minutes", "quota_avatars", "quota_bytes")
NO_TOKEN = ("token_missing", "token_invalid", "token_expired")
NO_PLACE = ("server_full", "server_busy", "server_draining")
NO_FACE_TO_OPEN = (
    *(
        "no_such_engine",
        "engine_unavailable",
        "no_such_avatar",
        "avatar_damaged",
        "framing_of_video",
        "mask_unsure",
        "store_away",
        "disk_full",
        "disk_unusable",
    ),
    *NO_PLACE,
    *("quota_sessions", "quota_minutes", "quota_bytes", "key_revoked", "too_many_sessions_here"),
)
CODES = {  # status → the codes of refusals that have it; docs/protocol.md says what each means
    400: ("bad_form", "bad_json", "bad_request", "upload_cut_short"),
    401: ("key_missing", "key_invalid", "key_revoked", *NO_TOKEN),
    403: ("avatar_fixed", "host_not_allowed", "key_not_for_this", "origin_not_allowed", "token_not_for_this"),
    404: (
        "no_recording",
        "no_such_avatar",
        "no_such_engine",
        "no_such_mood",
        "no_such_output",
        "no_such_session",
        "no_such_viewer",
        "not_found",
    ),
    405: ("method_not_allowed",),
    408: ("upload_too_slow",),
    409: ("avatar_damaged", "upload_known", "session_over", "too_many_outputs"),
    412: ("ice_session_changed",),
    413: ("body_too_large", *FILE_TOO_LARGE),
    415: ("unsupported_media_type", *FILE_UNKNOWN),
    422: ("bad_sdp", *FILE_DAMAGED, *BAD_FACE, *BAD_FRAMING, *BAD_POINTS, *BAD_MOUTH, *BAD_OUTPUT),
    429: ("too_many_sessions_here", "too_many_wrong_keys", *OVER_QUOTA),
    500: ("internal_error",),
    503: (
        "disk_unusable",
        "engine_unavailable",
        "no_media_port",
        "out_of_memory",
        "server_away",  # a proxy's word (deploy/nginx.conf)
        "session_moving",
        *NO_PLACE,
        "store_away",
        "too_many_connections",
        "too_many_viewers",
        "uploads_busy",
    ),
    507: ("store_full", "disk_full"),
}
LATER = {"Retry-After": "60"}
HEADERS: dict[int | None, dict[str, str]] = {401: {"WWW-Authenticate": "Bearer"}, 429: LATER, 503: LATER}
RETRY_AFTER_S = {
    "server_away": 5,
    "server_draining": 5,
    "session_moving": 1,
    "store_away": 10,
    "uploads_busy": 10,
}  # where that is another time than its status has
STATUS_OF = {code: status for status, codes in CODES.items() for code in codes}


def problem_of(status: int, code: str, detail: str) -> Problem:
    """Make the document."""
    title = HTTPStatus(status).phrase
    return Problem(type=f"urn:lipwire:problem:{code}", title=title, status=status, code=code, detail=detail)


def problem_response(status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Answer with the document, and count it."""
    REFUSALS.note("http", code)
    return JSONResponse(problem_of(status, code, detail).model_dump(), status, headers, MEDIA_TYPE)


def _headers(status: int | None, code: str) -> dict[str, str] | None:
    retry_after_s = RETRY_AFTER_S.get(code)
    return HEADERS.get(status) if retry_after_s is None else {"Retry-After": str(retry_after_s)}


def problems(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Describe, for a route's ``responses``, in which ways of its own it refuses."""
    by_status: dict[int | str, list[str]] = {}
    for code in sorted(codes, key=STATUS_OF.__getitem__):
        by_status.setdefault(STATUS_OF[code], []).append(f"`{code}`")
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    described = {status: {"description": ", ".join(own), "content": content} for status, own in by_status.items()}
    return described | {"default": {"description": "Any other problem.", "content": content}}


def answer_with_problems(app: FastAPI) -> None:
    """Turn every error of an application into a problem document, and describe that in its ``/openapi.json``."""

    @app.exception_handler(Refusal)
    async def on_refusal(request: Request, error: Refusal) -> JSONResponse:
        status = STATUS_OF.get(error.code)
        if status is None:
            logger.error("problems: %s has no status", error.code)
        return problem_response(status or 500, error.code, error.message, _headers(status, error.code))

    @app.exception_handler(NoSuchAvatar)
    async def on_no_such_avatar(request: Request, error: NoSuchAvatar) -> JSONResponse:
        detail = f'There is no avatar "{error}". List them at /api/avatars.'
        return problem_response(404, "no_such_avatar", detail)

    @app.exception_handler(MemoryError)
    @app.exception_handler(RuntimeError)  # what OpenVINO raises
    @app.exception_handler(cv2.error)
    async def on_no_memory(request: Request, error: Exception) -> JSONResponse:
        if not is_shortage(error):
            raise error
        logger.error("problems: no memory for %s %s", request.method, request.url.path)
        return problem_response(503, "out_of_memory", "The server has no memory for that now; try later.", HEADERS[503])

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> JSONResponse:
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
        headers = dict(error.headers) if error.headers else None
        return problem_response(error.status_code, code, str(error.detail), headers)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        name = first["loc"][-1]
        return problem_response(400, "bad_request", f'"{name}" is not usable: {first["msg"]}. See /docs for what is.')

    @app.exception_handler(Exception)
    async def on_bug(request: Request, error: Exception) -> JSONResponse:
        return problem_response(500, "internal_error", "Something broke on the server; try again.")

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            described = get_openapi(
                title=app.title, version=app.version, description=app.description, routes=app.routes
            )
            schemas = described.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = Problem.model_json_schema()
            app.openapi_schema = described
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
