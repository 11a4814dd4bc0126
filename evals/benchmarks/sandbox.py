"""What the sandbox adds to the start of a step: the same steps run with it and without, by turns."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from evals.benchmarks.table import Row, Table
from runtime import Execution, JsonValue, Prepared, Refused, prepare

STEPS: dict[str, dict[str, JsonValue]] = {
    "shell: true": {"id": "step", "type": "shell", "params": {"command": "true"}},
    "code: return 1": {"id": "step", "type": "code", "params": {"source": "def run():\n    return 1"}},
}
MILLI = 1e3


def tables(repetitions: int = 30) -> Iterator[Table]:
    """One table; none where there is no sandbox."""
    with TemporaryDirectory() as folder:
        try:
            rows = [_row(name, step, Path(folder), repetitions) for name, step in STEPS.items()]
        except Refused:
            return
    measured = (
        "Milliseconds from the start of a step to its end, median; with and without the sandbox by turns, after one run"
        " of each to warm up."
    )
    yield Table("A step in the sandbox", measured, repetitions, tuple(rows))


def _row(name: str, step: dict[str, JsonValue], folder: Path, repetitions: int) -> Row:
    ways = [
        prepare({"pipeline": [step]}, allow=("shell", "code"), directory=folder, sandbox=boxed)
        for boxed in (False, True)
    ]
    taken = [[seconds(way) for way in ways] for _ in range(repetitions + 1)][1:]
    plain, boxed = (statistics.median(column) * MILLI for column in zip(*taken, strict=True))
    return {"step": name, "plain ms": plain, "sandbox ms": boxed, "added ms": boxed - plain, "× plain": boxed / plain}


def seconds(prepared: Prepared) -> float:
    """How long the step of a run took. RuntimeError if it failed."""
    record = asyncio.run(Execution(prepared).result())
    node = record.nodes["step"]
    if record.status != "succeeded" or node.started is None or node.finished is None:
        raise RuntimeError(f"the run to measure has {record.status}: {node.error}")
    return node.finished - node.started
