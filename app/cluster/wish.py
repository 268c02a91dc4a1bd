"""What a stage is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import Refusal
from app.session_ref import is_bare_id
from app.sessions.output_target import OutputRequest
from app.sessions.session_request import SessionRequest


class Wish(BaseModel):
    """A session (``kind`` "session"), or a place for one that a socket is going to start ("place").

    ``site``: the address of the page that shows it. ``bare_id``: of a session that comes back, or from elsewhere; with
    its ``outputs``, which begin once its feeder has come too (``is_fed``).
    """

    model_config = ConfigDict(frozen=True, extra="ignore")  # fronts of the next release may say more

    kind: Literal["session", "place"]
    request: SessionRequest
    site: str = ""
    bare_id: str = ""
    next_utterance: int = Field(default=1, ge=1)
    outputs: tuple[OutputRequest, ...] = ()
    is_fed: bool = False

    @classmethod
    def parse(cls, said: Mapping[str, Any]) -> Wish:
        """Read one.

        Raises:
            Refusal: ``bad_request``.
        """
        try:
            wish = cls.model_validate(dict(said))
        except ValidationError as invalid:
            raise Refusal("bad_request", f"A stage does not understand this: {invalid.errors()[0]['msg']}.") from None
        if wish.kind == "session" and wish.request.lifetime is None:
            raise Refusal("bad_request", "A session that no socket owns needs a lifetime.")
        if (id := wish.asked.id) and not is_bare_id(id):
            raise Refusal("bad_request", "This is no session's bare id.")
        return wish

    @property
    def asked(self) -> SessionRequest:
        """What the service is asked for."""
        number = max(self.next_utterance, self.request.next_utterance)
        return replace(self.request, id=self.bare_id or self.request.id, next_utterance=number)
