"""`plait run`: a workflow carried out, or with `--dry-run` only shown."""

from __future__ import annotations

from typing import Annotated

import typer

from plait.application import new_app
from plait.display import issue_line, put, put_json, say
from plait.documents import examine_named, shown_name
from plait.execution import name_of, preparation, run_examined, turn_away
from plait.inputs import texts_of
from plait.options import (
    Allow,
    Cassette,
    Fallback,
    From,
    InputFile,
    Inputs,
    InSandbox,
    Json,
    MaxConcurrent,
    MaxCost,
    Mock,
    Model,
    Only,
    RunOptions,
    Selection,
    State,
    Use,
    Yes,
)
from plait.rerun import checked
from runtime.checks import Examination
from runtime.grants import Grants
from runtime.issues import InvalidWorkflow, JsonValue
from runtime.node_types import Registry, installed_types
from runtime.policy import denied
from runtime.running import ALL, Prepared
from runtime.views import ascii, graph_json

DryRun = Annotated[bool, typer.Option("--dry-run", help="Check, show what would run and what it needs; run nothing.")]

app = new_app()


@app.command()
def run(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A workflow in JSON or YAML; - is standard input.")],
    input: Inputs = None,
    input_file: InputFile = None,
    max_concurrent: MaxConcurrent = None,
    yes: Yes = False,
    allow: Allow = None,
    sandbox: InSandbox = None,
    dry_run: DryRun = False,
    cassette: Cassette = None,
    model: Model = None,
    fallback: Fallback = None,
    max_cost: MaxCost = None,
    only: Only = None,
    from_: From = None,
    use: Use = None,
    mock: Mock = None,
    state: State = None,
    json: Json = False,
) -> int:
    """Run a workflow: outputs on standard output, progress on standard error."""
    options = RunOptions(
        inputs=texts_of(input or ()),
        input_file=input_file,
        max_concurrent=max_concurrent,
        yes=yes,
        allow=tuple(allow or ()),
        model=model,
        cassette=cassette,
        json=json,
        state=state,
        max_cost=max_cost,
        selection=checked(Selection(only, tuple(from_ or ()), use, texts_of(mock or (), "--mock"))),
        fallbacks=tuple(fallback or ()),
        sandbox=False if dry_run else sandbox,  # nothing is run, so none is needed
    )
    registry = installed_types()
    examined = examine_named(file, registry)
    if not dry_run:
        return run_examined(examined, registry, options, shown_name(file))
    return _rehearse(examined, registry, options, file)


def _rehearse(examined: Examination, registry: Registry, options: RunOptions, file: str) -> int:
    try:
        prepared = preparation(examined, registry, options)(*options.allow, ALL)
    except InvalidWorkflow as error:
        return turn_away(error, name_of(examined, file), options, shown_name(file))
    needed = sorted({need.capability for need in prepared.needs})
    missing = _missing(prepared, options)
    if options.json:
        issues: list[JsonValue] = [issue.to_json() for issue in prepared.warnings]
        graph = graph_json.render(prepared.graph)
        put_json({"graph": graph, "capabilities": list(needed), "not_granted": list(missing), "issues": issues})
        return 0
    for issue in prepared.warnings:
        say(issue_line(issue, shown_name(file)))
    put(ascii.render(prepared.graph))
    put(f"needs: {', '.join(needed) or 'nothing'}")
    if missing:
        put(f"not granted: {', '.join(missing)}")
    return 0


def _missing(prepared: Prepared, options: RunOptions) -> list[str]:
    """The capabilities that a real run would ask for."""
    grants = Grants(frozenset(options.allow), prepared.grants.directory)
    refused = () if options.yes else denied(prepared.needs, grants)
    paths = {issue.path for issue in refused}
    return sorted(
        {need.capability for need in prepared.needs if need.path in paths and not grants.cover(need.capability)}
    )
