"""What a process of a step may see, change and use up, as values; and the same in the words of bubblewrap. Pure.

A place is there only if it is named here: what is not named, the sandbox does not hold. A wider grant makes narrower
places inside it pointless, and they are left out; nothing inside a writable place is ever mounted by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import PurePosixPath
from typing import NamedTuple

MIB = 1024 * 1024
ROOT = PurePosixPath("/")
HOME = "/run/home"  # empty, the process's own, and gone afterwards

KEPT = (b"PATH", b"LANG", b"LC_ALL", b"TZ")

GUARDS: tuple[tuple[str, ...], ...] = (
    ("--unshare-user",),  # its rights end at the sandbox, root's too
    ("--unshare-pid",),  # it sees and signals no process of the machine
    ("--unshare-ipc",),  # no shared memory, no message queues
    ("--unshare-uts",),
    ("--unshare-cgroup",),
    ("--cap-drop", "ALL"),  # run by root, it would keep all of them inside
    ("--new-session",),  # no terminal to type into
    ("--die-with-parent",),
    ("--clearenv",),
)
WITHOUT_NETWORK = ("--unshare-net",)  # loopback too is its own, and nobody listens there


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """What one process of a step may use: `output_bytes` of each stream and of a result; the others are for `code`.

    `cpu_seconds` and `memory_bytes` (of address space) hold for each process that the code starts as well. `processes`
    is how many a step in the sandbox may have at once, of `code` or `shell`, threads counted too.
    """

    output_bytes: int = 10 * MIB
    memory_bytes: int = 2048 * MIB
    cpu_seconds: int = 600
    wall_seconds: float = 3600.0
    processes: int = 1024


DEFAULT_LIMITS = ProcessLimits()


class Access(IntEnum):
    """How much of a place there is, the least first."""

    HIDDEN = 0  # empty
    READ = 1
    PRIVATE = 2  # empty, to be written, gone afterwards
    WRITE = 3
    OWN = 4  # the sandbox's own, whatever was granted


class Place(NamedTuple):
    """A path inside, and the words that put something there."""

    path: PurePosixPath
    access: Access
    words: tuple[str, ...]
    granted: bool = False


def _place(path: str, access: Access, how: str, *, granted: bool = False) -> Place:
    words = (how, path) if how in _MADE else (how, path, path)
    return Place(PurePosixPath(path), access, words, granted)


_MADE = ("--tmpfs", "--proc", "--dev", "--dir")


def readable(path: str, *, granted: bool = False) -> Place:
    return _place(path, Access.READ, "--ro-bind", granted=granted)


def writable(path: str) -> Place:
    return _place(path, Access.WRITE, "--bind", granted=True)


def hidden(path: str) -> Place:
    return _place(path, Access.HIDDEN, "--tmpfs")


def without(path: str) -> Place:
    """A file that is there and cannot be read."""
    return Place(PurePosixPath(path), Access.HIDDEN, ("--ro-bind", "/dev/null", path))


OWN_PLACES = (
    _place("/tmp", Access.PRIVATE, "--tmpfs"),
    _place("/run", Access.OWN, "--tmpfs"),  # sockets of the system's services lie there
    _place(HOME, Access.OWN, "--dir"),
    _place("/proc", Access.OWN, "--proc"),
    _place("/dev", Access.OWN, "--dev"),
)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The sandbox of a run. Paths are absolute, every link in them followed.

    `program` is bubblewrap's. `missing` are granted places to be made before a step, each also as it was said.
    """

    program: str
    places: tuple[Place, ...]
    network: bool = False
    missing: tuple[tuple[str, str], ...] = ()

    def options(
        self, folder: str, variables: Mapping[bytes, bytes] | None = None, reads: Iterable[str] = ()
    ) -> Iterator[bytes]:
        """Bubblewrap's options for one process that runs in `folder`, with more that it may read."""
        words = [word for guard in GUARDS for word in guard]
        words += () if self.network else WITHOUT_NETWORK
        places = outermost((*OWN_PLACES, *self.places, *map(readable, reads)))
        words += [word for place in places for word in place.words]
        empty = [str(place.path) for place in places if place.access is Access.HIDDEN]
        if ROOT not in {place.path for place in places}:
            empty.append(str(ROOT))
        words += [word for path in empty for word in ("--remount-ro", path)]  # what is written there would be lost
        yield from (word.encode("utf-8", "surrogateescape") for word in (*words, "--chdir", folder))
        for name, value in (variables or {}).items():
            yield from (b"--setenv", name, value)


def kept(environment: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """What of plait's own environment a process in the sandbox sees."""
    return {**{name: environment[name] for name in KEPT if name in environment}, b"HOME": HOME.encode()}


def outermost(places: Iterable[Place]) -> list[Place]:
    """The places in the order of mounting, the outer first, without those that a grant around them makes pointless."""
    kept: list[Place] = []
    for place in sorted(set(places), key=_order):
        around = next((other for other in reversed(kept) if place.path.is_relative_to(other.path)), None)
        if around is None or not _adds_nothing(place, around):
            kept.append(place)
    return kept


def _adds_nothing(place: Place, around: Place) -> bool:
    if around.granted:
        return around.access >= place.access
    return around.access is place.access is Access.READ and not place.granted


def _order(place: Place) -> tuple[int, int, bool, PurePosixPath]:
    return len(place.path.parts), -place.access, not place.granted, place.path
