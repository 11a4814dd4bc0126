"""The process of a step, in the sandbox of its run if that has one. What goes wrong looks the same in both."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import resource
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from runtime.bubblewrap import make_missing
from runtime.families import groups_below
from runtime.node_types import NodeContext, NodeFailed
from runtime.processes import TERM_GRACE, Finished, ask_group, run_process
from runtime.sandbox import Sandbox, kept

_STARTED = b'"exit-code"'  # in what bubblewrap tells of a command that began
_INSIDE = re.compile(rb'"child-pid": (\d+)\D')
_ERRORS = {os.strerror(number): number for number in errno.errorcode}


async def run_step(
    context: NodeContext,
    argv: Sequence[str | bytes],
    folder: Path,
    *,
    variables: Mapping[bytes, bytes] | None = None,
    without: Iterable[bytes] = (),
    stdin: bytes = b"",
    keep_open: Sequence[int] = (),
    reads: Iterable[str] = (),
    grace: float = TERM_GRACE,
) -> Finished:
    """Runs a program for a step, as `run_process` does, with `variables` added to the environment.

    `reads` are files and folders of plait's own that the program needs. NodeFailed, `not_found`, for a folder that the
    sandbox does not hold.
    """
    sandbox, limits = context.sandbox, context.limits
    inherited = os.environb if sandbox is None else kept(os.environb)
    env = {**{name: value for name, value in inherited.items() if name not in set(without)}, **(variables or {})}
    if sandbox is None:
        most = limits.output_bytes
        return await run_process(argv, env=env, cwd=folder, stdin=stdin, keep_open=keep_open, limit=most, grace=grace)
    with _wrapped(sandbox, folder, env, reads, limits.processes) as wrapped:
        finished = await run_process(
            [*wrapped.words, *argv],
            env={},  # bubblewrap is outside: what the step sets must not reach it, and nothing of its own leak inside
            stdin=stdin,
            keep_open=(*keep_open, *wrapped.descriptors),
            limit=limits.output_bytes,
            grace=grace,
            ask=ask_inside,
        )
        wrapped.check(finished, argv[0])
    return finished


@dataclass(frozen=True, slots=True)
class _Wrapped:
    """What bubblewrap is started with: its options in a file, which nobody else reads, and a gate."""

    program: str
    folder: str
    options: BinaryIO
    gate: _Gate

    @property
    def descriptors(self) -> tuple[int, int, int]:
        return self.options.fileno(), self.gate.told_to, self.gate.opened_by

    @property
    def words(self) -> list[str]:
        options, told, opened = map(str, self.descriptors)
        return [self.program, "--args", options, "--json-status-fd", told, "--block-fd", opened, "--"]

    def check(self, finished: Finished, program: str | bytes) -> None:
        """Raises what kept the program from starting, if something did."""
        if finished.exit_code > 0 and not finished.cut and _STARTED not in self.gate.told():
            raise _trouble(finished, self.folder, program)


@contextmanager
def _wrapped(
    sandbox: Sandbox, folder: Path, variables: Mapping[bytes, bytes], reads: Iterable[str], processes: int
) -> Iterator[_Wrapped]:
    make_missing(sandbox)
    real = os.path.realpath(folder)
    with _in_memory() as options, closing(_Gate(processes)) as gate:
        options.writelines(word + b"\0" for word in sandbox.options(real, variables, reads))
        options.seek(0)
        yield _Wrapped(sandbox.program, real, options, gate)


class _Gate:
    """Holds back what bubblewrap has made a sandbox for until the number of its processes is bounded.

    Inside its own namespace of users the kernel counts only what is inside. Set any earlier, the limit would be on all
    processes of the user.
    """

    def __init__(self, processes: int) -> None:
        self._most = processes
        self._told = b""
        self._hears, self.told_to = os.pipe()
        self.opened_by, self._opens = os.pipe()
        os.set_blocking(self._hears, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._hears, self._hear)

    def told(self) -> bytes:
        """All that bubblewrap has told."""
        with suppress(BlockingIOError):
            self._told += os.read(self._hears, 65536)
        return self._told

    def close(self) -> None:
        self._loop.remove_reader(self._hears)
        for each in (self._hears, self.told_to, self.opened_by, self._opens):
            os.close(each)

    def _hear(self) -> None:
        if (found := _INSIDE.search(self.told())) is not None:
            self._loop.remove_reader(self._hears)
            with suppress(ProcessLookupError):  # it has been ended meanwhile
                self._bound(int(found[1]))
            os.write(self._opens, b"\n")

    def _bound(self, inside: int) -> None:
        try:
            resource.prlimit(inside, resource.RLIMIT_NPROC, (self._most, self._most))
        except PermissionError:
            os.kill(inside, signal.SIGKILL)  # it never runs without its limit


def _in_memory() -> BinaryIO:
    """A file without a name and without a disk: it may hold secrets."""
    return os.fdopen(os.memfd_create("plait"), "w+b")


def ask_inside(bubblewrap: int) -> None:
    """Asks what runs in a sandbox to end. Bubblewrap itself would end the rest at once, without asking."""
    for group in groups_below(bubblewrap):  # a whole group at once: a parent that waits must not first see a child end
        ask_group(group)


def _trouble(finished: Finished, folder: str, program: str | bytes) -> OSError | NodeFailed:
    """What kept the program from starting, by bubblewrap's last words."""
    said = finished.stderr.decode("utf-8", "replace").strip().removeprefix("bwrap: ")
    doing, _, reason = said.rpartition(": ")
    if doing.startswith("execvp ") and reason in _ERRORS:
        return OSError(_ERRORS[reason], reason, program)
    if doing.startswith("Can't chdir to "):
        message = f"'cwd': the sandbox holds no folder {folder}; below the working directory it would"
        return NodeFailed("not_found", f"{message}, or with --allow read:{folder}")
    return NodeFailed("sandbox_failed", f"the sandbox could not be made: {said or finished.manner}")
