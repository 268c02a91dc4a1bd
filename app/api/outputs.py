"""``/api/sessions/{id}/outputs``: a session pushed to other servers, by whoever has a key."""

from __future__ import annotations

from typing import Protocol

from fastapi import APIRouter, Depends, Response

from app.access.caller import Caller
from app.api.auth import Asking, Gate
from app.api.bodies import JsonRoute
from app.api.output_models import OutputList, OutputView, OutputWish
from app.api.problems import BAD_JSON, BAD_OUTPUT, NO_KEY, problems
from app.session_ref import bare
from app.sessions.outputs import Outputs


class HasOutputs(Protocol):
    """What the routes must know of a session."""

    @property
    def outputs(self) -> Outputs:
        """Its pushes."""
        ...


class Sessions(Protocol):
    """Who knows the sessions."""

    def find_own(self, id: str, caller: Caller) -> HasOutputs:
        """Return an open session of the caller's, or raise ``no_such_session``."""
        ...


def output_routes(sessions: Sessions, gate: Gate) -> APIRouter:
    """Make the routes, for the key whose session it is."""
    router = APIRouter(
        prefix="/api/sessions/{id}/outputs",
        tags=["outputs"],
        dependencies=[Depends(gate.check_key)],
        route_class=JsonRoute,
    )

    @router.post(
        "",
        status_code=201,
        responses=problems(*BAD_JSON, *NO_KEY, "no_such_session", "session_over", "too_many_outputs", *BAD_OUTPUT),
    )
    async def add_output(id: str, wish: OutputWish, response: Response, caller: Asking) -> OutputView:
        with gate.audit.act("output_made", session=bare(id), kind=wish.kind) as line:
            status = sessions.find_own(id, caller).outputs.add(wish.request())
            line["output"], line["to"] = status.id, status.url
        response.headers["Location"] = f"/api/sessions/{id}/outputs/{status.id}"
        return OutputView.of(status)

    @router.get("", responses=problems(*NO_KEY, "no_such_session"))
    async def list_outputs(id: str, caller: Asking) -> OutputList:
        return OutputList(outputs=[OutputView.of(status) for status in sessions.find_own(id, caller).outputs.all()])

    @router.get("/{output}", responses=problems(*NO_KEY, "no_such_session", "no_such_output"))
    async def get_output(id: str, output: str, caller: Asking) -> OutputView:
        return OutputView.of(sessions.find_own(id, caller).outputs.find(output))

    @router.delete("/{output}", status_code=204, responses=problems(*NO_KEY, "no_such_session", "no_such_output"))
    async def remove_output(id: str, output: str, caller: Asking) -> None:
        with gate.audit.act("output_deleted", session=bare(id), output=output):
            await sessions.find_own(id, caller).outputs.remove(output)

    return router
