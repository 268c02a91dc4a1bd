"""How a cluster is: whether it takes sessions, which stages it has, and its figures."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, GCCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel, ConfigDict, Field

from app import __version__
from app.api.auth import Gate
from app.api.problems import NO_KEY, problems
from app.api.readiness import Why
from app.api.tally_collector import TallyCollector
from app.cluster.card import Card
from app.cluster.placing import Placing
from app.cluster.whereabouts import Whereabouts


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StageView(_Answer):
    """A stage, as it said a second ago."""

    id: str
    url: str = Field(description="where clients reach it")
    node: str = Field(description="name and address of its machine")
    pid: int = Field(description="its process there")
    version: str
    sessions: int
    places: int = Field(description="sessions that it may have at once")
    load: float = Field(description="of what may be used: from 1 on nobody is let in")
    draining: bool = Field(description="it is being emptied")

    @classmethod
    def of(cls, card: Card) -> StageView:
        """Show a stage."""
        return cls(
            id=card.stage,
            url=card.url,
            node=card.node,
            pid=card.pid,
            version=card.version,
            sessions=len(card.sessions),
            places=card.places,
            load=round(card.load, 3),
            draining=card.draining,
        )


class StageList(_Answer):
    """All stages, and the front that says so."""

    front: str = Field(description="its version")
    stages: list[StageView]


class FrontCheckup:
    """Whether sessions can be placed: wherever a stage is that does not drain."""

    def __init__(self, whereabouts: Whereabouts) -> None:
        self._whereabouts = whereabouts

    async def why_not_ready(self) -> Why | None:
        """Return what is wrong; None where nothing is."""
        cards = await self._whereabouts.cards()
        return None if any(not card.draining for card in cards) else "no_stage"

    async def sessions(self) -> int:
        """Return how many sessions there are on all stages."""
        return sum(len(card.sessions) for card in await self._whereabouts.cards())


def stage_routes(whereabouts: Whereabouts, gate: Gate) -> APIRouter:
    """Make the route that tells an operator of all stages."""
    router = APIRouter(prefix="/api/stages", tags=["stages"], dependencies=[Depends(gate.check_operator)])

    @router.get("", responses=problems(*NO_KEY, "key_not_for_this"))
    async def list_stages() -> StageList:
        cards = await whereabouts.cards()
        return StageList(front=__version__, stages=[StageView.of(card) for card in cards])

    return router


class FrontMetrics(Collector):
    """A front's figures; each stage has its own. No figure names a session."""

    def __init__(self, whereabouts: Whereabouts, placing: Placing) -> None:
        self._whereabouts, self._placing = whereabouts, placing
        self._cards: list[Card] = []
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        self._registry.register(TallyCollector())
        for collector in (ProcessCollector, GCCollector):
            collector(registry=self._registry)

    async def render(self) -> Response:
        """Return the page."""
        self._cards = list(await self._whereabouts.cards())
        return Response(generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    def collect(self) -> Iterable[Metric]:
        """Yield every figure of the cluster."""
        cards = self._cards
        yield InfoMetricFamily("lipwire_build", "What runs.", {"version": __version__})
        yield GaugeMetricFamily("lipwire_stages", "Stages that say that they live.", len(cards))
        draining = sum(card.draining for card in cards)
        yield GaugeMetricFamily("lipwire_stages_draining", "Stages that are being emptied.", draining)
        places = sum(card.places for card in cards if not card.draining)
        yield GaugeMetricFamily("lipwire_cluster_places", "Places for sessions on stages that do not drain.", places)
        sessions = sum(len(card.sessions) for card in cards)
        yield GaugeMetricFamily("lipwire_cluster_sessions", "Open sessions on all stages.", sessions)
        yield GaugeMetricFamily("lipwire_leases", "Sessions that this front holds the lease of.", len(self._placing))
        placed = CounterMetricFamily(
            "lipwire_placements", "Calls for a place, by what came of them.", labels=["result"]
        )
        for result, count in self._placing.results.items():
            placed.add_metric([result], count)
        yield placed
