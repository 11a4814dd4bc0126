"""From an examined workflow to its record: inputs bound, consent asked for, Ctrl-C obeyed, the outcome printed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast

import typer

from plait import results
from plait.approvals import Approvals, Known
from plait.asking import with_answers
from plait.display import is_interactive, issue_line, put_json, say
from plait.inputs import values_for
from plait.options import RunOptions
from plait.problems import told
from plait.progress import progress_of
from plait.rerun import Part, part_of
from plait.secret_sources import installed_secrets
from plait.spending import Capped
from plait.state import keep, limits
from plait.telling import Happening, Items, Progress
from plait.wiring import Models, completions_for, models
from runtime.bubblewrap import unavailable
from runtime.checks import Examination
from runtime.grants import Grants
from runtime.graph import Graph
from runtime.issues import InvalidWorkflow, Issue, JsonValue, Refused, errors_of
from runtime.journal import kept
from runtime.node_types import Registry
from runtime.policy import in_words, needs_of
from runtime.record import RunRecord
from runtime.redaction import Redactor, secrets_of
from runtime.running import ALL, Execution, Prepared, prepare
from runtime.secret_values import without_secrets
from runtime.workflow import JsonObject

ENDING = (signal.SIGINT, signal.SIGTERM)


def chosen(options: RunOptions) -> Models:
    """The models that the options name."""
    return models(options.model, options.cassette, fallbacks=options.fallbacks)


def approved(examined: Examination, registry: Registry, options: RunOptions) -> Prepared:
    """The workflow ready to run. What was not granted is asked for once, where there is somebody to ask.

    A yes is remembered for this document, here, and for what was shown. Raises InvalidWorkflow and Refused.
    """
    ready = preparation(examined, registry, options)
    memory = Approvals.within(options.state)
    known = memory.of(examined.document)
    try:
        return ready(*options.allow, *known.granted(Path.cwd()), *([ALL] if options.yes else []))
    except Refused as refusal:
        if not is_interactive() or any(issue.code != "capability_denied" for issue in errors_of(refusal.issues)):
            raise
        prepared = ready(*options.allow, ALL)
        if not _asked(prepared, Grants(frozenset(options.allow), prepared.grants.directory), known):
            raise Refused("it was not approved, and nothing was run", refusal.issues) from None
    memory.approve(examined.document, prepared.graph.name, granted_in(prepared), prepared.grants.directory)
    return prepared


def granted_in(prepared: Prepared) -> set[str]:
    """What the workflow needs of what must be granted, paths as the links led when somebody said yes."""
    none = Grants(directory=prepared.grants.directory)
    return {none.settle(need.capability) for need in prepared.needs if not none.cover(need.capability)}


def preparation(examined: Examination, registry: Registry, options: RunOptions) -> Callable[..., Prepared]:
    """What makes the workflow, or the part of it that is to be run, ready under the grants it is called with.

    Raises InvalidWorkflow for wrong options and inputs, as what it returns does for the rest.
    """
    part = part_of(examined, registry, options.selection, options.state)
    said = replace(options, sandbox=in_sandbox(examined, registry, options))
    return partial(_ready, part, _values_of(part, options), registry, said)


def _ready(part: Part, inputs: dict[str, JsonValue], registry: Registry, options: RunOptions, *allow: str) -> Prepared:
    return prepare(
        part.examined,
        inputs=inputs,
        registry=registry,
        allow=allow,
        max_concurrent=options.max_concurrent,
        given=part.given,
        secrets=installed_secrets(),
        sandbox=bool(options.sandbox),
        limits=limits(),
    )


def in_sandbox(examined: Examination, registry: Registry, options: RunOptions) -> bool:
    """Whether steps run in the sandbox: as was said, else what a model wrote does, where this machine has one."""
    if options.sandbox is not None:
        return options.sandbox
    author = Approvals.within(options.state).of(examined.document).written_by
    if author is None or not _starts_processes(examined.graph, registry):
        return False
    missing = unavailable()
    if missing is not None:
        say(f"warning: no sandbox for what {author} wrote: {missing.reason}; {missing.mend}")
    return missing is None


def _starts_processes(graph: Graph | None, registry: Registry) -> bool:
    return graph is not None and any(need.capability in ("shell", "code") for need in needs_of(graph, registry, {}))


def _values_of(part: Part, options: RunOptions) -> dict[str, JsonValue]:
    """The values of the inputs; an invalid workflow has none. Raises InvalidWorkflow for a wrong file of inputs."""
    graph = part.examined.graph
    if graph is None or not part.examined.valid:
        return {}
    values = {**part.inputs, **values_for(graph, options.inputs, options.input_file)}
    return values if options.json else with_answers(graph, values)


def _asked(prepared: Prepared, granted: Grants, known: Known) -> bool:
    """Whether somebody at the terminal grants all that is asked for, each of it named."""
    author = f", written by {known.written_by}," if known.written_by else ""
    say(f"This workflow{author} needs what was not granted:")
    needed = dict.fromkeys((need.node, need.capability) for need in prepared.needs)
    for node, capability in needed:
        if not granted.cover(capability):
            say(f"  '{node}' needs the capability {in_words(capability, granted)}")
    if prepared.sandbox is not None:
        say("In the sandbox 'shell' and 'code' write only where 'write' is granted; --no-sandbox opens it.")
    with suppress(typer.Abort):
        return bool(typer.confirm("Grant it, for this workflow as it stands, and run?", default=False, err=True))
    say("")
    return False


def carry_out(prepared: Prepared, examined: Examination, options: RunOptions) -> RunRecord:
    """Runs it, telling how it goes, and keeps the run; Ctrl-C ends it and still gives the record."""
    _announce(prepared, options)
    began = datetime.now(UTC)
    with progress_of(prepared.graph, quiet=options.json) as progress:
        record = asyncio.run(_carried_out(prepared, options, progress))
    beyond = _keep(record, began, prepared, examined, options)
    return replace(record, issues=(*record.issues, *beyond))


def _keep(
    record: RunRecord, began: datetime, prepared: Prepared, examined: Examination, options: RunOptions
) -> tuple[Issue, ...]:
    """The run on disk, without the secrets of the workflow and those that the environment holds."""
    redactor = Redactor({**secrets_of(os.environ), **prepared.secrets})
    inputs = cast("JsonObject", redactor.value(prepared.inputs))
    run = kept(without_secrets(record, redactor), began, inputs, options.selection.only)
    return keep(run, redactor.value(examined.document), options.state)


def _announce(prepared: Prepared, options: RunOptions) -> None:
    if options.json:
        return
    for warning in prepared.warnings:
        say(issue_line(warning))
    if prepared.given:
        say(f"given, not run: {', '.join(sorted(prepared.given))}")
    if any(need.capability.partition(":")[0] == "model" for need in prepared.needs):
        say(f"model: {chosen(options)}")


async def _carried_out(prepared: Prepared, options: RunOptions, progress: Progress[Happening]) -> RunRecord:
    async with completions_for(chosen(options)) as completions:
        client = completions if options.max_cost is None else Capped(completions, options.max_cost)
        execution = Execution(
            prepared,
            completions=client,
            on_fact=progress.take,
            on_items=lambda node, done, count: progress.take(Items(node, done, count)),
        )
        with _ended_by_signals(execution):
            record = await execution.result()
    progress.take(record)
    return record


@contextmanager
def _ended_by_signals(execution: Execution) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for each in ENDING:
        loop.add_signal_handler(each, execution.cancel)
    try:
        yield
    finally:
        for each in ENDING:
            loop.remove_signal_handler(each)


def refused(error: InvalidWorkflow | Refused, name: str) -> RunRecord:
    """The record of what was never run."""
    return RunRecord(run_id=None, workflow=name, status=None, issues=error.issues)


def run_examined(examined: Examination, registry: Registry, options: RunOptions, file: str | None = None) -> int:
    """Everything from consent to the printed outcome; the exit code."""
    try:
        prepared = approved(examined, registry, options)
    except (InvalidWorkflow, Refused) as error:
        return turn_away(error, name_of(examined, file), options, file)
    record = carry_out(prepared, examined, options)
    results.show(record, prepared.graph, registry, json=options.json)
    return results.exit_code(record)


def turn_away(error: InvalidWorkflow | Refused, name: str, options: RunOptions, file: str | None) -> int:
    if options.json:
        put_json(refused(error, name).to_json())
    else:
        say(told(error, file))
    return error.exit_code


def name_of(examined: Examination, file: str | None) -> str:
    """The workflow's name, as far as there is one: its own, else the file's stem."""
    if examined.graph is not None and examined.graph.name:
        return examined.graph.name
    return Path(file).stem if file and file != "-" else ""
