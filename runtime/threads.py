"""A blocking function in a thread, reached by cancellation as far as Python allows.

A cancelled thread gets an exception at its next Python instruction. What blocks inside C, a sleep for one, ends first;
the caller waits for that, so that nothing runs on unseen.
"""

from __future__ import annotations

import asyncio
import contextvars
import ctypes
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Executor
from typing import TypeVar

T = TypeVar("T")


class Interrupted(BaseException):
    """Raised inside a thread whose work was cancelled."""


async def in_thread(threads: Executor, work: Callable[[], object]) -> object:
    """The result of the work, which sees the caller's context variables. Cancelled, it raises when that has ended."""
    inherited = contextvars.copy_context()
    body = _Interruptible(lambda: inherited.run(work))
    running = asyncio.get_running_loop().run_in_executor(threads, body)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        body.interrupt()
        await outlast([running])
        running.exception()  # what it ended with is of no interest any more
        raise


async def outlast(working: Collection[asyncio.Future[T]]) -> None:
    """Waits for the end of all of them, also while it is cancelled itself; raises CancelledError only then."""
    interrupted = False
    while left := [each for each in working if not each.done()]:
        try:
            await asyncio.wait(left)
        except asyncio.CancelledError:
            interrupted = True
    if interrupted:
        raise asyncio.CancelledError


class _Interruptible:
    """Work that can be interrupted while it runs, and never after: its thread may be at other work by then."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._guard = threading.Lock()
        self._thread: int | None = None
        self._cancelled = False

    def __call__(self) -> object:
        with self._guard:
            if self._cancelled:
                raise Interrupted
            self._thread = threading.get_ident()
        try:
            return self._work()
        finally:
            with self._guard:
                self._thread = None

    def interrupt(self) -> None:
        with self._guard:
            self._cancelled = True
            if self._thread is not None:
                number, error = ctypes.c_ulong(self._thread), ctypes.py_object(Interrupted)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(number, error)
