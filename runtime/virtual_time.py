"""An event loop whose clock stands still while anything can run and jumps when all wait: the double of time.

For programs that wait only on the loop (sleeps, timeouts, events): threads, processes and sockets take real time.
The idea is trio's autojump clock.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from math import ulp
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting for `timeout` seconds it adds them to the clock."""

    now: float = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        events = super().select(0)
        if not events:
            self.now += max(timeout, 0.0)
        return events


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop that starts at 0 and needs no real time to sleep."""

    def __init__(self) -> None:
        self._clock = _JumpingSelector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now

    @property
    def _clock_resolution(self) -> float:
        """What counts as now. Far from 0 the nanosecond that asyncio adds to the time would be lost in rounding."""
        return max(1e-9, 2 * ulp(self._clock.now))

    @_clock_resolution.setter
    def _clock_resolution(self, measured: float) -> None:
        """Asyncio measures that of the real clock."""


def run_in_virtual_time(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` on a VirtualTimeLoop."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
