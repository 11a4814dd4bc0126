"""The node type `write_file`: a file is replaced as a whole or not at all."""

from __future__ import annotations

import errno
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
from runtime.nodes.file_errors import capability, effect, granted_spot, refuse_special
from runtime.nodes.handles import Spot, reached
from runtime.nodes.params import ENCODING_WORDS, Encoding, Params
from runtime.references import as_text
from runtime.workflow import Json

_one_append_at_a_time = Lock()  # else two branches that add to one file would each keep the other's lines out


def restore(note: JsonValue) -> None:
    """Takes a write back: the old bytes and mode, or no file and none of the folders made for it.

    What it is to do depends on the note alone, so doing it twice, or once after half, ends the same. The note's path
    held no link when it was written, so a folder that is one by now is somebody's trap and an error.
    """
    before = Before.model_validate(note)
    if before.content is None:
        _remove(before)
        return
    with reached(Path(before.path), links=False) as spot, _replacing(spot, before.mode) as file:
        file.write(b64decode(before.content))


def _remove(before: Before) -> None:
    with suppress(FileNotFoundError), reached(Path(before.path), links=False) as spot:
        os.unlink(spot.name, dir_fd=spot.handle)
    for folder in before.made:
        with suppress(FileNotFoundError, NotADirectoryError), reached(Path(folder), links=False) as spot:
            _remove_if_empty(spot)


def _remove_if_empty(spot: Spot) -> None:
    try:
        os.rmdir(spot.name, dir_fd=spot.handle)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # others use it by now
            raise


class Before(BaseModel):
    """A file as it was: `content` in base64, None if it was not there; `made`: the folders to be made, inner first."""

    path: str
    content: str | None
    mode: int | None
    made: list[str]


def _before(spot: Spot, mode: int | None, path: str) -> JsonValue:
    content = None
    if mode is not None:
        with _old(spot, path) as file:
            content = b64encode(file.read()).decode()
    return Before(path=spot.path, content=content, mode=mode, made=spot.missing).model_dump()


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
    rare={"encoding": ENCODING_WORDS},
    undo=restore,
)
def write_file(params: WriteFileParams, context: NodeContext) -> dict[str, JsonValue]:
    """Writes a text file."""
    one_at_a_time = _one_append_at_a_time if params.append else nullcontext()
    with one_at_a_time, granted_spot(context, "write", params.path) as spot:
        data = as_text(params.content).encode(params.encoding)
        mode = _mode_of(spot, params.path)
        context.keep(_before(spot, mode, params.path))
        spot.make_folders()
        with _replacing(spot, mode) as file:
            if params.append and mode is not None:
                with _old(spot, params.path) as old:
                    shutil.copyfileobj(old, file, 1024 * 1024)
            file.write(data)
    return {"path": params.path, "bytes_written": len(data)}


def _mode_of(spot: Spot, path: str) -> int | None:
    """The permissions of an ordinary file that is there already."""
    status = None if spot.missing else spot.status()
    if status is None:
        return None
    refuse_special(status.st_mode, path)
    return S_IMODE(status.st_mode)


@contextmanager
def _old(spot: Spot, path: str) -> Iterator[BinaryIO]:
    with os.fdopen(spot.open(os.O_RDONLY), "rb") as file:
        refuse_special(os.fstat(file.fileno()).st_mode, path)
        yield file


@contextmanager
def _replacing(spot: Spot, mode: int | None) -> Iterator[BinaryIO]:
    """A file beside the spot that takes its place at the end, or vanishes if something goes wrong."""
    draft, folder = Spot(spot.folders, f".plait-{secrets.token_hex(8)}.tmp"), spot.handle
    descriptor = draft.open(os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        with open(descriptor, "wb") as file:
            yield file
            if mode is not None:
                os.fchmod(descriptor, mode)
        os.replace(draft.name, spot.name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:  # also what cancels: half a file must not stay
        with suppress(FileNotFoundError):
            os.unlink(draft.name, dir_fd=folder)
        raise
