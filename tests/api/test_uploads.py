"""Uploads over a real connection: how many, how slow, how they end, and what they take of the disk."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.api import uploads
from app.api.form_file import FormFile
from app.api.lingering import Lingering
from app.api.uploads import LEAST_BYTES_PER_S, PATIENCE_S, Patience
from app.config import Settings
from app.errors import Refusal
from tests.loop_files import watched_server
from tests.server import Server

MB = 1_000_000
BEGIN = b'--x\r\nContent-Disposition: form-data; name="video"; filename="a.mp4"\r\n\r\n\0\0\0\x18ftypmp42'
END = b"\r\n--x--\r\n"
KIND = "Content-Type: multipart/form-data; boundary=x\r\n"
LIMIT_S = 30


@pytest.fixture(scope="module")
def uploading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    folder = tmp_path_factory.mktemp("uploading")
    server = Server.start(folder)
    yield server, folder / "data"
    assert server.stop() in (0, -15)


class Sender:
    """A client that sends an upload byte by byte, as a script says."""

    def __init__(self, url: str, announced: int | None = 50 * MB, more: str = "") -> None:
        address = urlsplit(url)
        assert address.hostname and address.port
        self.socket = socket.create_connection((address.hostname, address.port), timeout=LIMIT_S)
        length = "Transfer-Encoding: chunked\r\n" if announced is None else f"Content-Length: {announced}\r\n"
        self.send(f"POST /api/avatars HTTP/1.1\r\nHost: {address.netloc}\r\n{KIND}{length}{more}\r\n".encode())

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, said: bytes = b"") -> tuple[int, str]:
        """Return the status and the whole answer, up to the connection's orderly end or the body's."""
        while b"\r\n\r\n" not in said or not said.partition(b"\r\n\r\n")[2].endswith(b"}"):
            piece = self.socket.recv(65536)
            if not piece:
                break
            said += piece
        return int(said.split()[1]), said.decode()

    def close(self) -> None:
        self.socket.close()


def drafts(data: Path) -> list[Path]:
    return sorted((data / "avatars").glob("draft-*/upload"))


def until(true: Any, limit_s: float = LIMIT_S) -> None:
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def two_under_way(url: str, data: Path) -> list[Sender]:
    senders = [Sender(url) for _ in range(2)]
    for sender in senders:
        sender.send(BEGIN + bytes(2 * MB))
    until(lambda: len(drafts(data)) == 2)
    return senders


def test_a_third_upload_is_told_to_come_back_before_any_of_it_is_read(uploading: tuple[Server, Path]) -> None:
    server, data = uploading
    senders = two_under_way(server.url, data)
    third = Sender(server.url)
    status, said = third.answer()
    assert (status, "uploads_busy" in said) == (503, True), "nothing of it was sent yet"
    assert "\r\nretry-after: 10\r\n" in said.lower() and "\r\nconnection: close\r\n" in said.lower()
    third.close()
    waiting = Sender(server.url, more="Expect: 100-continue\r\n")
    status, said = waiting.answer()
    assert status == 503 and "100 Continue" not in said
    waiting.close()
    for sender in senders:
        sender.close()
    until(lambda: not drafts(data))
    again = Sender(server.url, len(BEGIN + END))
    again.send(BEGIN + END)
    assert again.answer()[0] == 422, "there is room again"
    again.close()


def test_who_is_refused_while_he_sends_gets_his_answer(uploading: tuple[Server, Path]) -> None:
    """Without lingering the connection is reset under him, and he never learns why."""
    server, data = uploading
    senders = two_under_way(server.url, data)
    for announced in (30 * MB, None):
        third = Sender(server.url, announced)
        sent = threading.Thread(target=send_on, args=(third, 30 * MB, announced is None), daemon=True)
        sent.start()
        sent.join(LIMIT_S)
        assert not sent.is_alive(), "all that was sent was taken"
        assert "uploads_busy" in third.answer()[1]
        assert third.socket.recv(1) == b"", "and then it ends in order"
        third.close()
    for sender in senders:
        sender.close()
    until(lambda: not drafts(data))


def send_on(sender: Sender, total: int, chunked: bool) -> None:
    block = bytes(MB // 10)
    for _ in range(total // len(block)):
        sender.send(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
    if chunked:
        sender.send(b"0\r\n\r\n")


class Peak:
    """The most that a server has on the disk: in its folder, and in files without a name that it holds open."""

    def __init__(self, pid: int, data: Path) -> None:
        self._pid, self._data = pid, data
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.most = 0

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.002):
            self.most = max(self.most, self._now())

    def _now(self) -> int:
        held = Path(f"/proc/{self._pid}/fd")
        seen: dict[tuple[int, int], int] = {}
        for path in itertools.chain(self._data.rglob("*"), held.iterdir()):
            try:
                if path.parent == held and not os.readlink(path).endswith("(deleted)"):
                    continue
                found = path.stat()
            except OSError:
                continue
            seen[found.st_dev, found.st_ino] = found.st_blocks * 512
        return sum(seen.values())


def upload(url: str, size: int) -> int:
    """Send a whole file that is no video, as ``curl`` would; tries again when told to."""
    files = {"video": ("a.mp4", b"\0\0\0\x18ftypmp42" + os.urandom(size), "video/mp4")}
    while True:
        answer = httpx.post(f"{url}/api/avatars", files=files, timeout=LIMIT_S)
        if answer.json()["code"] != "uploads_busy":
            return answer.status_code
        time.sleep(0.1)


def test_an_upload_is_on_the_disk_once_and_many_are_two(uploading: tuple[Server, Path]) -> None:
    server, data = uploading
    size = 20 * MB
    with Peak(server.pid, data) as one:
        assert upload(server.url, size) == 422
    assert 0.5 * size < one.most < 1.1 * size, "one upload takes its size once"
    with Peak(server.pid, data) as many, ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda _: upload(server.url, size), range(6))) == [422] * 6
    assert many.most < 2.2 * size, "six at once take two"
    assert not drafts(data)


def test_an_upload_cut_short_leaves_nothing(uploading: tuple[Server, Path]) -> None:
    server, data = uploading
    sender = Sender(server.url)
    sender.send(BEGIN + bytes(3 * MB))
    until(lambda: len(drafts(data)) == 1)
    sender.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
    sender.close()
    until(lambda: not list((data / "avatars").glob("draft-*")))
    half = Sender(server.url)
    half.send(BEGIN + bytes(MB))
    half.socket.shutdown(socket.SHUT_WR)
    until(lambda: not list((data / "avatars").glob("draft-*")))
    half.close()
    assert "Traceback" not in server.log.read_text()


def test_what_a_killed_server_was_sent_is_removed_at_the_next_start(tmp_path: Path) -> None:
    first = Server.start(tmp_path)
    sender = Sender(first.url)
    sender.send(BEGIN + bytes(5 * MB))
    until(lambda: drafts(tmp_path / "data") and drafts(tmp_path / "data")[0].stat().st_size > 4 * MB)
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    sender.close()
    assert drafts(tmp_path / "data"), "it could not clean up"
    second = Server.start(tmp_path)
    until(lambda: not list((tmp_path / "data" / "avatars").glob("draft-*")))
    second.stop()


def test_patience_ends_a_minute_after_the_last_byte_and_with_a_trickle() -> None:
    patience = Patience(0)
    assert patience.left_s(0) == PATIENCE_S and patience.left_s(59) == 1
    patience.note(100 * MB, 10)
    assert patience.left_s(10) == PATIENCE_S, "who was fast is waited for no longer"
    now = 10.0
    while patience.left_s(now) > 0:
        now += 1
        patience.note(100, now)
        assert now < 80, "a hundred bytes a second are not enough"
    steady, now = Patience(0), 0.0
    for _ in range(1000):
        now += 1
        steady.note(LEAST_BYTES_PER_S, now)
        assert steady.left_s(now) > 0
    steady.excuse(5)
    assert steady.left_s(now) > PATIENCE_S, "the disk's time is not the sender's"


def test_an_upload_that_drips_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "PATIENCE_S", 1.0)
    with watched_server(Settings(port=0, data_dir=tmp_path / "data")) as served:
        sender = Sender(served.url)
        sender.send(BEGIN)
        until(lambda: list((tmp_path / "data" / "avatars").glob("draft-*")))
        sender.socket.settimeout(0.2)
        said = b""
        deadline = time.monotonic() + LIMIT_S
        while not said and time.monotonic() < deadline:
            sender.send(b"x")
            try:
                said = sender.socket.recv(65536)
            except TimeoutError:
                continue
        status, text = sender.answer(said)
        assert (status, "upload_too_slow" in text) == (408, True)
        assert not list((tmp_path / "data" / "avatars").glob("draft-*"))
        sender.close()


def test_the_disk_is_looked_at_before_and_while_it_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = 700 * MB
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=free))
    with watched_server(Settings(port=0, data_dir=tmp_path / "data", spare_disk_megabytes=690)) as served:
        sender = Sender(served.url, 50 * MB)
        status, said = sender.answer()
        assert (status, "disk_full" in said) == (507, True), "before anything came"
        sender.close()
        sender = Sender(served.url, None)
        sender.send(b"%x\r\n%b\r\n" % (len(BEGIN), BEGIN))
        block = bytes(MB)
        for sent in itertools.count():
            if sent == 3:
                free = 690 * MB
            sender.send(b"%x\r\n%b\r\n" % (MB, block))
            assert sent < 90, "it was taken although the disk was full"
            if sent >= 5:
                break
        sender.send(b"0\r\n\r\n")
        status, said = sender.answer()
        assert (status, "disk_full" in said) == (507, True)
        sender.close()


@pytest.mark.parametrize("size", [1, 7, 100, 5000])
def test_a_file_is_found_in_any_pieces(size: int) -> None:
    data = os.urandom(3000) + b"\r\n--" + b"\r\n--y\r\n"
    head = (
        b'--x\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
        b"--x\r\nContent-Type: image/png\r\ncontent-disposition: form-data; "
        b'name="image"; filename="Great%20Aunt.png"\r\n\r\n'
    )
    whole = head + data + END
    form = FormFile("multipart/form-data; boundary=x; charset=bogus")
    found = b"".join(form.feed(whole[at : at + size]) for at in range(0, len(whole), size))
    form.check_complete()
    assert found == data and (form.field, form.name) == ("image", "Great Aunt")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("", b""),
        ("text/plain", b""),
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=" + 300 * "x", b""),
        ("multipart/form-data; boundary=x", b"--x"),
        ("multipart/form-data; boundary=x", b"nothing of the kind"),
        ("multipart/form-data; boundary=x", BEGIN),
        ("multipart/form-data; boundary=x", BEGIN + b"\r\n" + BEGIN + END),
        ("multipart/form-data; boundary=x", BEGIN.replace(b"video", b"other") + END),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 9 + END),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"A: b\r\n" * 10_000),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"A" * 100_000),
    ],
)
def test_what_is_no_form_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        form = FormFile(kind)
        form.feed(body)
        form.check_complete()
    assert caught.value.code == "bad_form"


@pytest.mark.parametrize("name", [b"\xff\xfe", b"%ff%fe", b"\xed\xa0\x80", b"a\0b", b"=?utf-8?q?=ff?="])
def test_a_name_in_any_coding_can_be_said(name: bytes) -> None:
    form = FormFile("multipart/form-data; boundary=x")
    form.feed(b'--x\r\nContent-Disposition: form-data; name="image"; filename="' + name + b'.png"\r\n\r\n')
    assert form.name.encode()


async def test_lingering_takes_so_much_and_no_more() -> None:
    """A client that never ends is left after ``LINGER_BYTES``."""
    taken = 0

    async def receive() -> Any:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": bytes(MB), "more_body": True}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 503, "headers": []})
        await send({"type": "http.response.body", "body": b"no"})

    scope = {"type": "http", "headers": [(b"transfer-encoding", b"chunked")]}
    await asyncio.wait_for(Lingering(refuse)(scope, receive, send), LIMIT_S)
    assert 100 < taken < 150
    assert [message.get("body") for message in sent] == [None, b"no", b""]
    assert sent[1]["more_body"] and not sent[2]["more_body"], "the answer is out before anything is thrown away"
