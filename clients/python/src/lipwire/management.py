"""What is asked over HTTP: sessions and tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from lipwire.errors import ConnectionLost, LipwireError, error_of
from lipwire.events import Interrupted

NOT_KEPT = httpx.Limits(max_keepalive_connections=0)
FEED_TTL_S = 24 * 3600.0  # a connection that is lost much later is made again with the same token
TIMEOUT_S = 30.0  # an avatar may have to be prepared first


@dataclass(frozen=True)
class Admission:
    """A session's doors. ``width`` and ``height`` are not known of one that was made elsewhere."""

    id: str
    feed_url: str
    feed_token: str = field(repr=False)
    whep_url: str
    watch_url: str = field(repr=False)  # holds a token
    view_token: str | None = field(repr=False)
    width: int = 0
    height: int = 0


class Management:
    """The server's ``/api/sessions``. ``key``: an API key, where the server wants one."""

    def __init__(self, url: str, key: str | None) -> None:
        self.url = url.rstrip("/")
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self.has_key = key is not None
        # no connection is used twice: one that the server closes meanwhile would fail the request
        self._http = httpx.AsyncClient(base_url=self.url, headers=headers, timeout=TIMEOUT_S, limits=NOT_KEPT)

    async def make_session(self, wish: Mapping[str, Any]) -> Admission:
        """Make a session.

        Raises:
            LipwireError: what the server refused for, or that it cannot be reached.
        """
        made = await self._ask("POST", "/api/sessions", dict(wish))
        feed, view = made["feed"], made["view"]
        return Admission(
            made["id"],
            self._secure(feed["url"]),
            feed["token"],
            self._secure(view["whep"]),
            self._secure(view["watch"]),
            view["token"],
            made["width"],
            made["height"],
        )

    async def admission_to(self, id: str, feed_token: str | None) -> Admission:
        """Find the doors of a session made elsewhere; without a token one is minted, which needs the key.

        Raises:
            LipwireError: as :meth:`make_session`.
        """
        token = feed_token if feed_token is not None else await self.make_token(id, "feed", FEED_TTL_S)
        view_token = await self.make_token(id, "view", None) if feed_token is None or self.has_key else None
        return Admission(
            id,
            "ws" + self.url[4:] + "/ws",
            token,
            f"{self.url}/whep/{quote(id)}",
            f"{self.url}/watch/{quote(id)}" + (f"#token={view_token}" if view_token else ""),
            view_token,
        )

    async def make_token(self, id: str, role: str, ttl_s: float | None) -> str:
        """Mint a token; raises as :meth:`make_session`."""
        wish = {"role": role} if ttl_s is None else {"role": role, "ttl_s": ttl_s}
        made = await self._ask("POST", f"/api/sessions/{quote(id)}/tokens", wish)
        return str(made["token"])

    async def interrupt(self, id: str) -> Interrupted:
        """Interrupt, past everything on the socket; raises as :meth:`make_session`."""
        cut = await self._ask("POST", f"/api/sessions/{quote(id)}/interrupt", {})
        return Interrupted(cut["utterance"], cut["played_ms"], cut["session_played_ms"])

    async def end_session(self, id: str) -> None:
        """Delete a session; raises as :meth:`make_session`."""
        await self._ask("DELETE", f"/api/sessions/{quote(id)}", None)

    async def aclose(self) -> None:
        """Close its connections; again is fine."""
        await self._http.aclose()

    def _secure(self, url: str) -> str:
        """Correct an address where what ends TLS before the server did not say so to it."""
        scheme, _, rest = url.partition(":")
        return f"{scheme}s:{rest}" if self.url.startswith("https:") and scheme in ("http", "ws") else url

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        try:
            answer = await self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise ConnectionLost(
                "unreachable", f"{self.url} cannot be reached: {error or type(error).__name__}"
            ) from error
        if answer.is_success:
            return answer.json() if answer.content else None
        raise _refusal(answer)


def _refusal(answer: httpx.Response) -> LipwireError:
    """Read an RFC 9457 problem document, or whatever stands between said instead."""
    try:
        problem = answer.json()
        return error_of(problem["code"], problem.get("detail") or problem["title"], answer.status_code)
    except (ValueError, KeyError, TypeError):
        return error_of(
            f"http_{answer.status_code}", f"{answer.url} answered {answer.status_code}.", answer.status_code
        )
