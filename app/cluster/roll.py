"""The roll of all sessions: every stage is asked for its own."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from app.api.models import VoiceList
from app.api.passes import PARAMETER as PASS
from app.api.whereabouts import At
from app.cluster.card import Card
from app.cluster.whereabouts import MOVING
from app.errors import Refusal

logger = logging.getLogger(__name__)

PATIENCE_S = 1.0  # for a stage
ENDING_S = 20.0  # for one that ends a session, to the last of its files
MOST_AT_ONCE = 32
NOT_FOUND = 404


class Roll:
    """Asks stages over HTTP, all at once; one that does not answer within ``PATIENCE_S`` is left out.

    Bound: ``MOST_AT_ONCE`` connections; what is over waits within the same second.
    """

    def __init__(self, ssl_certfile: str | None, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """``ssl_certfile``: the stages' own certificate, which nobody else may have signed."""
        trust = ssl.create_default_context(cafile=ssl_certfile)
        if ssl_certfile:  # that very one is asked for, whichever name or address leads there
            trust.check_hostname = False
            trust.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        limits = httpx.Limits(max_connections=MOST_AT_ONCE)
        # no proxy of the environment: what is asked is ours
        self._client = httpx.AsyncClient(
            verify=trust, timeout=PATIENCE_S, limits=limits, transport=transport, trust_env=False
        )

    async def call(self, cards: Sequence[Card], proven: str) -> list[dict[str, Any]]:
        """Return the sessions on all stages of whom a pass names, as the stages show them, the oldest first."""
        lists = await asyncio.gather(*(self._ask(card, proven) for card in cards))
        sessions = [session for each in lists for session in each]
        return sorted(sessions, key=lambda session: str(session.get("created_at")))

    async def view(self, at: At, proven: str) -> dict[str, Any]:
        """Return one session as its stage shows it.

        Raises:
            Refusal: ``no_such_session``, or ``session_moving`` where the stage does not answer.
        """
        try:
            async with asyncio.timeout(PATIENCE_S):
                answer = await self._client.get(
                    f"{at.url}/api/sessions/{at.ref}", params={PASS: proven} if proven else {}
                )
            if answer.status_code == NOT_FOUND:
                raise Refusal("no_such_session", "There is no such session, or it has ended; make another.")
            answer.raise_for_status()
            view: dict[str, Any] = answer.json()
            return view
        except (TimeoutError, httpx.HTTPError, ValueError) as error:
            logger.warning("roll: a stage does not answer: %s", type(error).__name__)
            raise Refusal("session_moving", MOVING) from None

    async def voices(self, cards: Sequence[Card]) -> list[VoiceList]:
        """Return who speaks texts on each of these stages that answers."""
        found = await asyncio.gather(*(self._read(card, "/api/voices") for card in cards))
        lists = []
        for card, said in zip(cards, found, strict=True):
            try:
                lists += [VoiceList.model_validate(said)] if said is not None else []
            except ValueError:
                logger.warning("roll: stage %s tells of its voices in words unknown here", card.stage)
        return lists

    async def end(self, at: At, proven: str) -> bool:
        """End a session on its stage; returns whether that is done. One that is not there any more is fine."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                answer = await self._client.delete(
                    f"{at.url}/api/sessions/{at.ref}", params={PASS: proven} if proven else {}
                )
            return answer.is_success or answer.status_code == NOT_FOUND
        except (TimeoutError, httpx.HTTPError) as error:
            logger.warning("roll: a stage does not answer: %s", type(error).__name__)
            return False

    async def delete(self, at: At, proven: str) -> bool | None:
        """End a session for whoever asks for that; returns whether it was there, None where no stage is reached.

        Raises:
            Refusal: ``session_moving`` where the stage does not answer.
        """
        params = {PASS: proven} if proven else {}
        try:
            answer = await self._client.delete(
                f"{at.url}/api/sessions/{at.ref}", params=params, timeout=httpx.Timeout(ENDING_S, connect=PATIENCE_S)
            )
            if answer.status_code == NOT_FOUND:
                return False
            answer.raise_for_status()
            return True
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.HTTPStatusError) as error:
            logger.warning("roll: a stage ends no session: %s", type(error).__name__)
            return None
        except httpx.HTTPError as error:
            logger.warning("roll: a stage does not answer: %s", type(error).__name__)
            raise Refusal("session_moving", MOVING) from None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _ask(self, card: Card, proven: str) -> list[dict[str, Any]]:
        said = await self._read(card, "/api/sessions", {PASS: proven} if proven else {})
        try:
            sessions: list[dict[str, Any]] = said["sessions"] if said is not None else []
            return sessions
        except (KeyError, TypeError) as error:
            logger.warning("roll: stage %s does not answer: %s", card.stage, type(error).__name__)
            return []

    async def _read(self, card: Card, path: str, params: Mapping[str, str] | None = None) -> Any:
        """Return a stage's answer; None where it does not give one."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                answer = await self._client.get(f"{card.inner or card.url}{path}", params=params)
            answer.raise_for_status()
            return answer.json()
        except (TimeoutError, httpx.HTTPError, ValueError) as error:
            logger.warning("roll: stage %s does not answer: %s", card.stage, type(error).__name__)
            return None
