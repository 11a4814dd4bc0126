"""`plan()`: a request in plain words to an accepted workflow. The only part of planning that asks a model."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never, cast

from planner.attempt import Attempt, Strategy, total_cost, total_usage
from planner.catalog import answer_schema, longest_text, offered
from planner.editing import editable
from planner.errors import NotAccepted
from planner.parsing import parse_answer
from planner.prompting import SHIPPED, Correction, Prompts, render_messages
from planner.repair import BUDGET, POLICY, Accept, Ask, Budget, GiveUp, Policy, next_move
from planner.request import Request, read_request
from planner.validation import Check, judge, reasons
from runtime.completion import Completion, CompletionClient, CompletionRequest, Usage
from runtime.issues import JsonValue
from runtime.node_types import Registry
from runtime.synchronous import synchronous


@dataclass(frozen=True, slots=True)
class Plan:
    """An accepted workflow in pipeline form, the attempt that gave it, and what all attempts took.

    `cost_usd` None: unknown. `seconds` are wall time.
    """

    workflow: Mapping[str, JsonValue]
    accepted: Attempt
    attempts: tuple[Attempt, ...]
    usage: Usage
    cost_usd: float | None
    model: str
    seconds: float


async def plan(
    request: str,
    *,
    completions: CompletionClient,
    registry: Registry,
    inputs: Mapping[str, str] | None = None,
    model: str | None = None,
    budget: Budget = BUDGET,
    policy: Policy = POLICY,
    checks: Sequence[Check] = (),
    on_attempt: Callable[[Attempt], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
    prompts: Prompts = SHIPPED,
    change: JsonValue = None,
) -> Plan:
    """Asks until an answer is accepted. Raises InvalidRequest, NotAccepted, or the CompletionError of a failed call.

    `inputs` maps the name of each input to its JSON type or a description; their values are never sent. `checks` are
    further rules of acceptance. `on_attempt` sees each attempt as it is judged. `change` is a workflow that the request
    is to change: what it does not speak of stays.
    """
    base = None if change is None else editable(change, registry)
    asked, began = read_request(request, inputs, base), clock()
    shown = offered(registry, asked, budget.catalogue_tokens)
    schema = answer_schema(shown, longest_text(asked))
    attempts: tuple[Attempt, ...] = ()
    while True:
        move = next_move(attempts, budget, policy, clock() - began)
        match move:
            case Accept(attempt):
                return _planned(attempt, attempts, clock() - began)
            case GiveUp(reason):
                raise NotAccepted(reason, attempts)
            case Ask(strategy):
                correction, room = _correction(strategy, attempts), budget.catalogue_tokens
                messages = render_messages(asked, shown, correction, room=room, prompts=prompts)
                wanted = CompletionRequest(messages, model, max_tokens=budget.answer_tokens, schema=schema)
                completion = await completions.complete(wanted)
                answered = _answered(completion, len(attempts) + 1, strategy)
                attempts += (_judged(answered, asked, registry, checks, policy),)
                if on_attempt:
                    on_attempt(attempts[-1])
            case _:
                assert_never(move)


plan_sync = synchronous(plan)


def _correction(strategy: Strategy | None, attempts: Sequence[Attempt]) -> Correction | None:
    if strategy is None:
        return None
    last = attempts[-1]
    return Correction(strategy, reasons(last.issues, last.written), last.written)


def _answered(completion: Completion, number: int, strategy: Strategy | None) -> Attempt:
    return Attempt(
        number=number,
        text=completion.text,
        usage=completion.usage,
        cost_usd=completion.cost_usd,
        seconds=completion.seconds,
        finish_reason=completion.finish_reason,
        model=completion.model,
        strategy=strategy,
    )


def _judged(attempt: Attempt, request: Request, registry: Registry, checks: Sequence[Check], policy: Policy) -> Attempt:
    """The attempt with what is in its text, and what is wrong with it."""
    parsed = parse_answer(attempt.text, attempt.finish_reason)
    if parsed.issues:
        return replace(attempt, candidate=parsed.value, written=parsed.value, issues=parsed.issues, notes=parsed.notes)
    verdict = judge(parsed.value, request, registry, checks, parallel=policy.parallelize)
    return replace(
        attempt,
        candidate=verdict.candidate,
        written=verdict.written,
        issues=verdict.issues,
        notes=(*parsed.notes, *verdict.notes),
    )


def _planned(accepted: Attempt, attempts: tuple[Attempt, ...], seconds: float) -> Plan:
    return Plan(
        workflow=cast("dict[str, JsonValue]", accepted.candidate),  # examined: an object
        accepted=accepted,
        attempts=attempts,
        usage=total_usage(attempts),
        cost_usd=total_cost(attempts),
        model=accepted.model,
        seconds=seconds,
    )
