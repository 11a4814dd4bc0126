"""`--max-cost`: model calls until they have cost enough."""

from __future__ import annotations

import asyncio
import math

import pytest

from plait.spending import Capped
from plait.wiring import answering
from runtime.completion import Completion, CompletionRefused, CompletionRequest, Message, ScriptedClient
from tests.command_line import Call, Write, llm, pipeline

HELLO = CompletionRequest((Message("user", "hello"),))


def costing(*costs: float | None) -> ScriptedClient:
    return ScriptedClient([Completion(f"for {cost}", "some-model", cost_usd=cost) for cost in costs])


def asked(client: ScriptedClient, limit: float, times: int) -> list[str]:
    """What each call gave, in text or in its refusal."""
    capped, told = Capped(client, limit), list[str]()

    async def ask() -> None:
        for _ in range(times):
            try:
                told.append((await capped.complete(HELLO)).text)
            except CompletionRefused as refused:
                told.append(str(refused))

    asyncio.run(ask())
    return told


def test_calls_are_passed_on_until_their_sum_reaches_the_limit() -> None:
    client = costing(0.25, 0.25, 0.25)
    told = asked(client, 0.5, 3)
    assert told[:2] == ["for 0.25", "for 0.25"]
    assert told[2] == (
        "the model calls of this run have cost 0.5 USD, and --max-cost allows 0.5; give it a higher limit"
    )
    assert len(client.requests) == 2


def test_free_calls_use_nothing_up() -> None:
    assert asked(costing(0.0, 0.0), 0.01, 2) == ["for 0.0", "for 0.0"]


@pytest.mark.parametrize("limit", [0.0, math.nan])
def test_a_limit_that_allows_nothing_lets_no_call_through(limit: float) -> None:
    client = costing(0.1)
    assert "--max-cost allows" in asked(client, limit, 1)[0]
    assert client.requests == []


def test_a_call_of_unknown_cost_is_refused_and_none_follows_it() -> None:
    client = costing(None, 0.1)
    assert ["nobody knows what a call of some-model costs" in each for each in asked(client, 5, 2)] == [True, True]
    assert len(client.requests) == 1


def test_a_run_fails_at_the_call_that_would_cost_too_much(call: Call, write: Write) -> None:
    document = pipeline(llm("one", "hello"), llm("two", "${one.result}"))
    with answering(costing(0.2, 0.2)):
        ran = call("run", write(document), "--max-cost", "0.1", "--json")
    assert (ran.code, ran.object["status"]) == (1, "failed")
    assert "completion_refused" in ran.out
    with answering(costing(0.2, 0.2)):
        assert call("run", write(document), "--max-cost", "1").code == 0


def test_a_negative_limit_is_bad_usage(call: Call, write: Write) -> None:
    assert call("run", write(pipeline(llm("one", "hello"))), "--max-cost", "-1").code == 2
