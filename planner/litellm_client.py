"""The only place that knows litellm: one request to one completion.

Transient failures are asked again here, after growing pauses; nobody else, least of all the model, hears of them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
import warnings
from asyncio import AbstractEventLoop
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from importlib import import_module
from inspect import isawaitable
from types import ModuleType, TracebackType
from typing import Protocol
from weakref import WeakKeyDictionary, WeakSet

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from planner.model_errors import Target, is_about_the_schema, translated
from runtime.completion import (
    Completion,
    CompletionError,
    CompletionRefused,
    CompletionRequest,
    FinishReason,
    ModelUnreachable,
    RateLimited,
    Usage,
)
from runtime.issues import JsonValue

LONGEST_PAUSE = 60.0  # seconds; a provider that asks for a longer one is not waited for
NO_KEY = "no-key"  # what a server of the user's own is told, so that no key of the environment reaches it

_FINISH: Mapping[str, FinishReason] = {"stop": "stop", "length": "length"}
_HOLDS_A_SECRET = re.compile(r".*(KEY|TOKEN|SECRET|PASSWORD)")

_growing_pause = wait_exponential_jitter(initial=1, max=LONGEST_PAUSE)
_asking: ContextVar[bool] = ContextVar("asking", default=False)


def asks_a_model() -> bool:
    """Whether the running code is inside a model call, as the transport below a client is."""
    return _asking.get()


class LitellmClient:
    """The CompletionClient of every model that litellm knows, and of OpenAI-compatible servers by `api_base`.

    `api_base`, `api_key`, `schemas` and `free` are of `model`; another one that a request names is asked as litellm
    would by itself. `schemas` None asks litellm whether the model takes them; `free` makes its cost 0 and not unknown.
    `timeout` is the seconds of one try, of which there are `max_retries` + 1. To be closed on the loop that used it.
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
        """Closes the connections of this event loop, unless another client on it is open."""
        users = _users_here()
        if self in users:
            users.discard(self)
            if not users:
                await _close(_take_connections(_litellm()))

    async def complete(self, request: CompletionRequest) -> Completion:
        """As the port says; `seconds` are those of the try that answered."""
        litellm = await asyncio.to_thread(_litellm)
        self._register(litellm)
        tries = AsyncRetrying(
            stop=stop_after_attempt(self._max_retries + 1),
            wait=_pause,
            retry=retry_if_exception(_is_worth_a_retry),
            sleep=self._sleep,
            reraise=True,
        )
        return await tries(self._ask, litellm, request)

    def _register(self, litellm: ModuleType) -> None:
        users = _users_here()
        if not users:
            _take_connections(litellm)  # a loop that has ended without closing may have had the same id
        users.add(self)

    async def _ask(self, litellm: ModuleType, request: CompletionRequest) -> Completion:
        model = request.model or self.model
        schema = request.schema if self._takes_schemas(litellm, model) else None
        try:
            return await self._call(litellm, request, schema)
        except CompletionError as refusal:
            if schema is None or not is_about_the_schema(refusal):
                raise
        self._without_schemas.add(model)
        return await self._call(litellm, request, None)

    def _takes_schemas(self, litellm: ModuleType, model: str) -> bool:
        if model in self._without_schemas:
            return False
        if self._schemas is not None and model == self.model:
            return self._schemas
        return bool(litellm.supports_response_schema(model=model))

    async def _call(
        self, litellm: ModuleType, request: CompletionRequest, schema: Mapping[str, JsonValue] | None
    ) -> Completion:
        started = self._clock()
        token = _asking.set(True)
        try:
            async with asyncio.timeout(self._timeout):
                answer: _Answer = await litellm.acompletion(**self._arguments(request, schema))
        except Exception as error:  # noqa: BLE001 - litellm raises its own, those of the SDKs below, and its bugs
            ours = translated(error, self._target(litellm, request))
            raise ours from (None if ours.__traceback__ else error)  # one raised below litellm has its own story
        finally:
            _asking.reset(token)
        return self._completion(litellm, request, answer, self._clock() - started)

    def _arguments(self, request: CompletionRequest, schema: Mapping[str, JsonValue] | None) -> dict[str, object]:
        arguments: dict[str, object] = {
            "model": request.model or self.model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "temperature": request.temperature,
            "timeout": self._timeout,
            "num_retries": 0,
            "max_retries": 0,
            "drop_params": True,
        }
        if request.max_tokens is not None:
            arguments["max_tokens"] = request.max_tokens
        if schema is not None:
            answer = {"name": "answer", "schema": dict(schema), "strict": True}
            arguments["response_format"] = {"type": "json_schema", "json_schema": answer}
        if self._is_own(request):
            arguments |= {"api_base": self._api_base, "api_key": self._api_key}
        return arguments

    def _is_own(self, request: CompletionRequest) -> bool:
        return request.model in (None, self.model)

    def _target(self, litellm: ModuleType, request: CompletionRequest) -> Target:
        own = self._is_own(request)
        model = request.model or self.model
        return Target(
            model=model,
            api_base=self._api_base if own else None,
            key_variables=_key_variables(litellm, model),
            secrets=[*_secrets(), *([self._api_key] if self._api_key else [])],
            timeout=self._timeout,
        )

    def _completion(
        self, litellm: ModuleType, request: CompletionRequest, answer: _Answer, seconds: float
    ) -> Completion:
        if not answer.choices:
            raise ModelUnreachable(f"model '{request.model or self.model}': gave no usable answer; try again later")
        choice = answer.choices[0]
        return Completion(
            text=choice.message.content or "",
            model=request.model or self.model,
            usage=_usage(answer.usage),
            cost_usd=0.0 if self._free and self._is_own(request) else _cost(litellm, answer),
            finish_reason=_FINISH.get(choice.finish_reason, "other"),
            seconds=seconds,
        )


# What is read of litellm's answer.


class _Message(Protocol):
    content: str | None


class _Choice(Protocol):
    finish_reason: str
    message: _Message


class _PromptDetails(Protocol):
    cached_tokens: int | None


class _Usage(Protocol):
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: _PromptDetails | None


class _Answer(Protocol):
    choices: Sequence[_Choice]
    usage: _Usage


def _usage(usage: _Usage) -> Usage:
    details = usage.prompt_tokens_details
    return Usage(usage.prompt_tokens, usage.completion_tokens, (details and details.cached_tokens) or 0)


def _cost(litellm: ModuleType, answer: _Answer) -> float | None:
    try:
        cost = float(litellm.completion_cost(completion_response=answer))
    except Exception:  # noqa: BLE001 - a model without a price is a bare Exception there, and no failed call
        return None
    return cost or None


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, RateLimited) else None
    return _growing_pause(state) if asked is None else asked


def _is_worth_a_retry(error: BaseException) -> bool:
    if isinstance(error, RateLimited) and (error.retry_after or 0) > LONGEST_PAUSE:
        return False
    return isinstance(error, CompletionError) and error.transient


def _key_variables(litellm: ModuleType, model: str) -> list[str]:
    """The environment variables that litellm looks into for the model's key."""
    missing = list(litellm.validate_environment(model=model)["missing_keys"])
    if missing:
        return missing
    try:
        _, provider, _, _ = litellm.get_llm_provider(model=model)
    except litellm.BadRequestError:  # no provider in the name
        return []
    return [f"{str(provider).upper()}_API_KEY"]


def _secrets() -> list[str]:
    return [value for name, value in os.environ.items() if _HOLDS_A_SECRET.fullmatch(name.upper())]


def _litellm() -> ModuleType:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else its import fetches a price list
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")  # else its import reads a .env of the working directory
    try:
        litellm = import_module("litellm")  # here and not above, as it takes three seconds
    except ImportError as error:
        what = f"models are asked through litellm, which cannot be imported ({error})"
        raise CompletionRefused(f"{what}; run pip install 'plait[planner]'") from error
    logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)
    # Cancelled at the wrong moment, it drops what it has just begun, which Python would tell on standard error.
    warnings.filterwarnings("ignore", r"coroutine '\w+\.acompletion' was never awaited", RuntimeWarning)
    # Else it prints to stdout, and speaks by aiohttp, which leaves sessions open that nothing here could close.
    vars(litellm).update(suppress_debug_info=True, disable_aiohttp_transport=True)
    return litellm


# litellm keeps its connections for the whole process, by the id of the event loop: whoever leaves last closes those.

_USERS: WeakKeyDictionary[AbstractEventLoop, WeakSet[LitellmClient]] = WeakKeyDictionary()


def _users_here() -> WeakSet[LitellmClient]:
    return _USERS.setdefault(asyncio.get_running_loop(), WeakSet())


def _take_connections(litellm: ModuleType) -> list[object]:
    cache = litellm.in_memory_llm_clients_cache
    here = f"-{id(asyncio.get_running_loop())}"
    keys = [key for key in cache.cache_dict if key.endswith(here)]
    connections = [cache.cache_dict[key] for key in keys]
    for key in keys:
        cache.delete_cache(key)
    return connections


async def _close(connections: Sequence[object]) -> None:
    for connection in connections:
        close = getattr(connection, "aclose", None) or getattr(connection, "close", None)
        if close is not None and isawaitable(closing := close()):
            await closing
