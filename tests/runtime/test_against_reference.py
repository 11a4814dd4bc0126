"""Whole runs of random documents on virtual time, against a second reading of the language."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pytest

from runtime.checks import Examination, examine
from runtime.commands import Finish
from runtime.graph import Graph, ancestors
from runtime.issues import InvalidWorkflow, JsonValue
from runtime.program import compile_graph
from runtime.record import Cancelled, Failed, RunRecord, Started, Succeeded
from runtime.running import Execution, prepare
from runtime.scheduler import Scheduler
from runtime.surface import to_graph_form, to_pipeline
from runtime.virtual_time import run_in_virtual_time
from tests.random_documents import Stage, Theatre, random_document, random_script
from tests.reference_interpreter import Reference

THEATRE = Theatre()
FEW, MANY = range(250), range(10_000)


@dataclass(frozen=True, slots=True)
class Performance:
    graph: Graph
    stage: Stage
    record: RunRecord


def perform(seed: int, *, max_concurrent: int | None = None) -> Performance:
    """One random document, run; nothing may be left when it has ended."""
    return perform_document(random_document(seed, THEATRE.registry), seed, max_concurrent)


def perform_document(examined: Examination, seed: int, max_concurrent: int | None = None) -> Performance:
    assert examined.graph is not None
    stage = THEATRE.stage = Stage(random_script(str(seed)))
    prepared = prepare(examined, registry=THEATRE.registry, max_concurrent=max_concurrent)
    execution = Execution(prepared, jitter=lambda: 0.5)

    async def main() -> RunRecord:
        if stage.script.cancelled_at is not None:
            asyncio.get_running_loop().call_later(stage.script.cancelled_at, execution.cancel)
        record = await execution.result()
        assert asyncio.all_tasks() == {asyncio.current_task()}, "a task is left"
        return record

    return Performance(examined.graph, stage, run_in_virtual_time(main()))


def account(played: Performance) -> dict[str, object]:
    """All that the language determines of a run."""
    nodes: dict[str, object] = {
        name: (node.status, node.started, node.finished, node.visits, (node.outputs or {}).get("seen"))
        for name, node in played.record.nodes.items()
    }
    errors = [(error.node, error.code) for error in played.record.errors]
    return nodes | {
        "status": played.record.status,
        "errors": errors,
        "undone": played.stage.undone,
        "not_undone": list(played.record.not_undone),
    }


def expected(played: Performance) -> dict[str, object]:
    reference = Reference(played.graph, played.stage.script)
    reference.run()
    nodes: dict[str, object] = {
        name: (place.status, place.started, place.finished, place.visits, place.seen)
        for name, place in reference.places.items()
        if not place.node.hidden
    }
    return nodes | {
        "status": reference.status,
        "errors": reference.errors,
        "undone": reference.undone,
        "not_undone": reference.not_undone,
    }


def compare(seeds: Iterable[int]) -> None:
    for seed in seeds:
        played = perform(seed)
        assert account(played) == expected(played), seed


def test_random_documents_run_as_a_second_reading_of_the_language_says() -> None:
    compare(FEW)


@pytest.mark.slow
def test_ten_thousand_random_documents_run_as_a_second_reading_says() -> None:
    compare(MANY)


@pytest.mark.parametrize(("write", "most_refused"), [(to_graph_form, 0.25), (to_pipeline, 0.4)])
def test_random_documents_run_the_same_in_the_other_form(
    write: Callable[[Graph], JsonValue], most_refused: float
) -> None:
    refused = 0
    for seed in FEW:
        examined = random_document(seed, THEATRE.registry)
        assert examined.graph is not None
        try:
            written = write(examined.graph)
        except InvalidWorkflow:  # what the form has no words for
            refused += 1
            continue
        converted = examine(written, THEATRE.registry)
        one, other = (without_places(account(each)) for each in (perform_document(converted, seed), perform(seed)))
        assert one == other, seed
    assert refused < len(FEW) * most_refused


def without_places(told: dict[str, object]) -> dict[str, object]:
    """An account in which a block without an id is not called by its place in the document."""
    return {**told, "errors": re.sub(r"'(#/[^']*|block_[0-9]+)'", "'#'", str(told["errors"]))}


def test_no_step_starts_while_anything_before_it_still_runs() -> None:
    for seed in FEW:
        played = perform(seed)
        running = set[str]()
        for fact in played.record.facts:
            if isinstance(fact, Started):
                assert not ancestors(fact.node, played.graph.predecessors) & running, seed
                running.add(fact.node)
            elif isinstance(fact, Succeeded | Failed | Cancelled):
                running.discard(fact.node)
        assert not running, seed


def test_the_facts_of_a_run_replay_to_the_same_end() -> None:
    for seed in FEW:
        played = perform(seed)
        fresh = Scheduler(compile_graph(played.graph, THEATRE.registry))
        commands = [command for fact in played.record.facts for command in fresh.take(fact)]
        assert commands[-1] == Finish(played.record.status), seed  # type: ignore[arg-type]  # a finished run has one
        assert tuple(fresh.errors) == played.record.errors, seed


def test_no_more_attempts_are_under_way_than_the_run_allows() -> None:
    most = 0
    for seed in FEW:
        stage = perform(seed, max_concurrent=2).stage
        most = max(most, stage.most_at_work)
        assert stage.at_work == 0, seed
    assert most == 2
