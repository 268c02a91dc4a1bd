"""A front without Ray: real doors, a real directory, and stages that are what they answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi.testclient import TestClient

from app.api.auth import Gate
from app.clock import MonotonicClock, wall_clock
from app.cluster.card import Card, SessionCard
from app.cluster.directory import YOUNG_NS, Directory, Found, Told
from app.cluster.front import Backstage, front_app
from app.cluster.front_guard import guarded
from app.cluster.lobby import Lobby
from app.cluster.placing import Placing
from app.cluster.roll import Roll
from app.cluster.seals import Owner, Seals
from app.cluster.usage import Counted
from app.cluster.whereabouts import CARDS_NS, Whereabouts
from app.config import Settings
from tests.cluster.placer import ScriptedPlacer
from tests.fakes import FakeClock

SECRET = "not a secret at all, as it stands here"
SITE = "http://localhost"
SEALS = Seals(SECRET)
BARE = "0123456789abcdef01234567"


class LocalDirectory:
    """The directory, in this very process; ``away``: it does not answer."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.own = Directory(self.clock)
        self.clock.time_ns += YOUNG_NS
        self.away = False

    def restart(self) -> None:
        """Begin anew, and know nothing."""
        self.own = Directory(self.clock)

    async def find(self, bare: str, stage: str) -> Found | None:
        return None if self.away else self.own.find(bare, stage)

    async def claim(self, bare: str, stage: str) -> Found | None:
        return None if self.away else self.own.claim(bare, stage)

    async def give_up(self, bare: str) -> None:
        self.own.give_up(bare)

    async def told(self) -> Told | None:
        return None if self.away else self.own.told()

    async def lose(self, bare: str, owner: str, stage: str) -> bool:
        if not self.away:
            self.own.lose(bare, owner, stage)
        return not self.away

    async def share_minutes(self, known: Mapping[str, Counted]) -> Mapping[str, Counted] | None:
        return None if self.away else self.own.share_minutes(known)


@dataclass
class Front:
    """A front, and what is behind it."""

    client: TestClient
    gate: Gate
    placer: ScriptedPlacer
    directory: LocalDirectory
    lobby: Lobby
    asked: list[httpx.Request] = field(default_factory=list)

    def hear(self, stage: str, *bares: str, owner: str = "", draining: bool = False, **more: Any) -> None:
        """Let a stage send a card, which the front reads when it is asked next."""
        self.directory.clock.time_ns += CARDS_NS
        held = tuple(SessionCard(bare=each, ref=ref(each, stage), owner=owner) for each in bares) + more.pop("held", ())
        self.directory.own.note(
            Card(
                stage=stage,
                url=url_of(stage),
                places=8,
                sessions=held,
                draining=draining,
                at=wall_clock().timestamp(),
                **more,
            )
        )


def url_of(stage: str) -> str:
    return f"http://{stage}.example:8100"


def ref(bare: str = BARE, stage: str = "a") -> str:
    return f"{bare}.{SEALS.seal(Owner(url_of(stage), stage))}"


def made(stage: str = "a", bare: str = BARE) -> dict[str, Any]:
    """What a stage says that has made a session."""
    gate, id, site = Gate(Settings(token_secret=SECRET)), ref(bare, stage), url_of(stage)
    feed, view = gate.tokens.issue(bare, "feed", 3600).text, gate.tokens.issue(bare, "view", 3600).text
    said = {
        "id": id,
        "feed": {"url": f"{site.replace('http', 'ws')}/ws?session={id}", "token": feed},
        "view": {"whep": f"{site}/whep/{id}", "watch": f"{SITE}/watch/{id}#token={view}", "token": view},
        "width": 768,
        "height": 768,
        "fps": 25,
        "ice_servers": [],
        "expires_at": "2030-11-22T10:00:00Z",
    }
    return {"made": said, "ref": id}


@contextmanager
def front(
    folder: Path,
    *scripts: list[Any],
    answer: Callable[[httpx.Request], httpx.Response] = lambda request: httpx.Response(404),
    **settings: Any,
) -> Iterator[Front]:
    """Serve a front; ``answer``: what stages answer to it over HTTP."""
    clock = MonotonicClock()
    lobby = Lobby(Settings(data_dir=folder, engine="clapper", token_secret=SECRET, front_url=SITE, **settings), clock)
    directory, placer = LocalDirectory(), ScriptedPlacer(*scripts)
    asked: list[httpx.Request] = []

    def note(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer(request)

    gate = Gate(lobby.settings, lobby.keys, lobby.audit)
    whereabouts = Whereabouts(directory, SEALS, directory.clock)
    backstage = Backstage(
        Placing(placer, clock, whereabouts.note_lost),
        whereabouts,
        Roll(None, httpx.MockTransport(note)),
    )
    app = guarded(front_app(lobby, gate, backstage, ("http://*.example:*",)), lobby.settings)
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as client:
        yield Front(client, gate, placer, directory, lobby, asked)
