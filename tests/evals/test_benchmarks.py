from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from evals.benchmarks import __main__ as benchmarks
from evals.benchmarks import makespan, overhead, replay, sandbox, speed, startup
from evals.benchmarks.bare import interpret
from evals.benchmarks.table import Judged, Row, Table, at_least, at_most
from runtime import JsonValue, Node, run, run_in_virtual_time
from tests.sandboxes import needs_sandbox

TABLE = Table("Letters", "Two of them.", 3, ({"name": "a", "took": at_most(21.0, 20, 50)}, {"name": "b", "took": None}))


def aims(table: Table) -> list[Judged]:
    return [cell for row in table.rows for cell in row.values() if isinstance(cell, Judged)]


def test_branches_of_each_number_and_kind_are_raced() -> None:
    branches, uneven = speed.tables(seconds=0.001, repetitions=1)
    assert [str(row["branches"]).partition(":")[0] for row in branches.rows] == [
        *("2 unlike", "3 unlike", "5 unlike"),
        *("2 equal", "3 equal", "5 equal"),
    ]
    assert len(aims(branches)) == 12
    assert [row["with supersteps"] for row in uneven.rows] == [pytest.approx(1.818, abs=1e-3)] * 2


def test_a_run_that_fails_is_not_measured() -> None:
    with pytest.raises(RuntimeError, match="failed"):
        asyncio.run(speed.timed([speed.step("nowhere", "listener", port=1)]))


def test_the_overhead_of_each_kind_of_node_is_beside_the_bare_interpreter() -> None:
    table = asyncio.run(overhead.overhead(count=4, repetitions=1))
    kinds = ("bare", "bare, thread", "async def", "def")
    assert [(row["graph"], row["node"]) for row in table.rows] == [(g, k) for g in ("chain", "fan-out") for k in kinds]
    assert [judged.aims for judged in aims(table)] == [overhead.AIMS] * 2


@pytest.mark.parametrize("shape", overhead.SHAPES)
def test_a_graph_of_any_shape_and_size_gives_a_row(shape: str) -> None:
    for count in (3, overhead.WIDTH + 3):
        row: Row = overhead.grown(shape, count, rounds=1)
        assert row["graph"] == shape
        assert row["nodes"] == str(count)


@pytest.mark.slow
def test_each_size_is_measured_in_a_process_of_its_own() -> None:
    assert [row["nodes"] for row in overhead.growth((5,), rounds=1).rows] == ["5"] * len(overhead.SHAPES)


@pytest.mark.parametrize("shape", overhead.SHAPES.values())
def test_the_bare_interpreter_runs_every_node_after_those_before_it(shape: overhead.Shape) -> None:
    graph, order = shape(overhead.WIDTH * 2, "nothing"), list[str]()

    async def note(node: Node) -> JsonValue:
        order.append(node.id)
        return len(order)

    values = asyncio.run(interpret(graph, note))
    assert values.keys() == graph.nodes.keys()
    assert all(order.index(edge.source) < order.index(edge.target) for edge in graph.edges)


@pytest.mark.slow
def test_the_commands_are_timed_and_their_imports_listed() -> None:
    cpu, heavy, *imports = startup.tables(repetitions=1)
    assert [judged.aims for judged in aims(cpu)] == [(0.25,), (0.5,)]
    assert [row["command"] for row in heavy.rows] == [startup.HELP, startup.SHELL_RUN]
    assert all(row["litellm"] == "not imported" for row in heavy.rows)
    assert [len(table.rows) for table in imports] == [startup.MOST] * 2


def test_a_result_is_judged_by_each_of_its_aims() -> None:
    assert str(at_most(21.0444, 20, 50)) == "21.04 (≤ 20 not met, ≤ 50 met)"
    assert str(at_least(1.9, 1.9)) == "1.9 (≥ 1.9 met)"
    assert str(at_least(4.598, 4.6)) == "4.598 (≥ 4.6 not met)"


def test_a_table_says_what_was_measured_and_aligns_its_columns() -> None:
    assert list(TABLE.lines()) == [
        "Letters",
        "Two of them. Repetitions: 3.",
        "name  took",
        "a     21 (≤ 20 not met, ≤ 50 met)",
        "b     –",
    ]


@pytest.fixture
def one_table(monkeypatch: pytest.MonkeyPatch) -> None:
    def tables() -> Iterator[Table]:
        yield TABLE

    monkeypatch.setattr(benchmarks, "BENCHMARKS", {"letters": tables})


@pytest.mark.usefixtures("one_table")
def test_the_tables_are_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    benchmarks.main(["letters", "--json"])
    (table,) = json.loads(capsys.readouterr().out)["tables"]
    verdicts = [{"aim": "≤ 20", "met": False}, {"aim": "≤ 50", "met": True}]
    assert table["rows"] == [
        {"name": "a", "took": {"value": 21, "aims": verdicts}},
        {"name": "b", "took": None},
    ]


@pytest.mark.usefixtures("one_table")
def test_without_a_name_all_benchmarks_are_run(capsys: pytest.CaptureFixture[str]) -> None:
    benchmarks.main([])
    assert "\nLetters\n" in capsys.readouterr().out


@pytest.mark.usefixtures("one_table")
def test_an_unknown_benchmark_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        benchmarks.main(["lettres"])
    assert "'lettres'; there are letters" in capsys.readouterr().err


def test_replay_is_measured_beside_vcrpy_s_own() -> None:
    (table,) = replay.tables(count=5, repetitions=1)
    assert [(row["requests"], row["vcrpy s"] is None) for row in table.rows] == [
        ("all alike", True),
        ("all different", False),
    ]


def test_two_busy_steps_take_a_time() -> None:
    assert makespan.side_by_side(0.01) > 0


def test_the_makespans_of_a_file_of_graphs_are_read(tmp_path: Path) -> None:
    gold = {
        "nodes": [{"id": "1", "duration_s": 2.0}, {"id": "2", "duration_s": 3.0}],
        "edges": [["1", "2"]],
        "makespan_s": 5.0,
    }
    rows = tmp_path / "rows.jsonl"
    other: dict[str, list[str]] = {"nodes": [], "edges": []}
    rows.write_text("\n".join(json.dumps({"gold": each}) for each in (gold, other)), encoding="utf-8")
    ((graph, best),) = makespan.graphs(rows)
    assert [node.id for node in graph.steps] == ["n1", "n2"]
    assert run_in_virtual_time(run(graph, registry=makespan.REGISTRY)).wall_seconds == best == 5.0


def test_every_graph_with_stated_durations_reaches_its_stated_optimum(shared_data: Path) -> None:
    found = list(makespan.graphs(shared_data / "tool_graphs_dev.jsonl"))
    assert len(found) == 60
    for graph, best in found:
        record = run_in_virtual_time(run(graph, registry=makespan.REGISTRY))
        assert record.wall_seconds == pytest.approx(best, rel=1e-9)


@needs_sandbox
def test_a_step_in_the_sandbox_is_measured_beside_one_that_is_not() -> None:
    (table,) = sandbox.tables(repetitions=1)
    assert [row["step"] for row in table.rows] == list(sandbox.STEPS)


def test_without_a_sandbox_there_is_nothing_to_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert list(sandbox.tables(repetitions=1)) == []
