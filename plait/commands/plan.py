"""`plait plan`: a request in plain words to an accepted workflow, and with `--run` on to its outcome."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, cast

import typer

from plait import api, results
from plait.application import new_app
from plait.approvals import Approvals
from plait.asking import clarified
from plait.attempts import plan_json, print_outcome, show_doubts, show_graph, tell
from plait.display import is_interactive, pretty, put, put_json, say
from plait.documents import examine_named
from plait.execution import approved, carry_out, chosen, refused, run_examined
from plait.files import write_text
from plait.inputs import kind_of, texts_of
from plait.library import found, is_name, library, place_of
from plait.options import (
    Allow,
    Cassette,
    Explain,
    Fallback,
    Inputs,
    InSandbox,
    Json,
    MaxAttempts,
    MaxConcurrent,
    MaxPlanCost,
    MaxSeconds,
    MaxTokens,
    Model,
    RunOptions,
    State,
    Yes,
)
from plait.progress import waiting
from planner import (
    SHIPPED,
    Budget,
    NotAccepted,
    Plan,
    difference,
    editable,
    read_prompts,
    read_request,
    render_messages,
    show_messages,
)
from runtime.checks import Examination, examine
from runtime.explain import Explanation
from runtime.explain import explain as explained
from runtime.issues import InvalidWorkflow, JsonValue, Refused
from runtime.node_types import Registry, installed_types

Words = Annotated[
    str, typer.Argument(metavar="REQUEST", help="What should be done, in plain words; - reads standard input.")
]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the workflow there, as JSON.")
]
Save = Annotated[
    str | None, typer.Option("--save", metavar="NAME", help="Keep it under that name: plait run NAME runs it.")
]
Overwrite = Annotated[bool, typer.Option("--replace", help="With --save: in place of one of that name.")]
ShowPrompt = Annotated[bool, typer.Option("--show-prompt", help="Print the first prompt, and ask no model.")]
Run = Annotated[bool, typer.Option("--run", help="Go on to run the workflow.")]
Change = Annotated[
    str | None, typer.Option("--from", metavar="FILE", help="Change this workflow; what REQUEST leaves alone stays.")
]
OwnPrompts = Annotated[
    Path | None,
    typer.Option("--prompts", metavar="DIR", help="Templates and examples in place of plait's (PLAIT_PROMPTS)."),
]

app = new_app()


@app.command()
def plan(
    request: Words,
    output: Output = None,
    save: Save = None,
    overwrite: Overwrite = False,
    change: Change = None,
    model: Model = None,
    fallback: Fallback = None,
    max_attempts: MaxAttempts = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxPlanCost = None,
    max_seconds: MaxSeconds = None,
    input: Inputs = None,
    cassette: Cassette = None,
    prompts: OwnPrompts = None,
    show_prompt: ShowPrompt = False,
    explain: Explain = False,
    run: Run = False,
    yes: Yes = False,
    allow: Allow = None,
    sandbox: InSandbox = None,
    max_concurrent: MaxConcurrent = None,
    state: State = None,
    json: Json = False,
) -> int:
    """Ask a model for a workflow until one is accepted; each attempt is told on standard error as it happens."""
    options = RunOptions(
        inputs=texts_of(input or ()),
        max_concurrent=max_concurrent,
        yes=yes,
        allow=tuple(allow or ()),
        model=model,
        fallbacks=tuple(fallback or ()),
        cassette=cassette,
        json=json,
        state=state,
        max_cost=max_cost,
        explain=explain,
        sandbox=sandbox,
    )
    budget = Budget(max_attempts or Budget().attempts, max_tokens, max_cost, max_seconds)
    wanted = Wanted(_words(request), budget, _prompts(prompts), _read(change))
    if show_prompt:
        return _show_prompt(wanted, options)
    return _plan(wanted, _places(output, save, overwrite=overwrite), options, run=run)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a model. `change` is the workflow that is to be changed, None for a new one."""

    request: str
    budget: Budget
    prompts: Path | None = None
    change: JsonValue = None

    def with_answer(self, answer: str) -> Wanted:
        return replace(self, request=f"{self.request}\n{answer}")


def _prompts(directory: Path | None) -> Path | None:
    named = os.environ.get("PLAIT_PROMPTS")
    return directory or (Path(named).expanduser() if named else None)


def _read(file: str | None) -> JsonValue:
    """The workflow that is to be changed. Raises InvalidWorkflow with all that is wrong with it."""
    if file is None:
        return None
    examined = examine_named(file, installed_types())
    if not examined.valid:
        raise InvalidWorkflow(examined.issues)
    return examined.document


def _words(request: str) -> str:
    return sys.stdin.buffer.read().decode("utf-8", "surrogateescape") if request == "-" else request


def _plan(wanted: Wanted, places: Sequence[Path], options: RunOptions, *, run: bool) -> int:
    registry = installed_types()
    try:
        accepted = _accepted(wanted, options, registry)
    except NotAccepted as error:
        return print_outcome(error, json=options.json)
    if wanted.change is not None and not options.json:
        say(str(difference(editable(wanted.change, registry), accepted.workflow)))
    return _go_on(accepted, places, options, registry, run=run)


def _accepted(wanted: Wanted, options: RunOptions, registry: Registry) -> Plan:
    """The plan. Where none is accepted and somebody is there, one question is asked, and planning begins once more."""
    try:
        return _asked(wanted, options, registry)
    except NotAccepted as error:
        if options.json or not is_interactive():
            raise
        if not (answer := clarified(error)):
            raise
    return _asked(wanted.with_answer(answer), options, registry)


def _asked(wanted: Wanted, options: RunOptions, registry: Registry) -> Plan:
    with waiting("asking", quiet=options.json):
        return asyncio.run(_planned(wanted, options, registry))


async def _planned(wanted: Wanted, options: RunOptions, registry: Registry) -> Plan:
    if not options.json:
        say(f"model: {chosen(options)}")
    return await api.plan(
        wanted.request,
        model=options.model,
        fallbacks=options.fallbacks,
        cassette=options.cassette,
        registry=registry,
        inputs=_kinds(options),
        budget=wanted.budget,
        prompts=wanted.prompts,
        change=wanted.change,
        on_attempt=None if options.json else tell,
    )


def _kinds(options: RunOptions) -> dict[str, str]:
    """The inputs as the planner hears of them: their values stay here."""
    return {name: kind_of(text) for name, text in options.inputs.items()}


def _show_prompt(wanted: Wanted, options: RunOptions) -> int:
    registry = installed_types()
    base = None if wanted.change is None else editable(wanted.change, registry)
    prompts = SHIPPED if wanted.prompts is None else read_prompts(wanted.prompts)
    messages = render_messages(read_request(wanted.request, _kinds(options), base), registry, prompts=prompts)
    if options.json:
        put_json([{"role": message.role, "content": message.content} for message in messages])
    else:
        put(show_messages(messages))
    return 0


def _go_on(accepted: Plan, places: Sequence[Path], options: RunOptions, registry: Registry, *, run: bool) -> int:
    """The workflow to its place, shown, and run if that is asked for, with what planning has left of the money."""
    options = replace(options, max_cost=_left(options.max_cost, accepted.cost_usd))
    workflow = cast("dict[str, JsonValue]", dict(accepted.workflow))
    examined = examine(workflow, registry)
    Approvals.within(options.state).written_by(workflow, accepted.model)
    for place in places:
        write_text(place, f"{pretty(workflow)}\n")
    if options.json:
        return _told_as_json(accepted, examined, registry, options, run=run)
    for place in places:
        say(f"written to {place}")
    if not places:
        show = say if run else put  # with --run standard output is for what the run gives
        show(pretty(workflow))
    show_graph(examined)
    show_doubts(examined)
    if options.explain:
        say(str(_explained(examined, registry)))
    return run_examined(examined, registry, options) if run else 0


def _explained(examined: Examination, registry: Registry) -> Explanation:
    assert examined.graph is not None, "what was accepted has a graph"
    return explained(examined.graph, registry)


def _left(limit: float | None, spent: float | None) -> float | None:
    """What may still be spent, in USD. Planning whose cost nobody knows was accepted at once, and has no remainder."""
    return None if limit is None else max(0.0, limit - spent) if spent is not None else 0.0


def _told_as_json(accepted: Plan, examined: Examination, registry: Registry, options: RunOptions, *, run: bool) -> int:
    told, code = plan_json(accepted), 0
    if options.explain:
        told["explanation"] = _explained(examined, registry).to_json()
    if run:
        try:
            record = carry_out(approved(examined, registry, options), examined, options)
            code = results.exit_code(record)
        except (InvalidWorkflow, Refused) as error:
            record, code = refused(error, examined.graph.name if examined.graph else ""), error.exit_code
        told["run"] = record.to_json()
    put_json(told)
    return code


# Before a model is paid for an answer that could not be written.


def _places(output: Path | None, save: str | None, *, overwrite: bool) -> list[Path]:
    """The files that the workflow goes to. A usage error where one of them cannot be written."""
    written = [_writable(output)] if output is not None else []
    return written if save is None else [*written, _place_to_save(save, overwrite=overwrite)]


def _writable(output: Path) -> Path:
    if not (output.parent.is_dir() and os.access(output.parent, os.W_OK) and not output.is_dir()):
        raise typer.BadParameter(f"{output}: no file can be written there", param_hint="--output")
    return output


def _place_to_save(name: str, *, overwrite: bool) -> Path:
    if not is_name(name):
        wanted = "letters, digits, _ and -, for example morning-report"
        raise typer.BadParameter(f"'{name}' is no name to keep a workflow under; give {wanted}", param_hint="--save")
    if found(name) and not overwrite:
        raise typer.BadParameter(f"'{name}' is kept already; --replace takes its place", param_hint="--save")
    library().mkdir(parents=True, exist_ok=True)
    return place_of(name)
