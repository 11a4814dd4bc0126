"""One step over many items: a few workers share one line of items, so that no more tasks live than may work at once.

Results stand in the items' order, whatever the order of their ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field

from runtime.attempt import Ended, Outcome, Seat, World, run_attempts
from runtime.issues import JsonValue
from runtime.limits import Places
from runtime.node_types import NodeFailed
from runtime.program import Unit
from runtime.references import MissingValue, Scope
from runtime.shape import show
from runtime.workflow import Batch, JsonObject

Progress = Callable[[int, int], None]  # items done, items in all


class ItemScope(dict[str, JsonValue]):
    """What an item's references see: the item and its index before everything else."""

    def __init__(self, outer: Scope, batch: Batch, index: int, item: JsonValue) -> None:
        self._outer = outer
        super().__init__({"item": item, batch.as_: item, "index": index})

    def __missing__(self, name: str) -> JsonValue:
        return self._outer[name]


class _ItemFailed(Exception):
    """The first failure of a batch that fails fast."""

    def __init__(self, index: int, failure: NodeFailed) -> None:
        self.index, self.failure = index, failure
        super().__init__()


@dataclass(slots=True)
class _Tally:
    """What has come of the items so far."""

    results: list[JsonValue]
    begun: int = 0
    done: int = 0
    errors: list[tuple[int, JsonValue, NodeFailed]] = field(default_factory=list)

    def take(self, index: int, item: JsonValue, outcome: Outcome) -> None:
        self.done += 1
        if isinstance(outcome, Ended):
            self.results[index] = outcome.outputs
        else:
            self.errors.append((index, item, outcome))

    @property
    def touched(self) -> bool:
        """Whether some item may have touched something: all that began, but for those that say they have not."""
        return self.begun > sum(not failure.touched for _, _, failure in self.errors)

    def outputs(self) -> JsonObject:
        errors: list[JsonValue] = [
            {"index": index, "item": item, "error": {"code": failure.code, "message": failure.message}}
            for index, item, failure in sorted(self.errors, key=lambda error: error[0])
        ]
        good = self.done - len(errors)
        counts: JsonObject = {"count": len(self.results), "success_count": good, "error_count": len(errors)}
        return {"results": self.results, **counts, "errors": errors}


async def run_batch(
    unit: Unit, batch: Batch, scope: Scope, world: World, places: Places, progress: Progress, most: int
) -> Outcome:
    """All items of a batch step, if there are at most so many.

    With `fail_fast` the first failure ends it; with `continue` failures are counted.
    """
    items = _items(unit, batch, scope)
    if isinstance(items, NodeFailed):
        return items
    if len(items) > most:
        return NodeFailed("batch_limit", f"batch.items has {len(items)} items; {most} are the limit", touched=False)
    tally, line = _Tally([None] * len(items)), iter(enumerate(items))

    async def worker() -> None:
        for index, item in line:
            tally.begun += 1
            outcome = await _one(unit, batch, ItemScope(scope, batch, index, item), world, places)
            tally.take(index, item, outcome)
            progress(tally.done, len(items))
            if isinstance(outcome, NodeFailed) and batch.on_error == "fail_fast":
                raise _ItemFailed(index, outcome)
            await asyncio.sleep(0)  # items that never wait must not keep the rest of the run from its turn

    try:
        await _together(worker, min(batch.max_concurrent if batch.parallel else 1, len(items)))
    except BaseExceptionGroup as group:
        failed, defects = group.split(_ItemFailed)
        if failed is None or defects is not None:
            raise
        return _first(failed, tally)
    return Ended(tally.outputs(), trouble=_trouble(tally))


async def _together(worker: Callable[[], Coroutine[None, None, None]], count: int) -> None:
    async with asyncio.TaskGroup() as workers:
        for _ in range(count):
            workers.create_task(worker())


async def _one(unit: Unit, batch: Batch, scope: Scope, world: World, places: Places) -> Outcome:
    seat = Seat(places, unit.limits)
    await seat.take()
    try:
        return await run_attempts(unit, scope, world, seat)
    finally:
        seat.leave()


def _items(unit: Unit, batch: Batch, scope: Scope) -> list[JsonValue] | NodeFailed:
    try:
        items = batch.items if unit.items is None else unit.items(scope)
    except MissingValue as missing:
        return NodeFailed("missing_value", str(missing))
    if not isinstance(items, list):
        return NodeFailed("batch_items", f"batch.items is no list; found {show(items)}")
    return items


def _first(failed: BaseExceptionGroup[_ItemFailed], tally: _Tally) -> NodeFailed:
    first = next(_leaves(failed))
    message = f"item {first.index}: {first.failure.message}"
    return NodeFailed(first.failure.code, message, tally.outputs(), touched=tally.touched)


def _leaves(group: BaseExceptionGroup[_ItemFailed]) -> Iterator[_ItemFailed]:
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from _leaves(each)
        else:
            yield each


def _trouble(tally: _Tally) -> tuple[str, str] | None:
    if not tally.errors:
        return None
    index, _, failure = min(tally.errors, key=lambda error: error[0])
    many = f"{len(tally.errors)} of {len(tally.results)} items failed"
    return failure.code, f"{many}; the first, item {index}: {failure.message}"
