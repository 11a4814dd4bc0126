"""`plait show`: one run that was kept."""

from __future__ import annotations

from typing import Annotated

import typer

from plait.application import new_app
from plait.display import pretty, put, put_json
from plait.options import Json, State
from plait.progress import summary
from plait.state import find_run, moment, store_in
from plait.tables import table
from runtime.journal import KeptRun
from runtime.record import NodeRecord

app = new_app()


@app.command()
def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, the beginning of it, or last.")],
    state: State = None,
    json: Json = False,
) -> int:
    """Print how a run went: its steps with their times, its errors and its outputs."""
    found = find_run(run, store_in(state).runs(), "RUN")
    if json:
        put_json({**found.record.to_json(), "began": found.began.isoformat(), "inputs": dict(found.inputs)})
    else:
        put("\n\n".join(_parts(found)))
    return 0


def _parts(run: KeptRun) -> list[str]:
    record = run.record
    head = f"{run.run_id}  {record.workflow}  {moment(run)}\n{summary(record)}"
    errors = "\n".join(f"{error.node or 'the run'}: {error.code}: {error.message}" for error in record.errors)
    undone = f"not undone: {', '.join(record.not_undone)}" if record.not_undone else ""
    outputs = f"outputs\n{pretty(record.outputs)}" if record.outputs else ""
    return [part for part in (head, _steps(run), errors, undone, outputs) if part]


def _steps(run: KeptRun) -> str:
    rows = [_row(name, node) for name, node in run.record.nodes.items()]
    return table([("step", "type", "status", "attempts", "began", "seconds"), *rows]) if rows else ""


def _row(name: str, node: NodeRecord) -> tuple[str, ...]:
    began = "" if node.started is None else f"{node.started:.2f}"
    seconds = "" if node.finished is None else f"{node.seconds:.2f}"
    return name, node.type, node.status.replace("_", " "), str(node.attempts), began, seconds
