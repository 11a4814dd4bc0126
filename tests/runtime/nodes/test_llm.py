from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.completion import (
    CassetteMiss,
    Completion,
    CompletionError,
    CompletionRefused,
    CompletionRequest,
    ContextExceeded,
    Message,
    ModelUnreachable,
    NotAuthorised,
    RateLimited,
    ScriptedClient,
    Usage,
)
from runtime.issues import JsonValue
from runtime.node_types import NodeContext, NodeFailed
from runtime.nodes.llm import llm
from tests.node_bench import Bench


def fails(bench: Bench, answer: str | Completion | CompletionError, **more: JsonValue) -> NodeFailed:
    with pytest.raises(NodeFailed) as caught:
        bench.run(llm, {"prompt": "hello", **more}, ScriptedClient([answer]))
    return caught.value


def test_it_asks_and_gives_back_the_answer_with_what_it_cost(bench: Bench) -> None:
    client = ScriptedClient([Completion("hi", "small", Usage(3, 1, 2), cost_usd=0.5)])
    assert bench.run(llm, {"prompt": "hello"}, client) == {
        "result": "hi",
        "model": "small",
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "cached_tokens": 2},
        "cost_usd": 0.5,
        "action": "default",
    }
    assert client.requests == [CompletionRequest((Message("user", "hello"),))]
    assert llm.aliases == {"response": "result"}


def test_every_param_reaches_the_model(bench: Bench) -> None:
    schema: JsonValue = {"type": "object"}
    params: dict[str, JsonValue] = {"prompt": "p", "system": "s", "model": "m", "temperature": 1, "max_tokens": 5}
    client = ScriptedClient(["{}"])
    bench.run(llm, {**params, "output_schema": schema}, client)
    messages = (Message("system", "s"), Message("user", "p"))
    assert client.requests == [CompletionRequest(messages, "m", 1.0, 5, {"type": "object"})]


def test_a_prompt_that_is_one_reference_may_bring_any_value(bench: Bench) -> None:
    client = ScriptedClient(["ok"])
    bench.run(llm, {"prompt": "${a.x}"}, client, a={"x": {"k": [1]}})
    assert client.requests[0].messages[-1].content == '{"k":[1]}'
    assert bench.problems(llm, {"prompt": 5}) == [("/prompt", "param_type")]


def test_without_a_model_it_says_how_to_name_one(bench: Bench) -> None:
    failure = bench.failure(llm, {"prompt": "hello"})
    assert failure.code == "model_unavailable"
    assert "PLAIT_MODEL" in failure.message


@pytest.mark.parametrize(
    ("error", "code", "transient"),
    [
        (ModelUnreachable("gone"), "model_unreachable", True),
        (RateLimited("slow down", retry_after=7), "rate_limited", True),
        (NotAuthorised("no key"), "not_authorised", False),
        (ContextExceeded("too long"), "context_exceeded", False),
        (CompletionRefused("no"), "completion_refused", False),
        (CassetteMiss("not recorded"), "cassette_miss", False),
        (CompletionError("odd"), "completion_failed", False),
    ],
)
def test_an_error_of_the_model_keeps_its_words(
    bench: Bench, error: CompletionError, code: str, transient: bool
) -> None:
    failure = fails(bench, error)
    assert (failure.code, failure.message, failure.transient) == (code, str(error), transient)
    assert failure.retry_after == getattr(error, "retry_after", None)


def test_an_answer_cut_at_its_length_is_a_failure_that_shows_it(bench: Bench) -> None:
    failure = fails(bench, Completion("half an ans", "small", finish_reason="length"), max_tokens=3)
    assert (failure.code, failure.outputs["result"]) == ("output_cut", "half an ans")
    assert "max_tokens (3)" in failure.message


def test_with_a_schema_the_result_is_the_value(bench: Bench) -> None:
    params: dict[str, JsonValue] = {"prompt": "p", "output_schema": {"type": "object"}}
    assert bench.run(llm, params, ScriptedClient([' {"a": [1]}\n']))["result"] == {"a": [1]}


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("object", "no json"),
        ("object", '{"a": NaN}'),
        ("object", '{"a": "\\ud800"}'),
        ("object", "[]"),
        ("array", "{}"),
        ("integer", "true"),
        ("number", '"1"'),
        ("string", "null"),
    ],
)
def test_an_answer_that_is_not_what_the_schema_says_is_a_failure(bench: Bench, kind: str, answer: str) -> None:
    failure = fails(bench, answer, output_schema={"type": kind})
    assert (failure.code, failure.outputs["result"]) == ("output_invalid", answer)


def test_what_it_needs() -> None:
    assert list(llm.capabilities({"prompt": "p"})) == ["model"]
    assert list(llm.capabilities({"model": "m"})) == ["model:m"]
    assert list(llm.capabilities({"model": "${a.x}"})) == ["model"]
    assert list(llm.effects({})) == []


ROUTED = NodeContext("run", "review", 1, Path(), actions=("approved", "rejected"))


def test_a_step_whose_actions_are_routed_chooses_one_under_a_constrained_answer() -> None:
    client = ScriptedClient(['{"result": "good", "action": "approved"}'])
    chosen = asyncio.run(llm.call(llm.params(prompt="Is it good?"), replace(ROUTED, completions=client)))
    assert (chosen.action, chosen.outputs["result"], chosen.outputs["action"]) == ("approved", "good", "approved")
    schema = client.requests[0].schema
    assert schema is not None
    assert schema["properties"] == {"result": {"type": "string"}, "action": {"enum": ["approved", "rejected"]}}
    assert client.requests[0].messages[0].content.endswith("The action is one of: approved, rejected.")


@pytest.mark.parametrize("answer", ['{"result": "x", "action": "maybe"}', '{"result": "x"}', "approved"])
def test_an_answer_that_chooses_none_of_the_actions_fails_the_step(answer: str) -> None:
    context = replace(ROUTED, completions=ScriptedClient([answer]))
    with pytest.raises(NodeFailed) as caught:
        asyncio.run(llm.call(llm.params(prompt="Is it good?"), context))
    assert caught.value.code == "output_invalid"
