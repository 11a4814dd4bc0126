"""`plait plan`: a request in plain words to an accepted workflow, and with `--run` on to its outcome."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, cast

import typer

from plait import api, results
from plait.application import new_app
from plait.attempts import plan_json, print_outcome, show_graph, tell
from plait.display import pretty, put, put_json, say
from plait.execution import approved, carry_out, refused, run_examined
from plait.inputs import kind_of, texts_of
from plait.options import Allow, Cassette, Inputs, Json, MaxConcurrent, Model, RunOptions, State, Yes
from plait.progress import waiting
from plait.wiring import models
from planner import NotAccepted, Plan, read_request, render_messages, show_messages
from runtime.checks import Examination, examine
from runtime.issues import InvalidWorkflow, JsonValue, Refused
from runtime.node_types import Registry, installed_types

app = new_app()


@app.command()
def plan(
    request: Annotated[
        str, typer.Argument(metavar="REQUEST", help="What should be done, in plain words; - reads standard input.")
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the workflow there, as JSON.")
    ] = None,
    model: Model = None,
    input: Inputs = None,
    cassette: Cassette = None,
    show_prompt: Annotated[
        bool, typer.Option("--show-prompt", help="Print the first prompt, and ask no model.")
    ] = False,
    run: Annotated[bool, typer.Option("--run", help="Go on to run the workflow.")] = False,
    yes: Yes = False,
    allow: Allow = None,
    max_concurrent: MaxConcurrent = None,
    state: State = None,
    json: Json = False,
) -> int:
    """Ask a model for a workflow until one is accepted; each attempt is told on standard error as it happens."""
    texts = texts_of(input or ())
    options = RunOptions(texts, None, max_concurrent, yes, tuple(allow or ()), model, cassette, json, state)
    _check_place(output)
    asked = sys.stdin.buffer.read().decode("utf-8", "surrogateescape") if request == "-" else request
    registry = installed_types()
    if show_prompt:
        return _show_prompt(asked, options, registry)
    try:
        with waiting("asking", quiet=json):
            accepted = asyncio.run(_planned(asked, options, registry))
    except NotAccepted as error:
        return print_outcome(error, json=json)
    return _go_on(accepted, output, options, registry, run=run)


async def _planned(request: str, options: RunOptions, registry: Registry) -> Plan:
    if not options.json:
        say(f"model: {models(options.model, options.cassette)}")
    return await api.plan(
        request,
        model=options.model,
        cassette=options.cassette,
        registry=registry,
        inputs=_kinds(options),
        on_attempt=None if options.json else tell,
    )


def _kinds(options: RunOptions) -> dict[str, str]:
    """The inputs as the planner hears of them: their values stay here."""
    return {name: kind_of(text) for name, text in options.inputs.items()}


def _show_prompt(request: str, options: RunOptions, registry: Registry) -> int:
    messages = render_messages(read_request(request, _kinds(options)), registry)
    if options.json:
        put_json([{"role": message.role, "content": message.content} for message in messages])
    else:
        put(show_messages(messages))
    return 0


def _go_on(accepted: Plan, output: Path | None, options: RunOptions, registry: Registry, *, run: bool) -> int:
    """The workflow to its place, shown, and run if that is asked for."""
    workflow = cast("dict[str, JsonValue]", dict(accepted.workflow))
    examined = examine(workflow, registry)
    if output is not None:
        _write(output, f"{pretty(workflow)}\n")
    if options.json:
        return _told_as_json(accepted, examined, registry, options, run=run)
    if output is not None:
        say(f"written to {output}")
    elif run:
        say(pretty(workflow))  # standard output is for what the run gives
    else:
        put(pretty(workflow))
    show_graph(examined)
    return run_examined(examined, registry, options) if run else 0


def _told_as_json(accepted: Plan, examined: Examination, registry: Registry, options: RunOptions, *, run: bool) -> int:
    told, code = plan_json(accepted), 0
    if run:
        try:
            record = carry_out(approved(examined, registry, options), examined, options)
            code = results.exit_code(record)
        except (InvalidWorkflow, Refused) as error:
            record, code = refused(error, examined.graph.name if examined.graph else ""), error.exit_code
        told["run"] = record.to_json()
    put_json(told)
    return code


def _check_place(output: Path | None) -> None:
    """Before a model is paid for an answer that could not be written."""
    if output is not None and not (
        output.parent.is_dir() and os.access(output.parent, os.W_OK) and not output.is_dir()
    ):
        raise typer.BadParameter(f"{output}: no file can be written there", param_hint="--output")


def _write(path: Path, text: str) -> None:
    """In one step: whoever reads the file finds the old content or the new. Raises OSError."""
    with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(text)
            file.flush()
            os.chmod(file.name, path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())
            os.replace(file.name, path)
        except BaseException:  # whatever happens, no half file stays behind
            with suppress(OSError):
                os.unlink(file.name)
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
