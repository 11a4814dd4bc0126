"""The node type `write_file`: a file is replaced as a whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from stat import S_IMODE
from threading import Lock
from typing import BinaryIO

from pydantic import Field

from runtime.issues import JsonValue
from runtime.node_types import NodeContext, node_type
from runtime.nodes.file_errors import capability, effect, explained, locate, refuse_special
from runtime.nodes.params import Encoding, Params
from runtime.references import as_text
from runtime.workflow import Json

_one_append_at_a_time = Lock()  # else two branches that add to one file would each keep the other's lines out


class WriteFileParams(Params):
    path: str = Field(min_length=1, description="file to write; its folders are made")
    content: Json = Field(description="a string as it is, all else as JSON")
    append: bool = Field(False, description="add to the end instead of replacing")
    encoding: Encoding = Field("utf-8", description="text encoding")


@node_type(
    "write_file",
    outputs={"path": "string", "bytes_written": "integer"},
    capabilities=partial(capability, "write"),
    effects=partial(effect, writes=True),
    undoes=True,
)
def write_file(params: WriteFileParams, context: NodeContext) -> dict[str, JsonValue]:
    """Writes a text file."""
    target = locate(context.directory, params.path)
    with explained(params.path), _one_append_at_a_time if params.append else nullcontext():
        data = as_text(params.content).encode(params.encoding)
        mode = _mode_of(target, params.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with _replacing(target, mode) as file:
            if params.append and mode is not None:
                _copy(target, file)
            file.write(data)
    return {"path": params.path, "bytes_written": len(data)}


def _mode_of(target: Path, path: str) -> int | None:
    """The permissions of an ordinary file that is there already."""
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None
    refuse_special(mode, path)
    return S_IMODE(mode)


@contextmanager
def _replacing(target: Path, mode: int | None) -> Iterator[BinaryIO]:
    """A file beside the target that takes its place at the end, or vanishes if something goes wrong."""
    draft = target.with_name(f".plait-{secrets.token_hex(8)}.tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with open(descriptor, "wb") as file:
            yield file
            if mode is not None:
                os.fchmod(descriptor, mode)
        draft.replace(target)
    except BaseException:  # also what cancels: half a file must not stay
        draft.unlink(missing_ok=True)
        raise


def _copy(target: Path, file: BinaryIO) -> None:
    with target.open("rb") as old:
        shutil.copyfileobj(old, file, 1024 * 1024)
