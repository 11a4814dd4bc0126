"""Which model call is being made, for the recordings: `case/epoch/attempt`, carried along by the running context."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from runtime import Completion, CompletionClient, CompletionRequest

_call: ContextVar[str | None] = ContextVar("call", default=None)


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
        with call_id(f"{self._name}/{self._calls}"):
            return await self._client.complete(request)


class Counted:
    """A client whose calls are numbered among equal ones: for calls at the same time, whose order is chance."""

    def __init__(self, client: CompletionClient, name: str) -> None:
        self._client, self._name = client, name
        self._calls: Counter[str] = Counter()

    async def complete(self, request: CompletionRequest) -> Completion:
        asked = repr(request)
        self._calls[asked] += 1
        with call_id(f"{self._name}/{self._calls[asked]}"):
            return await self._client.complete(request)
