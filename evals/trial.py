"""One case, tried once with one model and one variant: from the trial to its outcome, whoever answers its calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from evals.calls import Counted, Numbered
from evals.cassette_paths import cassette_path
from evals.dataset import Case, Suite
from evals.execution import executed, timeless
from evals.judging import judge
from evals.made_with import LENGTH, code, made_with
from evals.plain import plain_plan, plain_prompts
from evals.results import Key, Outcome, Tokens, Tried
from evals.scorers import score
from evals.stage import offered
from evals.subject import Subject, of_plan, of_refusal
from evals.variants import VARIANTS, Variant
from planner import Attempt, InvalidRequest, NotAccepted, Plan, plan
from runtime import LANGUAGE_VERSION, CompletionClient, JsonValue, Registry, Usage, examine, needs_of


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried. `cassettes` is the root of the recordings."""

    suite: Suite
    case: Case
    model: str
    variant: Variant
    epoch: int
    cassettes: Path

    @property
    def key(self) -> Key:
        return Key(self.suite.name, self.case.id, self.epoch, self.model, self.variant.name)

    @property
    def cassette(self) -> Path:
        """The file of what was answered."""
        named = self.suite.name, self.model, self.variant.recorded_as, self.case.id
        return cassette_path(self.cassettes, *named, self.epoch)

    @property
    def made_with(self) -> dict[str, str]:
        """What shapes its model calls, as of now."""
        variant = VARIANTS.get(self.variant.recorded_as, self.variant)
        prompts = plain_prompts() if variant.plain else variant.prompts
        return made_with(self.model, offered(self.suite, self.case), prompts=prompts, budget=variant.budget)

    @property
    def shaped_by(self) -> dict[str, str]:
        """What shapes its outcome, as of now: its model calls, and plait's own code."""
        calls = self.made_with if self.asks else {"language": LANGUAGE_VERSION}
        return {**calls, "code": code()[:LENGTH]}

    @property
    def asks(self) -> bool:
        """Whether a model is asked at all: to plan, to answer the `llm` steps of a run, or to judge what came of it."""
        judged = any(check.judged for check in self.case.expect.outputs.values())
        return self.case.workflow is None or "llm" in self.case.real or judged

    @property
    def call(self) -> str:
        """What the names of its model calls begin with."""
        return f"{self.case.id}/{self.epoch}"

    def unjudged(self, why: str) -> Outcome:
        """The outcome of a trial that came to none."""
        return Outcome(
            **self.key._asdict(), status="error", request=self.case.request, gold=_gold(self.case), error=why
        )


async def tried(
    trial: Trial,
    completions: CompletionClient,
    allow: Iterable[str] = (),
    clock: Callable[[], float] = time.perf_counter,
) -> Outcome:
    """Plans the case or takes its workflow, runs that where the case says so, and scores what came of it.

    Raises the CompletionError of a call, and Refused where a real step of a run needs what `allow` does not grant.
    """
    began, case, registry = clock(), trial.case, offered(trial.suite, trial.case)
    subject, refused = await _subject(trial, completions, registry)
    if case.runs and subject.accepted:
        calls = Counted(completions, f"{trial.call}/run")
        run = await executed(examine(subject.workflow, registry), case, registry, calls, allow)
        subject = replace(subject, run=run, seconds=subject.seconds if subject.attempts else run.wall_seconds)
        judged = await judge(case, subject, Numbered(completions, f"{trial.call}/judge"))
        subject = replace(subject, judged=judged)
    found = score(case, subject)
    return Outcome(
        **trial.key._asdict(),
        status="accepted" if subject.accepted else "not_accepted",
        request=case.request,
        workflow=subject.workflow,
        gold=_gold(case),
        attempts=tuple(map(_tried, subject.attempts)),
        run=None if subject.run is None else timeless(subject.run),
        scores=found.scores,
        why=found.why,
        error=refused,
        usage=_tokens(subject.usage),
        cost_usd=subject.cost_usd,
        seconds=subject.seconds,
        wall_seconds=clock() - began,
        made_with=trial.shaped_by,
    )


async def _subject(trial: Trial, completions: CompletionClient, registry: Registry) -> tuple[Subject, str | None]:
    """What came of the request before anything is run; and why nobody was asked, if nobody was."""
    if trial.case.workflow is not None:
        return _given(trial.case.workflow, registry), None
    try:
        return of_plan(await _planned(trial, Numbered(completions, trial.call), registry), registry), None
    except NotAccepted as refused:
        return of_refusal(refused), None
    except InvalidRequest as invalid:
        return Subject(False), str(invalid)


async def _planned(trial: Trial, completions: CompletionClient, registry: Registry) -> Plan:
    case, variant = trial.case, trial.variant
    if variant.plain:
        return await plain_plan(
            case.request,
            completions=completions,
            registry=registry,
            inputs=case.inputs,
            answer_tokens=variant.budget.answer_tokens,
        )
    return await plan(
        case.request,
        completions=completions,
        registry=registry,
        inputs=case.inputs,
        budget=variant.budget,
        policy=variant.policy,
        prompts=variant.prompts,
    )


def _given(workflow: JsonValue, registry: Registry) -> Subject:
    """A workflow that stands in the suite, which nobody had to plan and nothing was paid for."""
    examined = examine(workflow, registry)
    if examined.graph is None or not examined.valid:
        return Subject(False, workflow)
    needs = {need.capability for need in needs_of(examined.graph, registry, {})}
    return Subject(True, workflow, examined.graph, tuple(sorted(needs)), cost_usd=0.0)


def _gold(case: Case) -> JsonValue:
    gold = case.expect.gold
    return None if gold is None else cast("JsonValue", gold.model_dump(mode="json"))


def _tried(attempt: Attempt) -> Tried:
    return Tried(
        number=attempt.number,
        candidate=attempt.candidate,
        issues=tuple(issue.to_json() for issue in attempt.issues),
        notes=attempt.notes,
        strategy=attempt.strategy,
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
