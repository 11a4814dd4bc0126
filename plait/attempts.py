"""Planning as people and programs see it: each attempt as it happens, and the outcome as one JSON object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plait.display import issue_line, pretty, put, put_json, say
from plait.programs import missing_programs
from planner import Attempt, NotAccepted, Plan
from planner.attempt import total_cost, total_usage
from runtime.checks import Examination
from runtime.issues import JsonValue
from runtime.views import ascii


def tell(attempt: Attempt) -> None:
    """One attempt on standard error: how a repair was asked for, time, tokens, what was mended, what is wrong."""
    usage = attempt.usage
    cached = f", {usage.cached_tokens} of them cached" if usage.cached_tokens else ""
    tokens = f"{usage.prompt_tokens} tokens read{cached}, {usage.completion_tokens} written"
    asked = f", {attempt.strategy}" if attempt.strategy else ""
    verdict = "accepted" if attempt.accepted else "not accepted"
    say(f"attempt {attempt.number}{asked}: {verdict}; {attempt.seconds:.1f} s, {tokens}")
    for note in attempt.notes:
        say(f"  mended: {note}")
    for issue in attempt.issues:
        say(f"  {issue_line(issue)}")


def show_graph(examined: Examination) -> None:
    if examined.graph is not None:
        say(ascii.render(examined.graph))


def show_doubts(examined: Examination) -> None:
    """What only this machine can say of a workflow that was accepted."""
    for doubt in missing_programs(examined.graph) if examined.graph is not None else ():
        say(f"warning: {doubt}")


def show_refusal(error: NotAccepted) -> None:
    """What was nearest to a workflow, and what is wrong with it."""
    say(f"plait: no workflow was accepted: {error.reason}")
    if error.best is None:
        return
    say(f"The best candidate is that of attempt {error.best.number}. What is wrong with it:")
    for issue in error.issues:
        say(f"  {issue_line(issue)}")
    put(pretty(error.best.candidate) if error.best.candidate is not None else error.best.text)


def plan_json(plan: Plan) -> dict[str, JsonValue]:
    """What `plait plan --json` prints of an accepted plan."""
    return _outcome(True, plan.workflow, plan.attempts, plan.model, plan.accepted)


def refusal_json(error: NotAccepted) -> dict[str, JsonValue]:
    """The same keys, of the best candidate."""
    best = error.best
    workflow = best.candidate if best is not None else None
    return _outcome(False, workflow, error.attempts, best.model if best else "", best)


def _outcome(
    accepted: bool, workflow: object, attempts: Sequence[Attempt], model: str, shown: Attempt | None
) -> dict[str, JsonValue]:
    return {
        "accepted": accepted,
        "workflow": dict(workflow) if isinstance(workflow, Mapping) else None,
        "attempts": [attempt.to_json() for attempt in attempts],
        "usage": total_usage(attempts).to_json(),
        "cost_usd": total_cost(attempts),
        "model": model,
        "issues": [issue.to_json() for issue in shown.issues] if shown else [],
    }


def print_outcome(error: NotAccepted, *, json: bool) -> int:
    if json:
        put_json(refusal_json(error))
    else:
        show_refusal(error)
    return error.exit_code
