"""What a speech server answers: sound as it comes, or why not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import Message

import httpx

from app.errors import Refusal
from app.ingest.pcm import PcmFormat
from app.speech.wav import wav_head

PCM = PcmFormat("pcm_s16le", 1, 24_000)  # what "pcm" is with OpenAI
MOST_S = 1200  # of one request's sound: three times what its characters take
MOST_ERROR_BYTES, MOST_ERROR_CHARACTERS = 16 * 1024, 200
RAW_TYPES = ("audio/pcm", "audio/x-pcm", "audio/raw", "application/octet-stream", "")
WAV_TYPES = ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave")
OTHER_FILES = (b"OggS", b"fLaC", b"ID3")  # from servers that know no "pcm", and do not say so

NO_KEY = "The speech server does not accept the service's key; check LIPWIRE_SPEECH_KEY."
NOT_THERE = "There is no speech server at LIPWIRE_SPEECH_URL; give an address under which /v1/audio/speech answers."
BUSY = "The speech server is busy or out of order; try again in a minute."
ENDLESS = "The speech server sent more sound than such a text can have; check LIPWIRE_SPEECH_URL."


@dataclass(frozen=True, slots=True)
class SpeechAnswer:
    """One answer's sound. ``begun``: of it, what came with its head; ``size``: all of it,
    in bytes, None where unknown."""

    format: PcmFormat
    begun: bytes
    size: int | None
    rest: AsyncIterator[bytes]

    @classmethod
    async def of(cls, response: httpx.Response) -> SpeechAnswer:
        """Read its beginning.

        Raises:
            Refusal: ``speech_unavailable`` or ``speech_failed``; ``httpx.HTTPError`` where it does not come.
        """
        if response.status_code != httpx.codes.OK:
            raise await _refusal(response)
        kind, format = _announced(response.headers.get("content-type", ""))
        rest = response.aiter_bytes()
        begun = b""
        async for data in rest:
            begun += data
            if len(begun) >= 4 and not begun.startswith(b"RIFF"):
                break
            if begun.startswith(b"RIFF") and (found := _wav(begun)) is not None:
                return cls(*found, rest)
        if kind not in RAW_TYPES or begun.startswith((b"RIFF", *OTHER_FILES)):
            raise _not_usable(kind or "something else")
        return cls(format, begun, None, rest)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the sound; every piece ends between samples.

        Raises:
            Refusal: ``speech_failed``, where it does not end; ``httpx.HTTPError`` where it breaks off.
        """
        left = MOST_S * self.format.sample_rate * self.format.bytes_per_sample if self.size is None else self.size
        carry = b""
        async for data in self._all():
            data = carry + data[:left]
            left -= len(data) - len(carry)
            whole = len(data) - len(data) % self.format.bytes_per_sample
            carry = data[whole:]
            if whole:
                yield data[:whole]
            if left <= 0 and self.size is None:
                raise Refusal("speech_failed", ENDLESS)

    async def _all(self) -> AsyncIterator[bytes]:
        yield self.begun
        async for data in self.rest:
            yield data


def _announced(content_type: str) -> tuple[str, PcmFormat]:
    """Read such as ``audio/pcm; rate=22050``."""
    message = Message()
    message["content-type"] = content_type
    kind = message.get_content_type() if content_type else ""
    numbers = {name: str(message.get_param(name, "")) for name in ("rate", "sample_rate", "channels")}
    rate, channels = numbers["rate"] or numbers["sample_rate"], numbers["channels"]
    return kind, PcmFormat(
        PCM.encoding,
        int(channels) if channels in ("1", "2") else PCM.channels,
        int(rate) if rate.isascii() and rate.isdecimal() and 8_000 <= int(rate) <= 96_000 else PCM.sample_rate,
    )


def _wav(begun: bytes) -> tuple[PcmFormat, bytes, int | None] | None:
    try:
        head = wav_head(begun)
    except ValueError as error:
        raise _not_usable(str(error)) from None
    return None if head == "more" else (head.format, begun[head.begins :], head.size)


def _not_usable(what: str) -> Refusal:
    return Refusal("speech_failed", f"The speech server answered with {what}; choose one that gives PCM or 16-bit WAV.")


async def _refusal(response: httpx.Response) -> Refusal:
    status = response.status_code
    if status in (401, 403):
        return Refusal("speech_unavailable", NO_KEY)
    if status in (404, 405) or status < 400:
        return Refusal("speech_unavailable", NOT_THERE)
    if status == 429 or status >= 500:
        return Refusal("speech_failed", BUSY)
    said = await _said(response) or f"status {status}"
    return Refusal("speech_failed", f"The speech server refused: {said.rstrip('.')}.")


async def _said(response: httpx.Response) -> str:
    """Return what an error's body says, in OpenAI's form or in FastAPI's, shortened; empty where it is neither."""
    body = b""
    async for data in response.aiter_bytes():
        body += data
        if len(body) > MOST_ERROR_BYTES:
            return ""
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    error = answer.get("error") or answer.get("detail") if isinstance(answer, dict) else None
    said = error.get("message") if isinstance(error, dict) else error
    return " ".join(said.split())[:MOST_ERROR_CHARACTERS] if isinstance(said, str) else ""
