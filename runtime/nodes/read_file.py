"""The node type `read_file`: the text of one ordinary file, line ends and all."""

from __future__ import annotations

import os
from functools import partial

from pydantic import Field

from runtime.issues import JsonValue
from runtime.node_types import NodeContext, NodeFailed, node_type
from runtime.nodes.file_errors import capability, effect, granted_spot, refuse_special
from runtime.nodes.params import ENCODING_WORDS, Encoding, Params

MAX_BYTES = 50 * 1024 * 1024


class ReadFileParams(Params):
    path: str = Field(min_length=1, description="file to read; a relative path begins at the working directory")
    encoding: Encoding = Field("utf-8", description="text encoding")


@node_type(
    "read_file",
    outputs={"content": "string", "size": "integer"},
    capabilities=partial(capability, "read"),
    effects=partial(effect, writes=False),
    rare={"encoding": ENCODING_WORDS},
)
def read_file(params: ReadFileParams, context: NodeContext) -> dict[str, JsonValue]:
    """Reads a text file."""
    with granted_spot(context, "read", params.path) as spot:
        if (status := spot.status()) is not None:  # to open a device may already do something
            refuse_special(status.st_mode, params.path)
        with os.fdopen(spot.open(os.O_RDONLY), "rb") as file:
            refuse_special(os.fstat(file.fileno()).st_mode, params.path)
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise NodeFailed("output_limit", f"{params.path}: it holds more than {MAX_BYTES} bytes")
        return {"content": data.decode(params.encoding), "size": len(data)}
