"""WHIP's HTTP side (RFC 9725): the offer goes by POST, the answer comes back, DELETE ends it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from types import TracebackType

import httpx

from app.rtc.checked_connect import Forbidden, checked_transport, not_allowed
from app.rtc.push import PushFailed
from app.rtc.reach import Reach

logger = logging.getLogger(__name__)

ANSWER_S = 10  # for each step of a request
LEAVE_S = 2  # for the DELETE
ANSWER_BYTES = 256 * 1024
MOST_REDIRECTS = 5
REDIRECTS = (307, 308)  # others would make a GET of the POST
PASSING = (408, 409, 425, 429)  # refusals that may be gone in a moment; 409: the last push of the same is still known
LONGEST_RETRY_AFTER_S = 300.0
SDP = "application/sdp"


@dataclass(frozen=True, slots=True)
class WhipTarget:
    """A WHIP endpoint, and the Bearer token that it wants, if any."""

    url: str
    token: str | None


class WhipClient:
    """Offers a stream to one endpoint; ``async with`` it.

    The token goes to the endpoint's own origin (scheme, host and port) alone, wherever it redirects to. Neither a
    redirect nor the resource that the server names leads where ``reach`` does not.
    """

    def __init__(self, target: WhipTarget, reach: Reach) -> None:
        self._target = target
        self._origin = _origin(httpx.URL(target.url))
        self._http = httpx.AsyncClient(timeout=ANSWER_S, follow_redirects=False, transport=checked_transport(reach))
        self._resource: httpx.URL | None = None

    async def __aenter__(self) -> WhipClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._leave()
        finally:
            await self._http.aclose()

    async def offer(self, sdp: str) -> str:
        """Send the offer; returns the answer.

        Raises:
            PushFailed: ``unreachable``, ``output_not_allowed``, ``refused``, ``server_error`` or ``bad_answer``.
        """
        url = httpx.URL(self._target.url)
        try:
            for _ in range(MOST_REDIRECTS + 1):
                request = self._request("POST", url, sdp.encode())
                response = await self._http.send(request, stream=True)
                try:
                    if response.status_code not in REDIRECTS:
                        return await self._answer(response)
                    url = _redirected(response)
                finally:
                    await response.aclose()
        except Forbidden as error:
            raise not_allowed() from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            said = str(error) or type(error).__name__
            raise PushFailed("unreachable", f"The server cannot be reached: {said}.") from error
        raise PushFailed("bad_answer", f"The server redirected more than {MOST_REDIRECTS} times.", refused=True)

    async def _answer(self, response: httpx.Response) -> str:
        status = response.status_code
        if status != 201:
            raise _refusal(response)
        location = response.headers.get("location")
        if location:
            self._resource = response.url.join(location)
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != SDP:
            raise PushFailed("bad_answer", f"The server answered with {kind or 'nothing'}, not {SDP}.", refused=True)
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > ANSWER_BYTES:
                raise PushFailed("bad_answer", "The server's answer is too long.", refused=True)
        return bytes(body).decode(errors="replace")

    async def _leave(self) -> None:
        """Tell the server that the stream has ended; one that does not hear it finds out by itself."""
        if self._resource is None or self._resource.scheme not in ("http", "https"):
            return
        resource, self._resource = self._resource, None
        try:
            response = await self._http.send(self._request("DELETE", resource), stream=True)
            await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, Forbidden) as error:
            logger.info("whip: the end of a push could not be told: %s", error or type(error).__name__)

    def _request(self, method: str, url: httpx.URL, body: bytes | None = None) -> httpx.Request:
        headers = {} if body is None else {"Content-Type": SDP, "Accept": SDP}
        if self._target.token is not None and _origin(url) == self._origin:
            headers["Authorization"] = f"Bearer {self._target.token}"
        timeout = LEAVE_S if method == "DELETE" else ANSWER_S
        return self._http.build_request(method, url, content=body, headers=headers, timeout=timeout)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _redirected(response: httpx.Response) -> httpx.URL:
    url = response.url.join(response.headers.get("location", ""))
    is_downgrade = response.url.scheme == "https" and url.scheme != "https"
    if url.scheme not in ("http", "https") or is_downgrade:
        raise PushFailed("bad_answer", "The server redirected to an address that cannot be used.", refused=True)
    return url


def _refusal(response: httpx.Response) -> PushFailed:
    status = response.status_code
    said = f"{status} {response.reason_phrase}".strip()
    if status >= 500 or status in PASSING:
        code = "server_error" if status >= 500 else "busy"
        return PushFailed(code, f"The server answered {said}.", retry_after_s=_retry_after_s(response))
    advice = "; check the token" if status in (401, 403) else "; check the address" if status in (404, 405) else ""
    return PushFailed("refused", f"The server answered {said}{advice}.", refused=True)


def _retry_after_s(response: httpx.Response) -> float:
    try:
        return min(max(0.0, float(response.headers.get("retry-after", "0"))), LONGEST_RETRY_AFTER_S)
    except ValueError:  # a date, which servers hardly ever send
        return 0.0
