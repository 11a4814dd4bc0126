"""The repair loop as a state machine: from the attempts so far to the next move. It holds no client and no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from planner.attempt import Attempt, Strategy, total_cost, total_usage
from runtime.issues import errors_of


@dataclass(frozen=True, slots=True)
class Budget:
    """What planning may spend. None is no limit; `answer_tokens` bounds each single answer, `catalogue_tokens` what a
    prompt says of node types."""

    attempts: int = 4
    tokens: int | None = None
    cost_usd: float | None = None
    seconds: float | None = None
    answer_tokens: int = 2000
    catalogue_tokens: int = 2000


@dataclass(frozen=True, slots=True)
class Policy:
    """`strategies` are taken in turn; a set of issues that is met `repeats` times, in a row or not, is the last.

    `parallelize`: what is accepted is freed of false waits. `second_looks` attempts more, under the strategy
    `completing`, are made where an accepted workflow lacks something that the request names, or a step that takes what
    is read; the one that lacks least is taken.
    """

    strategies: tuple[Strategy, ...] = ("fresh", "conversation")
    repeats: int = 3
    parallelize: bool = True
    second_looks: int = 1
    completing: Strategy = "conversation"


BUDGET, POLICY = Budget(), Policy()


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the model; `strategy` None is the first time."""

    strategy: Strategy | None = None


@dataclass(frozen=True, slots=True)
class Accept:
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class GiveUp:
    reason: str


Move: TypeAlias = Ask | Accept | GiveUp


def next_move(attempts: Sequence[Attempt], budget: Budget, policy: Policy, elapsed: float) -> Move:
    """What to do after the attempts so far; `elapsed` in seconds since the first was begun."""
    spent = _spent(attempts, budget, elapsed)
    if accepted := [attempt for attempt in attempts if attempt.accepted]:
        best = min(accepted, key=lambda attempt: len(attempt.lacks))
        looks = len(attempts) - attempts.index(accepted[0]) - 1
        if spent or not best.lacks or looks >= policy.second_looks:
            return Accept(best)
        return Ask(_legible(policy.completing, attempts))
    if reason := _impossible(attempts) or spent or _stuck(attempts, policy):
        return GiveUp(reason)
    return Ask(_strategy(attempts, policy) if attempts else None)


def _impossible(attempts: Sequence[Attempt]) -> str:
    """What the model says cannot be done: asking again would only make it invent something."""
    issues = attempts[-1].issues if attempts else ()
    return "; ".join(issue.message for issue in issues if issue.code == "cannot_do")


def _spent(attempts: Sequence[Attempt], budget: Budget, elapsed: float) -> str:
    """Which part of the budget is used up, or nothing."""
    usage, cost = total_usage(attempts), total_cost(attempts)
    tokens = usage.prompt_tokens + usage.completion_tokens
    if len(attempts) >= budget.attempts:
        return f"the budget of {budget.attempts} attempts is used up"
    if budget.tokens is not None and tokens >= budget.tokens:
        return f"{tokens} tokens are used, of a budget of {budget.tokens}"
    if budget.seconds is not None and elapsed >= budget.seconds:
        return f"{elapsed:.1f} seconds have passed, of a budget of {budget.seconds:g}"
    if budget.cost_usd is not None and cost is None:
        return f"what the model costs is unknown, so the budget of ${budget.cost_usd:g} cannot be kept"
    if budget.cost_usd is not None and cost is not None and cost >= budget.cost_usd:
        return f"${cost:.4f} are spent, of a budget of ${budget.cost_usd:g}"
    return ""


def _stuck(attempts: Sequence[Attempt], policy: Policy) -> str:
    """Also when two sets of issues take turns: what came so often will come again."""
    met = Counter(_signature(attempt) for attempt in attempts)
    if attempts and met[_signature(attempts[-1])] >= policy.repeats:
        return f"the model made the same mistake {policy.repeats} times"
    return ""


def _signature(attempt: Attempt) -> frozenset[tuple[str, str]]:
    return frozenset((issue.code, issue.message) for issue in errors_of(attempt.issues))


def _strategy(attempts: Sequence[Attempt], policy: Policy) -> Strategy:
    """The next in turn."""
    return _legible(policy.strategies[(len(attempts) - 1) % len(policy.strategies)], attempts)


def _legible(strategy: Strategy, attempts: Sequence[Attempt]) -> Strategy:
    """An answer that could not be read is not worth showing to the model again."""
    return strategy if attempts[-1].candidate is not None else "fresh"
