"""The node type `write_file`: a file is replaced as a whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from stat import S_IMODE
from threading import Lock
from typing import BinaryIO

from pydantic import BaseModel, Field

from runtime.issues import JsonValue
from runtime.node_types import NodeContext, node_type
from runtime.nodes.file_errors import capability, effect, explained, locate, refuse_special
from runtime.nodes.params import Encoding, Params
from runtime.references import as_text
from runtime.workflow import Json

_one_append_at_a_time = Lock()  # else two branches that add to one file would each keep the other's lines out


def restore(note: JsonValue) -> None:
    """Takes a write back: the old bytes and mode, or no file and none of the folders made for it.

    What it is to do depends on the note alone, so doing it twice, or once after half, ends the same.
    """
    before = Before.model_validate(note)
    target = Path(before.path)
    if before.content is not None:
        with _replacing(target, before.mode) as file:
            file.write(b64decode(before.content))
        return
    target.unlink(missing_ok=True)
    for folder in before.made:
        with suppress(FileNotFoundError, NotADirectoryError):
            if not any(Path(folder).iterdir()):
                Path(folder).rmdir()


class Before(BaseModel):
    """A file as it was: `content` in base64, None if it was not there; `made`: the folders to be made, inner first."""

    path: str
    content: str | None
    mode: int | None
    made: list[str]


def _before(target: Path, mode: int | None) -> JsonValue:
    made = [str(folder) for folder in target.parents if not folder.exists()]
    content = None if mode is None else b64encode(target.read_bytes()).decode()
    return Before(path=str(target), content=content, mode=mode, made=made).model_dump()


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
    undo=restore,
)
def write_file(params: WriteFileParams, context: NodeContext) -> dict[str, JsonValue]:
    """Writes a text file."""
    target = locate(context.directory, params.path)
    with explained(params.path), _one_append_at_a_time if params.append else nullcontext():
        data = as_text(params.content).encode(params.encoding)
        mode = _mode_of(target, params.path)
        context.keep(_before(target, mode))
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
