"""Any server that speaks as OpenAI's does: ``POST /v1/audio/speech``."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from app.errors import Refusal
from app.speech.speech_answer import SpeechAnswer
from app.speech.synthesiser import Spoken, Voice
from app.speech.text import pieces_of

logger = logging.getLogger(__name__)

DEFAULT_MODEL, DEFAULT_VOICE = "tts-1", "alloy"
MOST_INPUT = 4096  # characters that one request may have
CONNECT_S, PATIENCE_S = 5.0, 20.0  # until it takes the connection; until its next byte, the first included

NO_ANSWER = "The speech server cannot be reached; check LIPWIRE_SPEECH_URL, or try again in a minute."
BROKE_OFF = "The speech server broke off in the middle of a text; say the rest again."
OTHER_FORMAT = "The speech server changed its sound's format in the middle of a text; send shorter texts."


@dataclass(frozen=True, slots=True)
class OpenAiServer:
    """Where it is, and as whom to ask. ``url``: such as ``https://host/v1``; the rest may be empty."""

    url: str
    key: str = ""
    model: str = ""
    voice: str = ""

    @property
    def address(self) -> str:
        """What to ask: ``url`` may be the host alone, its ``/v1``, or the whole address."""
        url = self.url.rstrip("/")
        if url.endswith("/audio/speech"):
            return url
        return url + ("/audio/speech" if urlsplit(url).path else "/v1/audio/speech")


class OpenAiCompatible:
    """Speaks with somebody else's server, streamed: a piece of sound as it comes.

    A text of more than ``MOST_INPUT`` characters takes several requests, the next when the one before has been spoken.
    Bound: what one request's connection holds, as who takes the sound slowly slows the server.
    """

    def __init__(self, server: OpenAiServer, patience_s: float = PATIENCE_S) -> None:
        self.default_voice = server.voice or DEFAULT_VOICE
        self._model, self._address, self._patience_s = server.model or DEFAULT_MODEL, server.address, patience_s
        headers = {"Authorization": f"Bearer {server.key}"} if server.key else {}
        self._client = httpx.AsyncClient(headers=headers, timeout=httpx.Timeout(patience_s, connect=CONNECT_S))

    async def voices(self) -> Sequence[Voice]:
        """Return the one that is set: there is no way to ask which others there are."""
        return [Voice(self.default_voice, self.default_voice, "")]

    def speak(self, text: str, voice: str) -> AbstractAsyncContextManager[Spoken]:
        """See :class:`Synthesiser`; a voice that it does not have is refused in the server's own words."""
        return self._speaking(text, voice)

    async def aclose(self) -> None:
        """See :class:`Synthesiser`."""
        await self._client.aclose()

    @asynccontextmanager
    async def _speaking(self, text: str, voice: str) -> AsyncIterator[Spoken]:
        texts = pieces_of(text, MOST_INPUT)
        async with (
            self._answer(next(texts), voice) as first,
            aclosing(self._sound(first, texts, voice)) as pieces,
        ):
            yield Spoken(first.format, pieces)

    async def _sound(self, first: SpeechAnswer, texts: Iterator[str], voice: str) -> AsyncGenerator[bytes, None]:
        with self._refusals("speech_failed", BROKE_OFF):
            async for piece in first.pieces():
                yield piece
            for text in texts:
                async with self._answer(text, voice) as answer:
                    if answer.format != first.format:
                        raise Refusal("speech_failed", OTHER_FORMAT)
                    async for piece in answer.pieces():
                        yield piece

    @asynccontextmanager
    async def _answer(self, text: str, voice: str) -> AsyncIterator[SpeechAnswer]:
        body = {"model": self._model, "input": text, "voice": voice, "response_format": "pcm"}
        with self._refusals("speech_unavailable", NO_ANSWER):
            response = await self._client.send(
                self._client.build_request("POST", self._address, json=body), stream=True
            )
        try:
            with self._refusals("speech_failed", BROKE_OFF):
                answer = await SpeechAnswer.of(response)
            yield answer
        finally:
            await response.aclose()

    @contextmanager
    def _refusals(self, code: str, message: str) -> Iterator[None]:
        """Make refusals of what goes wrong on the way."""
        try:
            yield
        except httpx.ConnectTimeout:
            raise Refusal("speech_unavailable", NO_ANSWER) from None
        except httpx.TimeoutException:
            slow = f"The speech server sent nothing for {self._patience_s:g} s; try again in a minute."
            raise Refusal("speech_failed", slow) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            logger.warning("speech: the server failed: %r", error)
            raise Refusal(code, message) from None
