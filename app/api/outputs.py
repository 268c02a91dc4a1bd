"""``/api/sessions/{id}/outputs``: a session pushed to other servers, by whoever has a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fastapi import APIRouter, Response
from fastapi.params import Depends

from app.api.bodies import JsonRoute
from app.api.output_models import OutputList, OutputView, OutputWish
from app.api.problems import BAD_JSON, BAD_OUTPUT, problems
from app.sessions.outputs import Outputs


class HasOutputs(Protocol):
    """What the routes must know of a session."""

    @property
    def outputs(self) -> Outputs:
        """Its pushes."""
        ...


class Sessions(Protocol):
    """Who knows the sessions."""

    def find(self, id: str) -> HasOutputs:
        """Return an open session, or raise ``no_such_session``."""
        ...


def output_routes(sessions: Sessions, dependencies: Sequence[Depends] = ()) -> APIRouter:
    """Make the routes; ``dependencies`` say who may call them."""
    router = APIRouter(
        prefix="/api/sessions/{id}/outputs",
        tags=["outputs"],
        dependencies=list(dependencies),
        route_class=JsonRoute,
    )

    @router.post(
        "",
        status_code=201,
        responses=problems(*BAD_JSON, "no_such_session", "session_over", "too_many_outputs", *BAD_OUTPUT),
    )
    async def add_output(id: str, wish: OutputWish, response: Response) -> OutputView:
        status = sessions.find(id).outputs.add(wish.request())
        response.headers["Location"] = f"/api/sessions/{id}/outputs/{status.id}"
        return OutputView.of(status)

    @router.get("", responses=problems("no_such_session"))
    async def list_outputs(id: str) -> OutputList:
        return OutputList(outputs=[OutputView.of(status) for status in sessions.find(id).outputs.all()])

    @router.get("/{output}", responses=problems("no_such_session", "no_such_output"))
    async def get_output(id: str, output: str) -> OutputView:
        return OutputView.of(sessions.find(id).outputs.find(output))

    @router.delete("/{output}", status_code=204, responses=problems("no_such_session", "no_such_output"))
    async def remove_output(id: str, output: str) -> None:
        await sessions.find(id).outputs.remove(output)

    return router
