"""From an examined workflow to its record: inputs bound, consent asked for, Ctrl-C obeyed, the outcome printed."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import typer

from plait import results
from plait.display import is_interactive, issue_line, put_json, say
from plait.inputs import values_for
from plait.options import RunOptions
from plait.problems import told
from plait.progress import Progress, progress_of
from plait.wiring import completions_for, models
from runtime.checks import Examination
from runtime.issues import InvalidWorkflow, Issue, JsonValue, Refused, errors_of
from runtime.node_types import Registry
from runtime.record import RunRecord
from runtime.running import ALL, Execution, Prepared, prepare

ENDING = (signal.SIGINT, signal.SIGTERM)


def approved(examined: Examination, registry: Registry, options: RunOptions) -> Prepared:
    """The workflow ready to run. What was not granted is asked for once, where there is somebody to ask.

    Raises InvalidWorkflow and Refused.
    """
    inputs = values_of(examined, options)
    allow = (*options.allow, ALL) if options.yes else options.allow

    def ready(*more: str) -> Prepared:
        grants = (*allow, *more)
        return prepare(examined, inputs=inputs, registry=registry, allow=grants, max_concurrent=options.max_concurrent)

    try:
        return ready()
    except Refused as refusal:
        if not is_interactive():
            raise
        if not _asked(refusal.issues):
            raise Refused("it was not approved, and nothing was run", refusal.issues) from None
    return ready(ALL)


def values_of(examined: Examination, options: RunOptions) -> dict[str, JsonValue]:
    """The values of the inputs; an invalid workflow has none. Raises InvalidWorkflow for a wrong file of inputs."""
    if examined.graph is None or not examined.valid:
        return {}
    return values_for(examined.graph, options.inputs, options.input_file)


def _asked(issues: tuple[Issue, ...]) -> bool:
    say("This workflow needs what was not granted:")
    for message in dict.fromkeys(issue.message for issue in errors_of(issues)):
        say(f"  {message.removesuffix(', which was not granted')}")
    with suppress(typer.Abort):
        return bool(typer.confirm("Grant it and run?", default=False, err=True))
    say("")
    return False


def carry_out(prepared: Prepared, registry: Registry, options: RunOptions) -> RunRecord:
    """Runs it, telling how it goes; Ctrl-C ends it and still gives the record."""
    _announce(prepared, options)
    with progress_of(prepared.graph, quiet=options.json) as progress:
        return asyncio.run(_carried_out(prepared, options, progress))


def _announce(prepared: Prepared, options: RunOptions) -> None:
    if options.json:
        return
    for warning in prepared.warnings:
        say(issue_line(warning))
    if any(need.capability.partition(":")[0] == "model" for need in prepared.needs):
        say(f"model: {models(options.model, options.cassette)}")


async def _carried_out(prepared: Prepared, options: RunOptions, progress: Progress) -> RunRecord:
    async with completions_for(models(options.model, options.cassette)) as completions:
        execution = Execution(prepared, completions=completions, on_fact=progress.take)
        with _ended_by_signals(execution):
            record = await execution.result()
    progress.end(record)
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
    record = carry_out(prepared, registry, options)
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
