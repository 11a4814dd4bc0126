"""Places: how many attempts may be inside each limit at once. First come, first served among equals. Pure.

An attempt needs a place in every limit around it; it gets all of them together or waits in line without any.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

Grant = Callable[[], None]


class Places:
    """The places of a run. `request` calls `grant` at once, or later from a `release`."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self._free = dict(sizes)
        self._lines: dict[tuple[str, ...], deque[Grant]] = {}

    def request(self, limits: tuple[str, ...], grant: Grant) -> None:
        """Asks for one place in each of the limits."""
        line = self._lines.get(limits)
        if not line and self._take(limits):
            grant()
            return
        self._lines.setdefault(limits, deque()).append(grant)

    def release(self, limits: tuple[str, ...]) -> None:
        """Gives the places back; those first in line who now fit get theirs."""
        for name in limits:
            self._free[name] += 1
        for wanted, line in list(self._lines.items()):
            while line and self._take(wanted):
                line.popleft()()
            if not line:
                self._lines.pop(wanted, None)

    def withdraw(self, limits: tuple[str, ...], grant: Grant) -> bool:
        """Leaves the line; False if the places were granted already."""
        line = self._lines.get(limits)
        if line is None or grant not in line:
            return False
        line.remove(grant)
        return True

    def _take(self, limits: tuple[str, ...]) -> bool:
        if any(self._free[name] < 1 for name in limits):
            return False
        for name in limits:
            self._free[name] -= 1
        return True
