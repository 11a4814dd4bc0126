"""A path walked by handles: from the root down, one component at a time, no link followed but by ourselves.

What is decided is decided about the folder that is held open and the names that led to it, and used through the same
handle. Whoever swaps a folder for a link meanwhile changes what a name means, not what the handle holds.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

MAX_LINKS = 40
MAX_BYTES = 4096  # of a path, as Linux has it

_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)  # macOS has no O_PATH
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclass(slots=True)
class Folder:
    """One folder on the way; `handle` None: it is not there yet."""

    name: str
    handle: int | None


@dataclass(slots=True)
class Spot:
    """Where a file is or may come to be: the folders that lead there, held open, and its name in the last of them."""

    folders: list[Folder]
    name: str = ""

    @property
    def path(self) -> str:
        """The absolute path; no component of it was a link."""
        return "/" + "/".join([*(each.name for each in self.folders[1:]), self.name])

    @property
    def missing(self) -> list[str]:
        """The folders that are not there, inner first."""
        names = [each.name for each in self.folders[1:]]
        at = [index for index, each in enumerate(self.folders[1:], 1) if each.handle is None]
        return ["/" + "/".join(names[:index]) for index in reversed(at)]

    @property
    def handle(self) -> int:
        handle = self.folders[-1].handle
        if handle is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return handle

    def status(self) -> os.stat_result | None:
        """What stands there, a link as a link; None for nothing."""
        try:
            return os.stat(self.name, dir_fd=self.handle, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def open(self, flags: int, mode: int = 0o666) -> int:
        """A descriptor of the file itself: no link is followed, and no pipe or device waited for."""
        return os.open(self.name, flags | _FILE, mode, dir_fd=self.handle)

    def make_folders(self) -> None:
        """Makes the folders that are missing; one that somebody else makes meanwhile is as good."""
        above = self.folders[0].handle
        for folder in self.folders:
            if folder.handle is None:
                with suppress(FileExistsError):
                    os.mkdir(folder.name, dir_fd=above)
                folder.handle = os.open(folder.name, _FOLDER, dir_fd=above)
            above = folder.handle

    def close(self) -> None:
        while self.folders:
            self.leave()

    def leave(self) -> None:
        handle = self.folders.pop().handle
        if handle is not None:
            os.close(handle)


@contextmanager
def reached(path: Path, *, links: bool = True) -> Iterator[Spot]:
    """The spot that an absolute path leads to. Without `links` one on the way is an error, and one at the end is the
    spot itself. Raises OSError.
    """
    walk = _Walk(links)
    try:
        walk.to(str(path))
        yield walk.spot
    finally:
        walk.spot.close()


@dataclass(slots=True)
class _Walk:
    follows: bool
    spot: Spot = field(default_factory=lambda: Spot([]))
    ahead: deque[str] = field(default_factory=deque)
    links: int = 0

    def to(self, path: str) -> None:
        self._turn(path)
        while self.ahead:
            self._step(self.ahead.popleft(), last=not self.ahead)
        if not self.spot.name:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))

    def _turn(self, path: str) -> None:
        """Goes on along a path, from here or from the root."""
        if len(os.fsencode(path)) > MAX_BYTES:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        self.ahead.extendleft(reversed([each for each in path.split("/") if each not in ("", ".")]))
        if path.startswith("/"):
            self.spot.close()
            self.spot.folders.append(Folder("", os.open("/", _FOLDER)))

    def _step(self, name: str, *, last: bool) -> None:
        here = self.spot.folders[-1]
        if name == "..":
            self._up()
        elif here.handle is None:
            self._enter(name, None, last=last)
        elif (self.follows or not last) and (target := _link(name, here.handle)) is not None:
            self._follow(target)
        else:
            self._enter(name, here.handle, last=last)

    def _up(self) -> None:
        if len(self.spot.folders) > 1:
            self.spot.leave()

    def _enter(self, name: str, above: int | None, *, last: bool) -> None:
        if last:
            self.spot.name = name
            return
        handle = None
        if above is not None:
            with suppress(FileNotFoundError):
                handle = os.open(name, _FOLDER, dir_fd=above)
        self.spot.folders.append(Folder(name, handle))

    def _follow(self, target: str) -> None:
        self.links += 1
        if not self.follows or self.links > MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        self._turn(target)


def _link(name: str, above: int) -> str | None:
    """What a link says; None for all else."""
    try:
        return os.readlink(name, dir_fd=above)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):
            return None
        raise
