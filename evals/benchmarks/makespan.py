"""Real task graphs with stated durations and best makespans, run on virtual time: the schedule must reach the optimum.

The rows come from a file of tool graphs in JSON Lines (AsyncHow's rows state `makespan_s`); its path is the argument of
`graphs`, by default the folder `shared/data` beside the repository.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

from evals.benchmarks.table import Row, Table, at_least, at_most
from runtime import (
    Graph,
    JsonValue,
    Node,
    NodeId,
    Registry,
    build_graph,
    installed_types,
    node_type,
    run,
    run_in_virtual_time,
)

ROWS = Path(__file__).parents[2].parent / "shared" / "data" / "tool_graphs_dev.jsonl"
COUNTING = """\
import time

def run(seconds):
    end, turns = time.process_time() + seconds, 0
    while time.process_time() < end:
        turns += 1
    return turns
"""
CPU_BOUND_AIM = 1.2  # seconds for two branches of one second on two cores


@node_type("lasts")
async def lasts(seconds: float) -> None:
    """Takes so long."""
    await asyncio.sleep(seconds)


REGISTRY = Registry({}).with_types(lasts)


def graphs(path: Path = ROWS) -> Iterator[tuple[Graph, float]]:
    """Each graph with the best makespan that its row states, in seconds."""
    for line in path.read_text(encoding="utf-8").splitlines():
        gold = json.loads(line)["gold"]
        if "makespan_s" in gold:
            nodes = [Node(NodeId(f"n{each['id']}"), "lasts", {"seconds": each["duration_s"]}) for each in gold["nodes"]]
            edges = [(f"n{before}", f"n{after}") for before, after in gold["edges"]]
            yield build_graph(nodes, edges), gold["makespan_s"]


def tables() -> Iterator[Table]:
    """The makespans, where the rows are there, and two CPU-bound steps side by side."""
    if ROWS.exists():
        found = [(run_in_virtual_time(run(graph, registry=REGISTRY)).wall_seconds, best) for graph, best in graphs()]
        optimal = sum(abs(wall - best) <= 1e-9 * best for wall, best in found)
        row: Row = {"graphs": len(found), "at the optimum": at_least(optimal, len(found))}
        yield Table(
            "Makespan", "Graphs with stated durations on a virtual clock, against the stated optimum.", 1, (row,)
        )
    yield Table(
        "CPU-bound branches",
        "Two `code` steps of one second of pure Python each, side by side, in seconds; the best run.",
        3,
        ({"wall": at_most(min(side_by_side() for _ in range(3)), CPU_BOUND_AIM)},),
    )


def side_by_side(seconds: float = 1.0) -> float:
    """Seconds that two busy steps take together."""
    steps: list[JsonValue] = [
        {"id": name, "type": "code", "params": {"source": COUNTING, "inputs": {"seconds": seconds}}} for name in "ab"
    ]
    began = time.perf_counter()
    asyncio.run(run({"pipeline": [{"parallel": steps}]}, registry=installed_types(), allow=["code"]))
    return time.perf_counter() - began
