"""``/metrics`` in Prometheus' format: on the service's own port, for those with a key, or on a port apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from fastapi import APIRouter, Response
from fastapi.params import Depends
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import Metric

from app.api.close_codes import CLOSE_CODES
from app.api.problems import STATUS_OF
from app.api.service_collector import ServiceCollector
from app.api.tally_collector import TallyCollector
from app.free_disk import FreeDisk
from app.sessions.service import Service
from app.tallies import REFUSALS


class Metrics(Protocol):
    """Who knows all figures."""

    async def render(self) -> Response:
        """Return them as Prometheus reads them."""
        ...


class MetricsPage:
    """All there is to see, read at the moment of asking. On the event loop."""

    def __init__(self, service: Service) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more each, which nobody asks for
        self._disk = FreeDisk(service.settings.data_dir)
        own = CollectorRegistry(auto_describe=False)
        own.register(ServiceCollector(service, self._disk))
        own.register(TallyCollector())
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=own)
        self._registries = (own, service.timings.registry)
        for code in STATUS_OF:
            REFUSALS.expect("http", code)
        for code in CLOSE_CODES:
            REFUSALS.expect("ws", code)

    def families(self) -> Iterable[Metric]:
        """Yield every family of metrics, as it stands."""
        for registry in self._registries:
            yield from registry.collect()

    async def render(self) -> Response:
        """Return the page; a disk that does not answer makes it wait a second, and no more."""
        await self._disk.read()
        page = b"".join(generate_latest(registry) for registry in self._registries)
        return Response(page, headers={"Content-Type": CONTENT_TYPE_LATEST})


def metrics_routes(page: Metrics, guards: Sequence[Depends]) -> APIRouter:
    """Make the route on the service's own port."""
    router = APIRouter(dependencies=list(guards))
    router.add_api_route("/metrics", page.render, include_in_schema=False, response_model=None)
    return router
