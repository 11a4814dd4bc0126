"""The node type `wait`: a pause on the loop's clock."""

from __future__ import annotations

import asyncio

from pydantic import Field

from runtime.issues import JsonValue
from runtime.node_types import node_type
from runtime.nodes.params import Params


class WaitParams(Params):
    seconds: float = Field(ge=0, allow_inf_nan=False, description="how long")


@node_type("wait", outputs={"seconds": "number"}, pause=True)
async def wait(params: WaitParams) -> dict[str, JsonValue]:
    """Does nothing for some seconds."""
    await asyncio.sleep(params.seconds)
    return {"seconds": params.seconds}
