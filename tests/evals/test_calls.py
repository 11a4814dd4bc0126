from __future__ import annotations

import asyncio
from typing import Protocol

from evals.calls import Counted, Numbered, call_id, current_call
from runtime import Completion, CompletionClient, CompletionRequest, Message


class Telling:
    """Answers with the name of the call."""

    async def complete(self, request: CompletionRequest) -> Completion:
        await asyncio.sleep(0)
        return Completion(f"{request.messages[0].content} is {current_call()}", model="telling")


class Wrap(Protocol):
    def __call__(self, client: CompletionClient, name: str) -> CompletionClient: ...


def told(wrap: Wrap, *texts: str) -> list[str]:
    async def all_of_them() -> list[str]:
        client = wrap(Telling(), "chain/1")
        asked = [CompletionRequest((Message("user", text),)) for text in texts]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(client.complete(each)) for each in asked]
        return [task.result().text for task in tasks]

    return asyncio.run(all_of_them())


def test_calls_are_numbered_in_the_order_they_come() -> None:
    assert told(Numbered, "a", "b", "a") == ["a is chain/1/1", "b is chain/1/2", "a is chain/1/3"]


def test_calls_at_once_are_numbered_among_equal_ones() -> None:
    assert told(Counted, "a", "b", "a") == ["a is chain/1/1", "b is chain/1/1", "a is chain/1/2"]
    assert told(Counted, "b", "a", "a") == ["b is chain/1/1", "a is chain/1/1", "a is chain/1/2"]


def test_a_call_has_its_name_inside_alone() -> None:
    with call_id("outer"):
        with call_id("inner"):
            assert current_call() == "inner"
        assert current_call() == "outer"
    assert current_call() is None
