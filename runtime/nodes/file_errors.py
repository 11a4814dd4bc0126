"""Where a path leads within the grants, and what an operating system says of it as failures of a node."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from stat import S_ISDIR, S_ISREG

from runtime.node_types import Effect, NodeContext, NodeFailed
from runtime.nodes.handles import Spot, reached
from runtime.nodes.params import literal
from runtime.workflow import JsonObject

_CODES: Mapping[type[OSError], tuple[str, str]] = {
    FileNotFoundError: ("not_found", "there is no such file"),
    NotADirectoryError: ("not_found", "a part of its path is no folder"),
    FileExistsError: ("not_a_file", "a part of its path is no folder"),
    IsADirectoryError: ("not_a_file", "it is a folder"),
    PermissionError: ("not_permitted", "the permission is missing"),
}

_KERNEL = ("/proc/", "/sys/")  # what stands there looks ordinary and is none


@contextmanager
def explained(path: str) -> Iterator[None]:
    """Turns the errors of file calls into NodeFailed with the path as the user wrote it."""
    try:
        yield
    except OSError as error:
        code, reason = next((each for kind, each in _CODES.items() if isinstance(error, kind)), ("file_error", ""))
        raise NodeFailed(code, f"{path}: {reason or error.strerror or 'input or output failed'}") from error
    except UnicodeError as error:
        raise NodeFailed("encoding_error", f"{path}: {error}; name the right one in 'encoding'") from None


@contextmanager
def granted_spot(context: NodeContext, verb: str, path: str) -> Iterator[Spot]:
    """Where the path leads, held open, if the run was granted to read or write there."""
    if "\0" in path:
        raise NodeFailed("value_not_passable", "a path cannot hold a NUL character")
    with explained(path), reached(context.directory.absolute() / path) as spot:
        if not context.grants.cover_path(verb, spot.path):
            message = f"{path}: it leads to {spot.path}, and to {verb} there was not granted"
            raise NodeFailed("capability_denied", f"{message}; grant it with --allow {verb}:{spot.path}")
        if spot.path.startswith(_KERNEL):
            raise NodeFailed("not_a_file", f"{path}: it is no ordinary file")
        yield spot


def refuse_special(mode: int, path: str) -> None:
    """NodeFailed for a folder, device or pipe: reading one may never end, and replacing one breaks it."""
    if not S_ISREG(mode):
        raise NodeFailed("not_a_file", f"{path}: it is {'a folder' if S_ISDIR(mode) else 'no ordinary file'}")


def capability(verb: str, params: JsonObject) -> Iterable[str]:
    """`read:PATH` as written, or `read` where the path is not known yet."""
    path = literal(params.get("path"))
    return (f"{verb}:{path}" if path else verb,)


def effect(params: JsonObject, *, writes: bool) -> Iterable[Effect]:
    path = literal(params.get("path"))
    return (Effect("file", os.path.normpath(path) if path else None, writes=writes),)
