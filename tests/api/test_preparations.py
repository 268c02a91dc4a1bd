"""Two uploads at once: each sender sees how far its own is."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.api.avatars import avatar_routes
from app.api.problems import answer_with_problems
from app.avatars.avatar_info import AvatarInfo
from app.avatars.framing import AS_IT_IS, Framing
from app.avatars.share import EVERYBODY, Share
from app.avatars.store import AvatarStore
from app.avatars.video import Progress
from app.faces.face import FaceFinder

ANN, BOB = "a" * 16, "b" * 16
DONE = {"Ann": 3, "Bob": 5}
TIMEOUT_S = 10


class HeldStore(AvatarStore):
    """Tells how far a video is, and is done when it is let go."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, FaceFinder(), 1080, 2)
        self.let_go: defaultdict[str, Event] = defaultdict(Event)

    def add(
        self,
        upload: bytes | Path,
        name: str,
        progress: Progress = lambda done, expected: None,
        share: Share = EVERYBODY,
        framing: Framing = AS_IT_IS,
    ) -> AvatarInfo:
        progress(DONE[name], 12)
        while not self.let_go[name].wait(0.01):
            progress(DONE[name], 12)
        return AvatarInfo("0" * 24, name, 2, 2, None, 12)


@pytest.fixture
def store(tmp_path: Path) -> HeldStore:
    return HeldStore(tmp_path)


@pytest.fixture
def client(store: HeldStore) -> Iterator[TestClient]:
    app = FastAPI()
    answer_with_problems(app)
    app.include_router(avatar_routes(store, lambda id: None))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def pool(store: HeldStore) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool
        for name in DONE:
            store.let_go[name].set()


def send(client: TestClient, name: str, **query: str) -> Any:
    return client.post(
        "/api/avatars", params=query, files={"video": (f"{name}.webm", b"\x1a\x45\xdf\xa3", "video/webm")}
    )


def progress(client: TestClient, upload: str) -> Any:
    answer = client.get("/api/avatars/progress", params={"upload": upload})
    assert answer.status_code == 200
    return answer.json()


def begun(client: TestClient, upload: str, sent: Future[Any]) -> Any:
    """Return the first that is told."""
    deadline = time.monotonic() + TIMEOUT_S
    while (told := progress(client, upload)) is None:
        assert not sent.done() and time.monotonic() < deadline
    return told


def test_each_sender_is_told_of_its_own_upload(client: TestClient, store: HeldStore, pool: ThreadPoolExecutor) -> None:
    assert progress(client, ANN) is None
    ann = pool.submit(send, client, "Ann", upload=ANN)
    assert begun(client, ANN, ann) == {"done": 3, "of": 12}
    bob = pool.submit(send, client, "Bob", upload=BOB)
    assert progress(client, BOB) is None and progress(client, ANN) == {"done": 3, "of": 12}
    store.let_go["Ann"].set()
    assert begun(client, BOB, bob) == {"done": 5, "of": 12}
    assert ann.result().status_code == 201 and progress(client, ANN) is None
    store.let_go["Bob"].set()
    assert bob.result().status_code == 201 and progress(client, BOB) is None


def test_an_id_is_one_uploads_alone_until_that_is_over(
    client: TestClient, store: HeldStore, pool: ThreadPoolExecutor
) -> None:
    ann = pool.submit(send, client, "Ann", upload=ANN)
    begun(client, ANN, ann)
    refused = send(client, "Bob", upload=ANN)
    assert (refused.status_code, refused.json()["code"]) == (409, "upload_known")
    assert progress(client, ANN) == {"done": 3, "of": 12}, "the first one's is as it was"
    store.let_go["Ann"].set()
    assert ann.result().status_code == 201
    assert send(client, "Ann", upload=ANN).status_code == 201


def test_an_upload_without_an_id_is_followed_by_nobody(client: TestClient, store: HeldStore) -> None:
    store.let_go["Ann"].set()
    assert send(client, "Ann").status_code == 201
    for query in ({}, {"upload": "short"}, {"upload": "no/such character"}):
        answer = client.get("/api/avatars/progress", params=query)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
        assert answer.headers["content-type"] == "application/problem+json" and "upload" in answer.json()["detail"]
    assert send(client, "Ann", upload="short").json()["code"] == "bad_request"
