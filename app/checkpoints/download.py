"""One file from one address over HTTP: continued where it broke off, given up where it stalls."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx
from tqdm import tqdm

from app.checkpoints.manifest import Wanted, WeightsError
from app.checkpoints.partial_download import Origin, PartialDownload

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_USER_INFO = re.compile(r"//[^/]*@")


class ServerFailed(Exception):
    """This address does not give the file; another one may. The message says what "it" did."""


class NoRoom(WeightsError):
    """The disk is too full, whatever the address; the message says by how much."""


class _BrokenOff(Exception):
    """The answer did not bring all that it should; asking the same address again may."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How much a server is allowed: times in seconds, rates in bytes a second."""

    connect_s: float = 10.0
    silence_s: float = 20.0  # without a byte
    slow_bytes_s: int = 16_384  # fewer than these …
    slow_s: float = 30.0  # … for so long is a stall
    tries: int = 4
    backoff_s: float = 1.0  # before the second try; 3 times that before the third, then 7


class Pace:
    """Tells a stall from a slow line: too few bytes in each of successive stretches of time."""

    def __init__(self, patience: Patience, now_s: float) -> None:
        self._patience, self._since_s, self._count = patience, now_s, 0

    def stalled(self, now_s: float, count: int) -> bool:
        """Count bytes that have just come; true when the stretch that ends here was too slow."""
        self._count += count
        past_s = now_s - self._since_s
        if past_s < self._patience.slow_s:
            return False
        slow = self._count < self._patience.slow_bytes_s * past_s
        self._since_s, self._count = now_s, 0
        return slow


def open_client(patience: Patience) -> httpx.Client:
    """Return a client that waits as long as ``patience`` says; the caller closes it.

    Raises:
        WeightsError: when the machine's proxy or certificate settings cannot be used.
    """
    timeout = httpx.Timeout(patience.silence_s, connect=patience.connect_s)
    try:
        # compressed answers could not be continued
        return httpx.Client(timeout=timeout, follow_redirects=True, headers={"Accept-Encoding": "identity"})
    except (ValueError, ImportError, OSError) as error:
        raise WeightsError(f"The proxy or certificate settings of this machine cannot be used: {error}") from error


def without_password(address: str) -> str:
    """Return the address as it may be shown and written down."""
    return _USER_INFO.sub("//", address)


class Download:
    """Brings a part to its full length from one address.

    Bytes of another origin are continued only where a sum is wanted: it will tell whether all belong together.
    """

    def __init__(
        self,
        client: httpx.Client,
        address: str,
        part: PartialDownload,
        wanted: Wanted,
        patience: Patience,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._address, self._part, self._wanted = client, address, part, wanted
        self._patience, self._now_s = patience, now_s

    def run(self) -> None:
        """Fetch what is missing, in a few tries.

        Raises:
            ServerFailed: when this address does not give the file; what came of it stays in the part.
            NoRoom: when it does not fit on the disk.
        """
        reason = ""
        for attempt in range(self._patience.tries):
            time.sleep(self._patience.backoff_s * (2**attempt - 1))
            try:
                return self._transfer()
            except (httpx.RemoteProtocolError, httpx.ReadError, _BrokenOff) as error:
                reason = str(error) or "the connection was lost"
            except httpx.ReadTimeout:
                raise ServerFailed(f"it stalled: not a byte for {self._patience.silence_s:g} s") from None
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise ServerFailed(f"it cannot be reached ({str(error) or type(error).__name__})") from error
        raise ServerFailed(f"it broke off {self._patience.tries} times ({reason})")

    def _transfer(self) -> None:
        noted = self._part.origin()
        same = noted is not None and noted.address == without_password(self._address)
        offset = self._part.size if same or self._wanted.sha256 else 0
        if noted and offset and offset == noted.total_bytes:
            return
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        if offset and noted and same and noted.validator:
            headers["If-Range"] = noted.validator
        with self._client.stream("GET", self._address, headers=headers) as answer:
            found = self._place(answer, offset, noted if same else None)
            total_bytes = found.total_bytes if found.total_bytes is not None else self._wanted.total_bytes
            self._receive(answer, total_bytes)
        if total_bytes is not None and self._part.size < total_bytes:
            raise _BrokenOff(f"{self._part.size} of {total_bytes} bytes came")

    def _place(self, answer: httpx.Response, offset: int, noted: Origin | None) -> Origin:
        """Make the part ready for the answer's bytes: emptied for a whole file, as it is for the rest of one."""
        partial = answer.status_code == httpx.codes.PARTIAL_CONTENT
        if offset and answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            self._part.discard()
            raise _BrokenOff("it has no such range of bytes")
        if answer.status_code != httpx.codes.OK and not (offset and partial):
            raise ServerFailed(f"it answered {answer.status_code} {answer.reason_phrase}".rstrip())
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            raise ServerFailed("it sent a web page instead of the file")
        found = _origin(answer, self._address)
        self._refuse_length(found.total_bytes)
        if partial and not _continues(answer, offset, noted, found):
            self._part.discard()
            raise _BrokenOff("the file there has changed")
        _require_room(self._part, found.total_bytes)
        if not partial:
            self._part.begin(found)
        elif noted is None:
            self._part.note(Origin("", None, found.total_bytes))  # mixed: nobody may continue it untrusted
        return found

    def _refuse_length(self, total_bytes: int | None) -> None:
        wanted_bytes = self._wanted.total_bytes
        if None not in (wanted_bytes, total_bytes) and wanted_bytes != total_bytes:
            raise ServerFailed(f"its file has {total_bytes} bytes instead of {wanted_bytes}")

    def _receive(self, answer: httpx.Response, total_bytes: int | None) -> None:
        pace = Pace(self._patience, self._now_s())
        with (
            self._part.path.open("ab") as file,
            # None: no bar where nobody watches
            tqdm(total=total_bytes, initial=self._part.size, unit="B", unit_scale=True, disable=None) as bar,
        ):
            for chunk in answer.iter_raw():
                file.write(chunk)
                bar.update(len(chunk))
                if total_bytes is not None and file.tell() > total_bytes:
                    break  # the sum will not be right; how much more there is does not matter
                if pace.stalled(self._now_s(), len(chunk)):
                    raise ServerFailed(f"it stalled: fewer than {self._patience.slow_bytes_s} bytes a second")


def _origin(answer: httpx.Response, address: str) -> Origin:
    total = answer.headers.get("Content-Length")
    if answer.status_code == httpx.codes.PARTIAL_CONTENT:
        stated = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        total = stated[2] if stated else None
    tag = answer.headers.get("ETag", "")
    # a weak tag does not promise the same bytes
    validator = tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified")
    return Origin(without_password(address), validator, int(total) if total and total.isdecimal() else None)


def _continues(answer: httpx.Response, offset: int, noted: Origin | None, found: Origin) -> bool:
    """Whether a 206 is what was asked for: from ``offset`` on, of the version that was begun."""
    stated = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if stated is None or int(stated[1]) != offset:
        return False
    if noted is None:
        return True
    same_size = None in (noted.total_bytes, found.total_bytes) or noted.total_bytes == found.total_bytes
    return same_size and (None in (noted.validator, found.validator) or noted.validator == found.validator)


def _require_room(part: PartialDownload, total_bytes: int | None) -> None:
    if total_bytes is None:
        return
    free_bytes = shutil.disk_usage(part.path.parent).free
    missing_bytes = total_bytes - part.size
    if missing_bytes > free_bytes:
        raise NoRoom(
            f"{part.path.parent} has {tqdm.format_sizeof(free_bytes, 'B')} free and needs "
            f"{tqdm.format_sizeof(missing_bytes, 'B')}; make room, or set LIPWIRE_WEIGHTS_DIR to a larger disk."
        )
