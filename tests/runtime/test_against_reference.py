"""Whole runs of random documents on virtual time, against a second reading of the language."""

from __future__ import annotations

import asyncio

import pytest

from runtime.graph import Graph
from runtime.record import RunRecord
from runtime.running import Execution, prepare
from runtime.virtual_time import run_in_virtual_time
from tests.random_documents import Stage, Theatre, random_document, random_script
from tests.reference_interpreter import Reference, Script

THEATRE = Theatre()


def play(seed: int) -> tuple[Graph, Script, RunRecord]:
    """One random document, run; nothing may be left when it has ended."""
    examined = random_document(seed, THEATRE.registry)
    assert examined.graph is not None
    stage = THEATRE.stage = Stage(random_script(str(seed)))
    execution = Execution(prepare(examined, registry=THEATRE.registry, allow=["all"]), jitter=lambda: 0.5)

    async def main() -> RunRecord:
        if stage.script.cancelled_at is not None:
            asyncio.get_running_loop().call_later(stage.script.cancelled_at, execution.cancel)
        record = await execution.result()
        assert asyncio.all_tasks() == {asyncio.current_task()}, "a task is left"
        return record

    return examined.graph, stage.script, run_in_virtual_time(main())


def account(record: RunRecord) -> dict[str, object]:
    nodes = {
        name: (node.status, node.started, node.finished, node.visits, (node.outputs or {}).get("seen"))
        for name, node in record.nodes.items()
    }
    errors = [(error.node, error.code) for error in record.errors]
    undone = THEATRE.stage.undone
    return {
        **nodes, "status": record.status, "errors": errors, "undone": undone, "not_undone": list(record.not_undone)
    }  # fmt: skip


def expected(graph: Graph, script: Script) -> dict[str, object]:
    reference = Reference(graph, script)
    reference.run()
    nodes = {
        name: (place.status, place.started, place.finished, place.visits, place.seen)
        for name, place in reference.places.items()
        if not place.node.hidden
    }
    return {
        **nodes, "status": reference.status, "errors": reference.errors, "undone": reference.undone,
        "not_undone": reference.not_undone,
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(2))
def test_x(seed):
    graph, script, record = play(seed)
    assert account(record) == expected(graph, script)
