"""A file from one of several addresses over HTTP: continued where it broke off, in place once its SHA-256 is right."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from tqdm import tqdm

from app.checkpoints.manifest import WeightsError, sha256_of
from app.clock import MonotonicClock
from app.config import is_safe_source
from app.media import NS_PER_S

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_USER_INFO = re.compile(r"//[^/]*@")


class _Refused(Exception):
    """This address does not give the file; another one may. The message says what "it" did."""


class _BrokenOff(Exception):
    """The answer did not bring all that it should; asking the same address again may."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How much a server is allowed: times in seconds, rates in bytes a second."""

    stall_s: float = 20.0  # without a connection, without a byte, or with too few of them
    slow_bytes_s: int = 16_384  # fewer are too few
    tries: int = 4
    pause_s: float = 2.0  # before the second try; twice that before the third, and so on


PATIENCE = Patience()


class Download:
    """Brings one file, known by its sum, to ``path``; what came so far lies beside it until all did.

    The sum says in the end whether the bytes of several answers, servers and runs belong together.
    """

    def __init__(
        self,
        path: Path,
        sha256: str,
        total_bytes: int | None,
        say: Callable[[str], None] = print,
        patience: Patience = PATIENCE,
    ) -> None:
        self._path, self._sha256, self._total_bytes = path, sha256, total_bytes
        self._say, self._patience = say, patience
        self._part = path.with_name(f"{path.name}.part")

    def run(self, addresses: Sequence[str]) -> None:
        """Fetch the file from the first address that gives it.

        Raises:
            WeightsError: when none does, the disk cannot take it, or the machine's proxy settings are unusable.
        """
        failures = []
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._open_client() as client:
                for address in addresses:
                    shown = _USER_INFO.sub("//", address)
                    self._say(f"Fetching {shown}" + (f", continuing {self._part.name}" if self._part_bytes else ""))
                    try:
                        self._fetch(client, address)
                    except _Refused as error:
                        self._say(f"No: {error}.")
                        failures.append(f"{shown}: {error}")
                    else:
                        self._part.replace(self._path)
                        return self._say(f"{self._path} is here now. Its SHA-256 is right: {self._sha256}")
        except KeyboardInterrupt:
            self._say(f"Stopped.{self._kept}")
            raise
        except OSError as error:
            raise WeightsError(f"{self._path} cannot be written: {error}.{self._kept}") from error
        raise WeightsError(
            f"{self._path.name} could not be fetched: {'; '.join(failures)}. Name another server that has it with "
            f"--mirror https://HOST/FOLDER, or put the file at {self._path} yourself; its SHA-256 is {self._sha256}."
            + self._kept
        )

    @property
    def _part_bytes(self) -> int:
        return self._part.stat().st_size if self._part.is_file() else 0

    @property
    def _kept(self) -> str:
        return f" {self._part} keeps what came so far; the same command continues it." if self._part_bytes else ""

    def _open_client(self) -> httpx.Client:
        try:
            # compressed answers could not be continued
            headers = {"Accept-Encoding": "identity"}
            return httpx.Client(
                timeout=self._patience.stall_s,
                follow_redirects=True,
                headers=headers,
                event_hooks={"request": [_require_safe]},  # of redirects too
            )
        except (ValueError, ImportError, OSError) as error:
            raise WeightsError(f"The proxy or certificate settings of this machine are unusable: {error}") from error

    def _fetch(self, client: httpx.Client, address: str) -> None:
        """Complete the part in a few tries, with the right sum."""
        reason = ""
        for attempt in range(self._patience.tries):
            time.sleep(attempt * self._patience.pause_s)
            try:
                return self._check(whole=self._transfer(client, address))
            except (httpx.RemoteProtocolError, httpx.ReadError, _BrokenOff) as error:
                reason = str(error) or "the connection was lost"
            except httpx.ReadTimeout:
                raise _Refused(f"it stalled: not a byte for {self._patience.stall_s:g} s") from None
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise _Refused(f"it cannot be reached ({str(error) or type(error).__name__})") from error
        raise _Refused(f"it broke off {self._patience.tries} times ({reason})")

    def _check(self, whole: bool) -> None:
        """Compare the sum; a wrong file that no single answer brought as a ``whole`` deserves another try."""
        found = sha256_of(self._part)
        if found != self._sha256:
            self._part.unlink()
            raise (_Refused if whole else _BrokenOff)(f"what came has the SHA-256 {found} instead of {self._sha256}")

    def _transfer(self, client: httpx.Client, address: str) -> bool:
        """Add one answer's bytes to the part, which they complete; returns whether they are the whole file."""
        start = self._part_bytes
        if self._total_bytes and start >= self._total_bytes:
            return False  # the sum says whether it is right
        with client.stream("GET", address, headers={"Range": f"bytes={start}-"} if start else {}) as answer:
            start, stated_bytes = self._place(answer, start)
            total_bytes = self._total_bytes or stated_bytes
            if stated_bytes is not None and stated_bytes != total_bytes:
                raise _Refused(f"its file has {stated_bytes} bytes instead of {total_bytes}")
            self._require_room((total_bytes or 0) - start)
            self._receive(answer, start, total_bytes)
        if self._part_bytes < (total_bytes or 0):
            raise _BrokenOff(f"{self._part_bytes} of {total_bytes} bytes came")
        return start == 0

    def _place(self, answer: httpx.Response, asked: int) -> tuple[int, int | None]:
        """Return where the answer's bytes begin, ``asked`` or 0, and how long it says the whole file is."""
        if asked and answer.status_code in (httpx.codes.PARTIAL_CONTENT, httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE):
            stated = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            if stated and int(stated[1]) == asked:
                return asked, int(stated[2])
            self._part.unlink()
            raise _BrokenOff("it does not continue where the part ends")
        if answer.status_code != httpx.codes.OK:
            raise _Refused(f"it answered {answer.status_code} {answer.reason_phrase}".rstrip())
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            raise _Refused("it sent a web page instead of the file")
        return 0, int(answer.headers["Content-Length"]) if "Content-Length" in answer.headers else None

    def _require_room(self, missing_bytes: int) -> None:
        free_bytes = shutil.disk_usage(self._path.parent).free
        if missing_bytes > free_bytes:
            raise WeightsError(
                f"{self._path.parent} has {tqdm.format_sizeof(free_bytes, 'B')} free and needs "
                f"{tqdm.format_sizeof(missing_bytes, 'B')}; make room, or set LIPWIRE_WEIGHTS_DIR to a larger disk."
            )

    def _receive(self, answer: httpx.Response, start: int, total_bytes: int | None) -> None:
        clock, patience = MonotonicClock(), self._patience
        since_ns, came_bytes = clock.now_ns(), 0
        with (
            self._part.open("ab" if start else "wb") as out,
            # None: no bar where nobody watches
            tqdm(total=total_bytes, initial=start, unit="B", unit_scale=True, disable=None) as bar,
        ):
            for chunk in answer.iter_raw():
                out.write(chunk)
                bar.update(len(chunk))
                came_bytes += len(chunk)
                if total_bytes is not None and out.tell() > total_bytes:
                    return  # the sum will not be right; how much more there is does not matter
                past_s = (clock.now_ns() - since_ns) / NS_PER_S
                if past_s >= patience.stall_s:
                    if came_bytes < patience.slow_bytes_s * past_s:
                        raise _Refused(f"it stalled: fewer than {patience.slow_bytes_s} bytes a second")
                    since_ns, came_bytes = clock.now_ns(), 0


def _require_safe(request: httpx.Request) -> None:
    if not is_safe_source(str(request.url)):
        raise _Refused(f"it leads to {_USER_INFO.sub('//', str(request.url))}, which is no https:// address")
