"""Batch, parallel block and routing together, in both forms, on virtual time."""

from __future__ import annotations

import asyncio

import pytest

from runtime.issues import JsonValue
from runtime.node_types import NodeContext, Registry, installed_types, node_type
from runtime.record import RunRecord
from runtime.running import Execution, prepare, run
from runtime.virtual_time import run_in_virtual_time
from tests.language import Document, fixture


@node_type("takes")
async def takes(seconds: float, value: JsonValue = None) -> JsonValue:
    """Gives back a value after a while."""
    await asyncio.sleep(seconds)
    return value


TYPES = installed_types().with_types(takes)


def execute(document: Document, registry: Registry = TYPES) -> RunRecord:
    return run_in_virtual_time(run(document, registry=registry, allow=["all"]))


def review(limit: int) -> Document:
    """Fetch, then a batch beside a plain step, then a review that publishes or archives."""
    each: Document = {
        "id": "each",
        "type": "takes",
        "params": {"seconds": 1, "value": "${f}!"},
        "batch": {"items": "${fetch.result}", "as": "f", "parallel": True, "max_concurrent": 2},
    }
    plain: Document = {"id": "plain", "type": "takes", "params": {"seconds": 1.5, "value": "plain"}}
    condition = f"${{each.success_count}} > {limit}"
    choose: Document = {"cases": [{"when": condition, "action": "publish"}], "otherwise": "archive"}
    return {
        "pipeline": [
            {"id": "fetch", "type": "takes", "params": {"seconds": 1, "value": ["a", "b", "c"]}},
            {"parallel": [each, plain]},
            {"id": "review", "type": "decide", "params": choose, "next": {"publish": "publish", "archive": "archive"}},
            {"id": "publish", "type": "transform", "params": {"value": "${each.results}"}},
            {"id": "archive", "type": "transform", "params": {"value": "${plain.result}"}},
        ],
        "outputs": {"published": "${publish.result}", "archived": "${archive.result}"},
    }


def test_a_batch_beside_a_plain_step_is_reviewed_and_published() -> None:
    record = execute(review(limit=2))
    assert record.outputs == {"published": [{"result": "a!"}, {"result": "b!"}, {"result": "c!"}], "archived": None}
    assert record.wall_seconds == 3
    assert record.nodes["archive"].status == "skipped"


def test_or_archived() -> None:
    record = execute(review(limit=3))
    assert record.outputs == {"published": None, "archived": "plain"}
    assert record.nodes["publish"].status == "skipped"


@pytest.mark.parametrize("name", ["report"])
def test_both_forms_of_a_fixture_give_the_same_run(name: str) -> None:
    records = [execute(_played(fixture(f"{name}_{form}"))) for form in ("pipeline", "graph")]
    runs = [{step: (node.status, node.started, node.outputs) for step, node in each.nodes.items()} for each in records]
    assert runs[0] == runs[1]
    assert records[0].outputs == records[1].outputs


def _played(document: Document) -> Document:
    """The document with sleepers in place of models and hosts: what is compared is when each runs."""

    def play(value: object) -> object:
        if isinstance(value, list):
            return [play(each) for each in value]
        if isinstance(value, dict) and value.get("type") in ("http", "llm"):
            return {"id": value["id"], "type": "takes", "params": {"seconds": len(value["id"])}}
        return {key: play(each) for key, each in value.items()} if isinstance(value, dict) else value

    played = play(document)
    assert isinstance(played, dict)
    return played


@pytest.mark.slow
def test_a_hundred_thousand_items_have_no_more_tasks_alive_than_may_work_at_once() -> None:
    most = 0

    @node_type("counts")
    async def counts(value: int, context: NodeContext) -> int:
        nonlocal most
        most = max(most, len(asyncio.all_tasks()))
        await asyncio.sleep(1)
        return value

    step: Document = {"id": "all", "type": "counts", "params": {"value": "${n}"}}
    batch: Document = {"items": "${workflow.numbers}", "as": "n", "parallel": True, "max_concurrent": 50}
    document: Document = {"inputs": {"numbers": {"type": "array"}}, "pipeline": [{**step, "batch": batch}]}
    numbers: JsonValue = list(range(100_000))
    prepared = prepare(document, inputs={"numbers": numbers}, registry=Registry({}).with_types(counts))
    record = run_in_virtual_time(Execution(prepared).result())
    assert record.wall_seconds == 2_000
    assert most <= 50 + 2  # the run itself, and the batch
    outputs = record.nodes["all"].outputs or {}
    assert outputs["count"] == outputs["success_count"] == 100_000
