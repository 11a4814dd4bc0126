"""A model's name to a client: opened when first asked for, once, and closed with the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from planner.model_download import MODEL
from planner.opening import Answers, ModelMissing, OpenedForEach, OpenModels, open_model
from runtime.completion import CompletionClient, CompletionRequest, Message, ModelUnreachable, ScriptedClient

HELLO = CompletionRequest((Message("user", "hello"),))


class Opener:
    """Opens scripted clients, and keeps what was opened and closed."""

    def __init__(self) -> None:
        self.log: list[str] = []

    @asynccontextmanager
    async def __call__(self, name: str, answers: Answers) -> AsyncIterator[CompletionClient]:
        self.log.append(f"open {name} {answers}")
        await asyncio.sleep(0)  # others come in between
        try:
            yield ScriptedClient([f"{name} says hello"] * 2)
        finally:
            self.log.append(f"close {name}")


def test_a_model_is_opened_once_however_many_ask_at_once_and_closed_at_the_end() -> None:
    opener = Opener()

    async def ask() -> int:
        async with OpenModels(opener) as models, asyncio.TaskGroup() as group:
            asked = [group.create_task(models.client(name, "real")) for name in ("a", "b", "a")]
        return len({id(task.result()) for task in asked})

    assert asyncio.run(ask()) == 2
    assert opener.log == ["open a real", "open b real", "close b", "close a"]


def test_a_model_that_is_not_there_is_missing_and_out_of_reach() -> None:
    async def ask() -> None:
        async with OpenModels() as models:
            await models.client("local:/nowhere.gguf", "real")

    with pytest.raises(ModelMissing, match=r"/nowhere\.gguf: the model is not there") as missing:
        asyncio.run(ask())
    assert isinstance(missing.value, ModelUnreachable)


@pytest.mark.parametrize("name", ["local", MODEL.name, "local:/nowhere.gguf", "openai/some-model"])
def test_of_a_model_whose_answers_are_recorded_nothing_is_started(name: str) -> None:
    async def opened() -> None:
        async with open_model(name, "recorded"):
            pass

    asyncio.run(opened())


def test_opened_for_each_call_it_is_closed_after_each() -> None:
    opener = Opener()
    client = OpenedForEach("a", "real", opener)
    assert [asyncio.run(client.complete(HELLO)).text for _ in range(2)] == ["a says hello"] * 2
    assert opener.log == ["open a real", "close a"] * 2
