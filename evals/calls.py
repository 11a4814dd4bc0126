"""Which model call is being made, for the recordings: `case/epoch/attempt`, carried along by the running context.

A recording says back how long the call took when it was made, so that a replayed completion has the same seconds.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from runtime import Completion, CompletionClient, CompletionRequest

_call: ContextVar[str | None] = ContextVar("call", default=None)


@dataclass(slots=True)
class Watch:
    """How long the last exchange of a call took, in seconds; None as long as nobody knows."""

    seconds: float | None = None
    _began: float = 0.0

    def start(self) -> None:
        """An exchange begins that no recording answers."""
        self._began = time.perf_counter()

    def stop(self) -> float:
        """It has ended; says how long it took, to the millisecond."""
        self.seconds = round(time.perf_counter() - self._began, 3)
        return self.seconds


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


def current_watch() -> Watch | None:
    """The watch of the call that the running code makes, if somebody looks at it."""
    return _watch.get()


@contextmanager
def call_id(name: str) -> Iterator[None]:
    """Names the model calls made inside, for example `case/epoch/attempt`, so that identical ones are told apart."""
    token = _call.set(name)
    try:
        yield
    finally:
        _call.reset(token)


def current_call() -> str | None:
    """The name of the call that the running code makes, if it has one."""
    return _call.get()


class Numbered:
    """A client whose calls are `NAME/1`, `NAME/2` and so on, in the order they come: for calls one after another."""

    def __init__(self, client: CompletionClient, name: str) -> None:
        self._client, self._name, self._calls = client, name, 0

    async def complete(self, request: CompletionRequest) -> Completion:
        self._calls += 1
        return await _watched(self._client, request, f"{self._name}/{self._calls}")


class Counted:
    """A client whose calls are numbered among equal ones: for calls at the same time, whose order is chance."""

    def __init__(self, client: CompletionClient, name: str) -> None:
        self._client, self._name = client, name
        self._calls: Counter[str] = Counter()

    async def complete(self, request: CompletionRequest) -> Completion:
        asked = repr(request)
        self._calls[asked] += 1
        return await _watched(self._client, request, f"{self._name}/{self._calls[asked]}")


async def _watched(client: CompletionClient, request: CompletionRequest, name: str) -> Completion:
    watch = Watch()
    token = _watch.set(watch)
    try:
        with call_id(name):
            completion = await client.complete(request)
    finally:
        _watch.reset(token)
    return completion if watch.seconds is None else replace(completion, seconds=watch.seconds)
