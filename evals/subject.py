"""What is scored, as a frozen value; and what a scorer is and finds. Everything here is known before scoring begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias, cast

from evals.dataset import Case
from evals.results import Score
from planner import Attempt, NotAccepted, Plan, total_cost, total_usage
from runtime import Graph, JsonValue, Registry, RunRecord, Usage, examine, needs_of


@dataclass(frozen=True, slots=True)
class Subject:
    """How one case went, before it is scored.

    `workflow` is the accepted one (or the given one), else the best candidate; `graph` is there only if it is accepted.
    `needs` are the capabilities of the workflow's steps. `run` is the record of executing it, None where nothing was
    run. `cost_usd` None: unknown. `seconds` are the model's, or the run's where no model planned. `judged` are a
    model's answers to the statements of `judging.questions`, by output.
    """

    accepted: bool
    workflow: JsonValue = None
    graph: Graph | None = None
    needs: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    run: RunRecord | None = None
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    seconds: float = 0.0
    judged: Mapping[str, Finding] = field(default_factory=dict)


class Finding(NamedTuple):
    """What one scorer found, and in words what is missing from the best. `value` None: not applicable."""

    value: Score | None
    why: str = ""


Scorer: TypeAlias = Callable[[Case, Subject], Finding | Score | None]
"""A scorer: pure, and not applicable (None) rather than perfect where a case has nothing for it to see."""


def of_plan(planned: Plan, registry: Registry, run: RunRecord | None = None) -> Subject:
    """The subject of an accepted plan."""
    graph, needs = _known(planned.workflow, registry)
    return Subject(
        accepted=True,
        workflow=cast("JsonValue", dict(planned.workflow)),
        graph=graph,
        needs=needs,
        attempts=planned.attempts,
        run=run,
        usage=planned.usage,
        cost_usd=planned.cost_usd,
        seconds=sum(each.seconds for each in planned.attempts),
    )


def of_refusal(refused: NotAccepted) -> Subject:
    """The subject of a request for which no workflow was accepted."""
    best = refused.best
    return Subject(
        accepted=False,
        workflow=None if best is None else best.candidate,
        attempts=tuple(refused.attempts),
        usage=total_usage(refused.attempts),
        cost_usd=total_cost(refused.attempts),
        seconds=sum(each.seconds for each in refused.attempts),
    )


def of_run(
    workflow: Mapping[str, JsonValue], registry: Registry, run: RunRecord, cost_usd: float | None = None
) -> Subject:
    """The subject of a workflow that was given and run."""
    graph, needs = _known(workflow, registry)
    return Subject(
        accepted=True,
        workflow=cast("JsonValue", dict(workflow)),
        graph=graph,
        needs=needs,
        run=run,
        cost_usd=cost_usd,
        seconds=run.wall_seconds,
    )


def _known(workflow: Mapping[str, JsonValue], registry: Registry) -> tuple[Graph | None, tuple[str, ...]]:
    graph = examine(dict(workflow), registry).graph
    if graph is None:
        return None, ()
    return graph, tuple(sorted({need.capability for need in needs_of(graph, registry, {})}))
