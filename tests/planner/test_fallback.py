"""One model after the other, until one answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from planner.fallback import Fallback
from runtime.completion import (
    CassetteMiss,
    Completion,
    CompletionError,
    CompletionRequest,
    ContextExceeded,
    Message,
    ModelUnreachable,
    NotAuthorised,
    RateLimited,
)

HELLO = CompletionRequest((Message("user", "hello"),))


class Models:
    """Answers for each model by its name, with an error or with its name; keeps who was asked."""

    def __init__(self, errors: Mapping[str, CompletionError]) -> None:
        self.errors, self.asked = dict(errors), list[str | None]()

    async def complete(self, request: CompletionRequest) -> Completion:
        self.asked.append(request.model)
        if request.model in self.errors:
            raise self.errors[request.model]
        return Completion(f"I am {request.model}", model=request.model or "")


def answers(client: Fallback, *requests: CompletionRequest) -> list[str]:
    async def ask() -> list[str]:
        return [(await client.complete(request)).text for request in requests or (HELLO,)]

    return asyncio.run(ask())


def test_the_first_model_answers_where_it_can() -> None:
    models = Models({})
    assert answers(Fallback(models, ["a", "b"])) == ["I am a"]
    assert models.asked == ["a"]


@pytest.mark.parametrize("error", [ModelUnreachable("down"), RateLimited("later", 9), NotAuthorised("no key")])
def test_the_next_is_asked_and_the_failed_one_passed_over_from_then_on(error: CompletionError) -> None:
    models, told = Models({"a": error}), list[str]()
    client = Fallback(models, ["a", "b"], lambda model, said: told.append(f"{model}: {said}"))
    assert answers(client, HELLO, HELLO) == ["I am b", "I am b"]
    assert models.asked == ["a", "b", "b"]
    assert told == [f"a: {error}"]


def test_a_model_for_which_one_request_was_too_long_is_asked_the_next() -> None:
    models = Models({"a": ContextExceeded("too long")})
    answers(Fallback(models, ["a", "b"]), HELLO, HELLO)
    assert models.asked == ["a", "b", "a", "b"]


def test_when_none_answers_all_that_was_said_is_told() -> None:
    client = Fallback(Models({"a": ModelUnreachable("a is down"), "b": NotAuthorised("b has no key")}), ["a", "b"])
    with pytest.raises(NotAuthorised, match="a is down\nb has no key"):
        answers(client)


def test_when_all_have_failed_all_are_asked_once_more() -> None:
    models = Models({"a": ModelUnreachable("down")})
    client = Fallback(models, ["a"])
    with pytest.raises(ModelUnreachable, match=r"^down$"):
        answers(client)
    models.errors.clear()
    assert answers(client) == ["I am a"]


def test_a_missing_recording_is_no_reason_to_ask_another() -> None:
    models = Models({"a": CassetteMiss("not recorded")})
    with pytest.raises(CassetteMiss):
        answers(Fallback(models, ["a", "b"]))
    assert models.asked == ["a"]


def test_a_request_that_names_its_model_asks_that_one_alone() -> None:
    models = Models({"c": ModelUnreachable("down")})
    with pytest.raises(ModelUnreachable):
        answers(Fallback(models, ["a", "b"]), CompletionRequest(HELLO.messages, model="c"))
    assert models.asked == ["c"]
