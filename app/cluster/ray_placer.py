"""Stages as Ray Serve hands them out: a streaming call is a lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from ray.exceptions import RayActorError, RayError
from ray.serve.exceptions import BackPressureError, RayServeException

from app.cluster.lease import Item, StageLost
from app.cluster.placing import NoPlace

ASSIGNED_S = 2.0  # that a call waits for a stage with room, where all are full


class RayPlacer:
    """Asks the deployment of stages; Serve picks one by how many calls each has open.

    Bound: ``max_queued_requests`` of the deployment wait at once, ``ASSIGNED_S`` each; full: :class:`NoPlace`.
    """

    def __init__(self, stages: Any) -> None:
        """``stages``: the deployment's handle."""
        self._stages = stages.options(stream=True)

    async def place(self, wish: Item) -> AsyncGenerator[Item, None]:
        """See :class:`Placer`."""
        call = self._stages.hold.remote(wish)
        try:
            try:
                async with asyncio.timeout(ASSIGNED_S):
                    await call._to_object_ref_gen()  # once a stage has it
            except (BackPressureError, TimeoutError):
                raise NoPlace from None
            async for item in call:
                yield item
        except RayActorError:
            raise StageLost from None
        except (RayServeException, RayError) as error:
            raise NoPlace from error
        finally:
            call.cancel()
