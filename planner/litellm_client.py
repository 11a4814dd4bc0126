"""The only place that knows litellm: one request to one completion, every foreign error mapped once to the port's own.

Transient failures are asked again here, after growing pauses; nobody else, least of all the model, hears of them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextvars import ContextVar
from importlib import import_module
from types import ModuleType, TracebackType
from typing import Protocol
from weakref import WeakKeyDictionary, WeakSet

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential

from runtime.completion import (
    Completion,
    CompletionError,
    CompletionRefused,
    CompletionRequest,
    ContextExceeded,
    FinishReason,
    ModelUnreachable,
    NotAuthorised,
    RateLimited,
    Usage,
)
from runtime.issues import JsonValue

LONGEST_PAUSE = 60.0  # seconds; a provider that asks for a longer one is not waited for
NO_KEY = "no-key"  # what a server of one's own is told, so that no key of the environment reaches it
MOST_DETAIL = 300  # characters of a provider's own words in a message of ours

_FINISH: dict[str | None, FinishReason] = {"stop": "stop", "length": "length"}
_ABOUT_SCHEMAS = re.compile(r"response_format|json_schema|json schema|schema|grammar|structured output", re.IGNORECASE)
_ABOUT_KEYS = re.compile(r"missing credentials|missing .{0,40}api key|api_key .{0,20}must be set", re.IGNORECASE)
_FOREIGN_PREFIX = re.compile(r"^(?:(?:litellm\.)?\w+(?:Error|Exception)(?:: | - )|litellm\.\w+: )+")

_asking: ContextVar[bool] = ContextVar("asking", default=False)


def asks_a_model() -> bool:
    """Whether the running code is inside a model call, as the transport below one is."""
    return _asking.get()


class LitellmClient:
    """The CompletionClient of every model litellm knows, and of OpenAI-compatible servers by `api_base`.

    `api_base`, `api_key`, `schemas` and `free` are of `model`; another one that a request names is asked as litellm
    would by itself. `schemas` None asks litellm whether the model takes them; `free` makes its cost 0 and not unknown.
    `timeout` is seconds for one try, of which there are `max_retries` + 1. Close it on the event loop that used it.
    """

    def __init__(
        self,
        model: str,
        *,
        api_base: str | None = None,
        api_key: str | None = None,
        schemas: bool | None = None,
        free: bool = False,
        timeout: float = 600,
        max_retries: int = 3,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.model = model
        self._api_base = api_base
        self._api_key = api_key or (NO_KEY if api_base else None)
        self._schemas = schemas
        self._free = free
        self._timeout = timeout
        self._max_retries = max_retries
        self._sleep = sleep
        self._clock = clock
        self._without_schemas: set[str] = set()

    async def __aenter__(self) -> LitellmClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections of this event loop, once no other client on it is open."""
        users = _users_here()
        if self in users:
            users.discard(self)
            if not users:
                await _close_connections()

    async def complete(self, request: CompletionRequest) -> Completion:
        """As the port says; `seconds` are those of the try that answered."""
        litellm = await asyncio.to_thread(_litellm)
        self._register()
        tries = AsyncRetrying(
            stop=stop_after_attempt(self._max_retries + 1),
            wait=_pause,
            retry=retry_if_exception(_is_worth_a_retry),
            sleep=self._sleep,
            reraise=True,
        )
        return await tries(self._ask, litellm, request)

    def _register(self) -> None:
        users = _users_here()
        if not users:
            _forget_connections()  # of an earlier loop that had the same id
        users.add(self)

    async def _ask(self, litellm: ModuleType, request: CompletionRequest) -> Completion:
        schema = request.schema if self._takes_schemas(litellm, self._name(request)) else None
        try:
            return await self._call(litellm, request, schema)
        except CompletionRefused as refusal:
            if schema is None or not _ABOUT_SCHEMAS.search(str(refusal.__cause__)):
                raise
            self._without_schemas.add(self._name(request))
            return await self._call(litellm, request, None)

    async def _call(
        self, litellm: ModuleType, request: CompletionRequest, schema: object
    ) -> Completion:
        started = self._clock()
        token = _asking.set(True)
        try:
            async with asyncio.timeout(self._timeout):
                answer = await litellm.acompletion(**self._arguments(request, schema))
        except Exception as error:  # litellm raises its own errors, those of the SDKs below it, and those of its bugs
            raise self._translated(litellm, self._name(request), error)
        finally:
            _asking.reset(token)
        return self._completion(litellm, self._name(request), answer, self._clock() - started)
