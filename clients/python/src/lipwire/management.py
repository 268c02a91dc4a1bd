"""What is asked over HTTP: sessions and tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from lipwire.admission import Admission
from lipwire.errors import ConnectionLost, LipwireError, error_of
from lipwire.events import Interrupted

NOT_KEPT = httpx.Limits(max_keepalive_connections=0)
FEED_TTL_S = 24 * 3600.0  # a connection that is lost much later is made again with the same token
MADE = 201
REDIRECT = 307  # to where the session is, with whatever was asked
MOST_HOPS = 3
PASS = "pass"  # of a query: what a server has seen proven, for the next one to believe
TIMEOUT_S = 30.0  # an avatar may have to be prepared first


class Management:
    """The server's ``/api/sessions``. ``key``: an API key, where the server wants one."""

    def __init__(self, url: str, key: str | None) -> None:
        self.url = url.rstrip("/")
        self._key, self.has_key = key, key is not None
        # no connection is used twice: one that the server closes meanwhile would fail the request
        self._http = httpx.AsyncClient(timeout=TIMEOUT_S, limits=NOT_KEPT)

    async def make_session(self, wish: Mapping[str, Any]) -> Admission:
        """Make a session.

        Raises:
            LipwireError: what the server refused for, or that it cannot be reached.
        """
        return self._admission(await self._ask("POST", "/api/sessions", dict(wish)))

    async def revive(self, id: str, feed_token: str, next_utterance: int | None) -> tuple[Admission, bool]:
        """Find a session whose machine is gone where it lives, or have it made anew; returns which it was, too.

        ``next_utterance``: the first number for utterances without a name. Raises as :meth:`make_session`;
        :class:`NotFound` where it has ended.
        """
        wish = {} if next_utterance is None else {"next_utterance": next_utterance}
        answer = await self._answer("POST", f"/api/sessions/{quote(id)}/revival", wish, feed_token)
        return self._admission(answer.json()), answer.status_code == MADE

    def _admission(self, made: dict[str, Any]) -> Admission:
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
            self.whep_url_of(id),
            f"{self.url}/watch/{quote(id)}" + (f"#token={view_token}" if view_token else ""),
            view_token,
        )

    def whep_url_of(self, id: str) -> str:
        """Return where a WHEP player offers; that is sent on to where the session lives."""
        return f"{self.url}/whep/{quote(id)}"

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
        answer = await self._answer(method, path, body, self._key)
        return answer.json() if answer.content else None

    async def _answer(self, method: str, path: str, body: dict[str, Any] | None, bearer: str | None) -> httpx.Response:
        url = self.url + path
        for _ in range(MOST_HOPS + 1):
            answer = await self._send(method, url, body, bearer)
            if answer.status_code != REDIRECT:
                break
            url, bearer = _sent_on(answer, bearer)
        if answer.is_success:
            return answer
        raise _refusal(answer)

    async def _send(self, method: str, url: str, body: dict[str, Any] | None, bearer: str | None) -> httpx.Response:
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        try:
            return await self._http.request(method, url, json=body, headers=headers)
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            raise ConnectionLost("unreachable", f"{url.split('/api/')[0]} cannot be reached: {why}") from error


def _sent_on(answer: httpx.Response, bearer: str | None) -> tuple[str, str | None]:
    """Return where the server sends this client, and what to prove there: nothing, where a pass does it.

    Raises:
        LipwireError: where a key would leave TLS.
    """
    url = answer.url.join(answer.headers.get("Location", ""))
    if url.scheme not in ("http", "https") or (answer.url.scheme == "https" and url.scheme != "https"):
        raise LipwireError("bad_address", f"{answer.url.host} sends this client to {url.copy_with(query=None)}.")
    return str(url), None if PASS in url.params else bearer


def _refusal(answer: httpx.Response) -> LipwireError:
    """Read an RFC 9457 problem document, or whatever stands between said instead."""
    try:
        problem = answer.json()
        return error_of(problem["code"], problem.get("detail") or problem["title"], answer.status_code)
    except (ValueError, KeyError, TypeError):
        url, status = answer.url.copy_with(query=None), answer.status_code
        return error_of(f"http_{status}", f"{url} answered {status}.", status)
