"""One try of one node, and whether to try again: resolve the params, call the type in its time, classify the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor as Threads
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from runtime.grants import Grants
from runtime.graph import DEFAULT
from runtime.issues import JsonValue, PlaitError, pointer
from runtime.limits import Places
from runtime.node_types import NodeContext, NodeFailed, NodeType, Routed
from runtime.program import Task
from runtime.references import MissingValue, Scope, copy_json
from runtime.shape import requirement, show
from runtime.threads import in_thread
from runtime.workflow import JsonObject, Retry


class World(Protocol):
    """What an attempt needs of the run around it."""

    @property
    def grants(self) -> Grants: ...

    def context(self, task: Task, attempt: int) -> NodeContext: ...

    def threads(self) -> Threads: ...

    def jitter(self) -> float: ...


class Ended(NamedTuple):
    """A node's work is done."""

    outputs: JsonObject
    action: str = DEFAULT
    trouble: tuple[str, str] | None = None


T = TypeVar("T")
Outcome: TypeAlias = Ended | NodeFailed


@dataclass(slots=True)
class Seat:
    """The places a node holds while it works, and how often it has tried."""

    places: Places
    limits: tuple[str, ...]
    held: bool = False
    attempts: int = 0

    def leave(self) -> None:
        if self.held:
            self.held = False
            self.places.release(self.limits)

    async def take(self) -> None:
        if not self.limits:
            self.held = True
            return
        granted = asyncio.get_running_loop().create_future()
        grant = partial(self._granted, granted)
        self.places.request(self.limits, grant)
        try:
            await granted
        except asyncio.CancelledError:
            if not self.places.withdraw(self.limits, grant):
                self.leave()
            raise

    def _granted(self, waiting: asyncio.Future[None]) -> None:
        self.held = True
        if not waiting.done():
            waiting.set_result(None)


async def run_attempts(task: Task, scope: Scope, world: World, seat: Seat) -> Outcome:
    """Tries until it works or must not be tried again. While it only waits it holds no place."""
    touched = False
    while True:
        seat.attempts += 1
        try:
            return await try_once(task, scope, world, seat.attempts)
        except NodeFailed as failure:
            touched = failure.touched = failure.touched or touched
            pause = pause_before_retry(task, failure, seat.attempts, world.jitter)
            if pause is None or is_being_cancelled():
                return failure
        seat.leave()
        await asyncio.sleep(pause)
        await seat.take()


def is_being_cancelled() -> bool:
    """Whether somebody has asked the running task to end, whatever it made of that."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def try_once(task: Task, scope: Scope, world: World, attempt: int) -> Ended:
    """One try; NodeFailed says how it ended if not well."""
    node_type = task.type
    params = _resolved(task, scope)
    for capability in node_type.capabilities(params):
        if not world.grants.cover(capability):
            hint = f"grant it with --allow {capability}"
            raise NodeFailed("capability_denied", f"the capability '{capability}' was not granted; {hint}")
    model = _validated(node_type, params)
    limit = _shorter(task.timeout, getattr(model, "timeout", None)) if task.own_timeout else task.timeout
    work = _call(node_type, model, world, world.context(task, attempt))
    returned = await (work if limit is None else _within(limit, work))
    action = returned.action if isinstance(returned, Routed) else DEFAULT
    return Ended(_own_copy(node_type, returned), action)


async def _within(seconds: float, work: Awaitable[object]) -> object:
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise NodeFailed("timeout", f"it took longer than its timeout of {seconds:g} seconds") from None


async def _call(node_type: NodeType, model: BaseModel, world: World, context: NodeContext) -> object:
    try:
        if node_type.is_async:
            return await node_type.call(model, context)
        return await in_thread(world.threads(), partial(node_type.call, model, context))
    except NodeFailed:
        raise
    except asyncio.CancelledError:
        if is_being_cancelled():
            raise
        raise NodeFailed("node_error", "it cancelled itself") from None
    except PlaitError as error:
        raise NodeFailed("node_error", str(error)) from error
    except Exception as error:  # a node type may be anyone's code; whatever it raises is its failure, not the run's
        raise NodeFailed("node_error", f"{type(error).__name__}: {error}") from error


def settled(task: Task, scope: Scope) -> Task:
    """The task with every reference replaced by what it is now. Raises NodeFailed."""
    return replace(task, params=_resolved(task, scope), resolve=None)


def _resolved(task: Task, scope: Scope) -> JsonObject:
    """The step's own copy of its params, with every reference replaced by its value."""
    try:
        params = copy_json(task.params) if task.resolve is None else task.resolve(scope)
    except MissingValue as missing:
        raise NodeFailed("missing_value", str(missing)) from None
    return params  # type: ignore[return-value]  # params are an object, and resolving keeps the shape


def _validated(node_type: NodeType, params: JsonObject) -> BaseModel:
    try:
        return node_type.params.model_validate(params)
    except ValidationError as error:
        details = error.errors(include_url=False)
    places = [
        f"params{pointer(*each['loc'])}: found {show(each['input'])}; must be {requirement(each)}"
        for each in details[:3]
    ]
    raise NodeFailed("param_type", "; ".join(places))


def _own_copy(node_type: NodeType, returned: object) -> JsonObject:
    try:
        return copy_json(node_type.read(returned))  # type: ignore[return-value]  # it copies an object to an object
    except (TypeError, ValueError, RecursionError) as error:
        message = f"the outputs of '{node_type.name}' cannot be recorded as JSON: {error}"
        raise NodeFailed("output_not_json", message) from None


def _shorter(one: float | None, other: JsonValue) -> float | None:
    limits = [float(each) for each in (one, other) if isinstance(each, int | float)]
    return min(limits, default=None)


def pause_before_retry(task: Task, failure: NodeFailed, attempt: int, jitter: Callable[[], float]) -> float | None:
    """Seconds to wait before the next attempt, None if there is none to make.

    Exponential backoff with up to a tenth more or less by `jitter` (0 to 1); a server's `Retry-After` is a lower bound;
    `max_wait` bounds them all.
    """
    retry = task.retry
    if attempt >= retry.max_attempts or not _may_retry(task.type, retry, failure):
        return None
    wait = min(_backed_off(retry, attempt), retry.max_wait) * (0.9 + 0.2 * jitter())
    return min(max(wait, failure.retry_after or 0.0), retry.max_wait)


def _backed_off(retry: Retry, attempt: int) -> float:
    try:
        return retry.wait * retry.backoff ** (attempt - 1)
    except OverflowError:
        return retry.max_wait


def _may_retry(node_type: NodeType, retry: Retry, failure: NodeFailed) -> bool:
    if retry.on is not None:
        return failure.code in retry.on
    if failure.transient is not None:
        return failure.transient
    return failure.code in node_type.transient
