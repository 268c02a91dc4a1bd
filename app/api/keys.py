"""``/api/key`` over HTTP: what the key of who asks may use, and has used."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from app.access.quota import Quota
from app.api.auth import Asking, Gate
from app.api.problems import NO_KEY, problems
from app.avatars.store import DEFAULT_ID
from app.sessions.premises import Premises

MEGABYTE = 1_000_000


class UseOfQuota(BaseModel):
    """How much of something is used, and how much of it may be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    used: float
    most: float | None = Field(description="null: any number")


class KeyView(BaseModel):
    """A key, its quotas, and what it uses of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(description="no secret; empty where the server wants no keys")
    name: str
    expires_at: AwareDatetime | None
    sessions: UseOfQuota = Field(description="at once")
    minutes: UseOfQuota = Field(description="of sessions today, UTC")
    avatars: UseOfQuota
    megabytes: UseOfQuota = Field(description="of avatars and recordings")


def key_routes(premises: Premises, gate: Gate) -> APIRouter:
    """Make the route over the premises."""
    router = APIRouter(prefix="/api/key", tags=["keys"], dependencies=[Depends(gate.check_key)])

    @router.get("", responses=problems(*NO_KEY))
    async def get_key(caller: Asking) -> KeyView:
        key = premises.keys.by_id(caller.id)
        quota, owner = key.quota if key else Quota(), caller.id
        avatars = await run_in_threadpool(premises.avatars.all)
        kept = await premises.kept_bytes.by_owner()
        return KeyView(
            id=owner,
            name=key.name if key else "",
            expires_at=key.expires_at if key else None,
            sessions=_of(premises.owners.sessions_of(owner), quota.sessions),
            minutes=_of(premises.owners.used_minutes(owner), quota.minutes),
            avatars=_of(sum(info.id != DEFAULT_ID and info.owner == owner for info in avatars), quota.avatars),
            megabytes=_of(kept[owner] / MEGABYTE, quota.megabytes),
        )

    return router


def _of(used: float, most: float) -> UseOfQuota:
    return UseOfQuota(used=round(used, 2), most=most or None)
