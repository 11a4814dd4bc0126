"""`plait runs`: the runs that were kept."""

from __future__ import annotations

from plait.application import new_app
from plait.display import put, put_json, say
from plait.options import Json, State
from plait.state import moment, state_directory, store_in
from plait.tables import table
from runtime.journal import KeptRun
from runtime.workflow import JsonObject

app = new_app()


@app.command()
def runs(state: State = None, json: Json = False) -> int:
    """Print the runs that were kept, the newest first."""
    found = store_in(state).runs()
    if json:
        put_json([_told(run) for run in found])
    elif found:
        put(table([("run", "workflow", "status", "when", "seconds"), *map(_row, found)]))
    else:
        say(f"no run has been kept in {state_directory(state)} yet")
    return 0


def _told(run: KeptRun) -> JsonObject:
    record = run.record
    return {
        "run_id": run.run_id,
        "workflow": record.workflow,
        "status": record.status,
        "began": run.began.isoformat(),
        "wall_seconds": round(record.wall_seconds, 6),
    }


def _row(run: KeptRun) -> tuple[str, ...]:
    record = run.record
    return run.run_id, record.workflow, str(record.status), moment(run), f"{record.wall_seconds:.2f}"
