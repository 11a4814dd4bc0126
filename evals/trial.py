"""One case, tried once with one model and one variant: from the trial to its outcome, whoever answers its calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from evals.dataset import Case, Suite
from evals.expectations import unmet
from evals.plain import plain_attempt
from evals.results import Key, Outcome, Tokens, Tried
from evals.stage import offered
from evals.variants import Variant
from planner import Attempt, InvalidRequest, NotAccepted, plan, total_cost, total_usage
from runtime import CompletionClient, JsonValue, Registry, Usage, examine


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried."""

    suite: Suite
    case: Case
    model: str
    variant: Variant
    epoch: int
    cassettes: Path

    @property
    def cassette(self) -> Path:
        """The file of what was answered."""
        return self.cassettes / self.suite.name / f"{self.case.id}.json"

    def unjudged(self, why: str) -> Outcome:
        """The outcome of a trial that came to none."""
        return Outcome(**self.key._asdict(), status="error", request=self.case.request, error=why)

    @property
    def key(self) -> Key:
        return Key(self.suite.name, self.case.id, self.epoch, self.model, self.variant.name)


@dataclass(frozen=True, slots=True)
class Answer:
    """What planning came to: the accepted workflow, else the best candidate. `refused`: why nobody was asked."""

    workflow: JsonValue
    accepted: bool
    attempts: tuple[Attempt, ...] = ()
    refused: str | None = None


async def tried(trial: Trial, completions: CompletionClient, clock: Callable[[], float] = time.perf_counter) -> Outcome:
    """Plans the case (or takes its workflow), and scores what came of it. Raises the CompletionError of a call."""
    began, registry = clock(), offered(trial.suite, trial.case)
    answer = await _answer(trial, completions, registry)
    graph = examine(answer.workflow, registry).graph if answer.accepted else None
    missing = unmet(graph, trial.case.expect) if graph else []
    return Outcome(
        **trial.key._asdict(),
        status="accepted" if answer.accepted else "not_accepted",
        request=trial.case.request,
        workflow=answer.workflow,
        attempts=tuple(map(_tried, answer.attempts)),
        scores={"expected": not missing} if graph else {},
        why={"expected": "; ".join(missing)} if missing else {},
        error=answer.refused,
        usage=_tokens(total_usage(answer.attempts)),
        cost_usd=total_cost(answer.attempts),
        seconds=sum(each.seconds for each in answer.attempts),
        wall_seconds=clock() - began,
    )


async def _answer(trial: Trial, completions: CompletionClient, registry: Registry) -> Answer:
    case, variant = trial.case, trial.variant
    if case.workflow is not None:
        return Answer(case.workflow, examine(case.workflow, registry).valid)
    if variant.plain:
        attempt = await plain_attempt(
            case.request, completions=completions, registry=registry, inputs=case.inputs, budget=variant.budget
        )
        return Answer(attempt.candidate, attempt.accepted, (attempt,))
    try:
        planned = await plan(
            case.request,
            completions=completions,
            registry=registry,
            inputs=case.inputs,
            budget=variant.budget,
            policy=variant.policy,
        )
    except InvalidRequest as refused:
        return Answer(None, False, refused=str(refused))
    except NotAccepted as refused:
        return Answer(refused.best.candidate if refused.best else None, False, refused.attempts)
    return Answer(dict(planned.workflow), True, planned.attempts)


def _tried(attempt: Attempt) -> Tried:
    return Tried(
        number=attempt.number,
        issues=tuple(issue.to_json() for issue in attempt.issues),
        notes=attempt.notes,
        usage=_tokens(attempt.usage),
        cost_usd=attempt.cost_usd,
        seconds=attempt.seconds,
    )


def _tokens(usage: Usage) -> Tokens:
    return Tokens(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
    )
