"""What an operating system says of a path, as failures of a node."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from runtime.node_types import Effect, NodeFailed
from runtime.nodes.params import literal
from runtime.workflow import JsonObject

_CODES: Mapping[type[OSError], tuple[str, str]] = {
    FileNotFoundError: ("not_found", "there is no such file"),
    NotADirectoryError: ("not_found", "a part of its path is no folder"),
    FileExistsError: ("not_a_file", "a part of its path is no folder"),
    IsADirectoryError: ("not_a_file", "it is a folder"),
    PermissionError: ("not_permitted", "the permission is missing"),
}


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


def locate(directory: Path, path: str) -> Path:
    """The file meant, every link followed; a relative path begins at the run's directory."""
    if "\0" in path:
        raise NodeFailed("value_not_passable", "a path cannot hold a NUL character")
    return Path(os.path.realpath(directory / path))


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
