"""Runs one subprocess in a group of its own, and leaves nothing of that group behind, however the waiting ends.

Cancelled, it also ends what has left the group. The loop's callbacks collect what the process writes; only its start is
a task.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

from runtime.families import MARK, descendants, end_family, new_mark
from runtime.sandbox import DEFAULT_LIMITS

OUTPUT_LIMIT = DEFAULT_LIMITS.output_bytes  # of standard output and of standard error each
TERM_GRACE = 1.0  # seconds between TERM and KILL
DRAIN = 0.5  # seconds a pipe may stay open in the hands of a process that left the group


@dataclass(frozen=True, slots=True)
class Finished:
    """How a process ended: `exit_code` as in subprocess, negative for a signal; `cut`: it wrote more than the limit."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    cut: bool = False

    def ended_by(self, number: signal.Signals) -> bool:
        """Whether a signal ended it; a shell and a sandbox tell of one as an exit code above 128."""
        return self.exit_code in (-number, 128 + number)

    @property
    def manner(self) -> str:
        """The end in words: `exit code 3` or the signal's name."""
        if self.exit_code >= 0:
            return f"exit code {self.exit_code}"
        try:
            return signal.Signals(-self.exit_code).name
        except ValueError:
            return f"signal {-self.exit_code}"


def ask_group(leader: int) -> None:
    """Asks a process and its group to end."""
    _signal_group(leader, signal.SIGTERM)


async def run_process(
    argv: Sequence[str | bytes],
    *,
    env: Mapping[bytes, bytes] | None = None,
    cwd: Path | None = None,
    stdin: bytes = b"",
    keep_open: Sequence[int] = (),
    limit: int = OUTPUT_LIMIT,
    grace: float = TERM_GRACE,
    ask: Callable[[int], None] = ask_group,
) -> Finished:
    """Runs a program to its end, or to `limit` bytes of output, and kills what is left of its group.

    Cancelled, it asks the program to end (`ask` gets its number), after `grace` seconds kills all that came from it,
    and raises once that is gone.
    `keep_open` are descriptors that the process inherits. OSError if it cannot be started.
    """
    loop, ending = asyncio.get_running_loop(), _Ending(new_mark(), ask, grace)
    transport, listener = await _started(
        loop.create_task(
            loop.subprocess_exec(
                lambda: _Listener(limit),
                *argv,
                stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
                env={**(os.environb if env is None else env), MARK: ending.mark},
                cwd=cwd,
                pass_fds=keep_open,
                start_new_session=True,
            )
        ),
        ending,
    )
    try:
        _feed(transport, stdin)
        await listener.ended.wait()
    except asyncio.CancelledError:
        await _end_all(transport, listener, ending)
        raise
    finally:
        await _leave_nothing(transport, listener)
    return listener.finished(transport)


class _Ending(NamedTuple):
    """How a process is ended before its time, and by what all that came from it is found."""

    mark: bytes
    ask: Callable[[int], None]
    grace: float


async def _started(starting: asyncio.Task[_Process], ending: _Ending) -> _Process:
    """The process once it runs. Asyncio cannot be interrupted in between: it would wait for its pipes for ever."""
    try:
        await asyncio.wait([starting])
    except asyncio.CancelledError:
        await asyncio.wait([starting])
        if starting.exception() is None:
            await _end_all(*starting.result(), ending)
            await _leave_nothing(*starting.result())
        raise
    return starting.result()


class _Listener(asyncio.SubprocessProtocol):
    """Keeps what comes. `ended`: it exited or wrote too much; `closed`: it exited and all its pipes are shut."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._written = {1: bytearray(), 2: bytearray()}
        self._cut = False
        self.ended = asyncio.Event()
        self.closed = asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        kept = self._written[fd]
        room = self._limit - len(kept)
        kept += data[:room]
        if len(data) > room:
            self._cut = True
            self.ended.set()

    def process_exited(self) -> None:
        self.ended.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()

    def finished(self, transport: asyncio.SubprocessTransport) -> Finished:
        exit_code = transport.get_returncode()
        stdout, stderr = (bytes(each) for each in self._written.values())
        return Finished(-signal.SIGKILL if exit_code is None else exit_code, stdout, stderr, self._cut)


_Process: TypeAlias = tuple[asyncio.SubprocessTransport, _Listener]


def _feed(transport: asyncio.SubprocessTransport, stdin: bytes) -> None:
    pipe = transport.get_pipe_transport(0)
    if isinstance(pipe, asyncio.WriteTransport):
        pipe.write(stdin)
        pipe.close()


async def _end_all(transport: asyncio.SubprocessTransport, listener: _Listener, ending: _Ending) -> None:
    """The process and all that came from it, also what has left its group: asked first, then killed."""
    known = descendants(transport.get_pid())
    try:
        await _end_gently(transport, listener, ending)
    finally:  # also when a second cancellation ends the grace
        end_family(known, ending.mark)


async def _end_gently(transport: asyncio.SubprocessTransport, listener: _Listener, ending: _Ending) -> None:
    if ending.grace <= 0:
        return
    ending.ask(transport.get_pid())
    try:
        async with asyncio.timeout(ending.grace):
            await listener.ended.wait()
    except TimeoutError:
        return


async def _leave_nothing(transport: asyncio.SubprocessTransport, listener: _Listener) -> None:
    """Kills the group and reads the rest; shuts the pipes itself if someone outside the group holds them open."""
    try:
        _signal_group(transport.get_pid(), signal.SIGKILL)
        if not await _is_closed(listener):
            _shut(transport)
            await _is_closed(listener)
    finally:
        _shut(transport)


async def _is_closed(listener: _Listener) -> bool:
    try:
        async with asyncio.timeout(DRAIN):
            await listener.closed.wait()
    except TimeoutError:
        return False
    return True


def _shut(transport: asyncio.SubprocessTransport) -> None:
    pipe = transport.get_pipe_transport(0)
    if isinstance(pipe, asyncio.WriteTransport) and pipe.get_write_buffer_size():
        pipe.abort()  # nobody will read the rest, and to close it would wait for that
    transport.close()


def _signal_group(leader: int, number: signal.Signals) -> None:
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        return  # all of it is gone already, or runs as another user
