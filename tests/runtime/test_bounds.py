"""Every limit: its default, another value for it, and what happens to what goes beyond."""

from __future__ import annotations

import asyncio
import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from time import process_time

import pytest

from runtime.bounds import DEFAULTS, Limits, read_limits
from runtime.graph import Node, NodeId, build_graph
from runtime.issues import InvalidWorkflow, JsonValue, Unavailable
from runtime.journal import KeptRun, RunsInDirectory
from runtime.node_types import installed_types
from runtime.record import NodeRecord, RunError, RunRecord
from runtime.running import Execution, examine_document, load, prepare, run
from runtime.shape import MAX_ISSUES, entries_in
from runtime.virtual_time import run_in_virtual_time
from tests.command_line import pipeline, value

TYPES = installed_types()


def codes(document: JsonValue, limits: Limits = DEFAULTS) -> list[str]:
    issues = examine_document(json.dumps(document).encode(), "a.json", TYPES, limits).issues
    return [issue.code for issue in issues if issue.severity == "error"]


def test_limits_are_read_from_a_text() -> None:
    assert read_limits("") == DEFAULTS
    assert read_limits("batch_items=5, run_seconds=0.5 memory_bytes=1000") == Limits(
        batch_items=5, run_seconds=0.5, memory_bytes=1000
    )


@pytest.mark.parametrize("text", ["batch_item=5", "batch_items", "batch_items=", "batch_items=1.5", "batch_items=-1"])
@pytest.mark.parametrize("more", ["", " run_seconds=inf", " document_depth=129", " run_seconds=0"])
def test_what_is_no_limit_is_told_with_what_would_be_right(text: str, more: str) -> None:
    with pytest.raises(InvalidWorkflow) as told:
        read_limits(text + more)
    assert len(told.value.issues) == (2 if more else 1)
    assert all("batch_items" in issue.hint for issue in told.value.issues[:1])


@pytest.mark.parametrize("name", [each.name for each in fields(Limits)])
def test_each_limit_can_be_set(name: str) -> None:
    assert getattr(read_limits(f"{name}=7"), name) == 7


@pytest.mark.parametrize(
    ("limits", "document"),
    [
        (Limits(document_bytes=60), pipeline(value("a", "x" * 60))),
        (Limits(document_depth=6), pipeline(value("a", [[[[1]]]]))),
        (Limits(document_entries=3), pipeline({"parallel": [value("a", 1), value("b", 1)]}, value("c", 1))),
        (Limits(document_entries=1), pipeline(value("a", 1) | {"next": {"default": [value("b", 1)]}})),
        (Limits(document_entries=2), {"nodes": [value("a", 1), value("b", 1)], "edges": [{"from": "a", "to": "b"}]}),
    ],
)
def test_a_document_beyond_a_limit_is_refused(limits: Limits, document: JsonValue) -> None:
    assert codes(document) == []
    assert codes(document, limits) == ["document_limits"]


def test_a_graph_of_more_nodes_is_refused() -> None:
    nodes = [Node(NodeId(name), "transform", {"value": 1}) for name in ("a", "b")]
    graph = build_graph(nodes, [])
    assert load(graph, TYPES).valid
    with pytest.raises(InvalidWorkflow, match="2 nodes; 1 are the limit of a graph"):
        load(graph, TYPES, Limits(graph_nodes=1))


def test_entries_are_counted_wherever_steps_may_stand_and_nowhere_else() -> None:
    inner: JsonValue = {"parallel": [{"pipeline": [value("a", [{"pipeline": [{}, {}]}])]}, value("b", 1)]}
    assert entries_in(pipeline(inner)) == 4
    others: list[JsonValue] = [None, 5, [], {"pipeline": "x"}, {"pipeline": [{"next": 5}]}]
    assert [entries_in(each) for each in others] == [0, 0, 0, 0, 1]


def test_a_batch_of_more_items_fails_before_its_first_item() -> None:
    document = pipeline(value("a", "${item}") | {"batch": {"items": [1, 2, 3]}})
    record = run_in_virtual_time(run(document, registry=TYPES, limits=Limits(batch_items=2)))
    assert [(error.code, error.message) for error in record.errors] == [
        ("batch_limit", "batch.items has 3 items; 2 are the limit")
    ]
    assert run_in_virtual_time(run(document, registry=TYPES, limits=Limits(batch_items=3))).status == "succeeded"


def ran_for(seconds: float, limits: Limits, settings: dict[str, JsonValue], *, virtual: bool = False) -> RunRecord:
    """The record of a run that waits so long, on a machine whose clock is the loop's; `virtual`: where it stands."""

    async def result() -> RunRecord:
        document = pipeline({"id": "a", "type": "wait", "params": {"seconds": seconds}}, settings=settings)
        clock = (lambda: 0.0) if virtual else asyncio.get_running_loop().time
        return await Execution(prepare(document, registry=TYPES, limits=limits), clock=clock).result()

    return run_in_virtual_time(result())


@pytest.mark.parametrize("settings", [{}, {"timeout": 500_000}])
def test_a_run_ends_at_the_limit_whatever_its_own_timeout(settings: dict[str, JsonValue]) -> None:
    record = ran_for(400_000, DEFAULTS, settings)
    assert (record.status, record.wall_seconds) == ("failed", DEFAULTS.run_seconds)
    assert [(error.node, error.code, error.message) for error in record.errors] == [
        (None, "timeout", "it took longer than the limit of a run (run_seconds), 86400 seconds")
    ]
    assert ran_for(400_000, Limits(run_seconds=400_001), settings).status == "succeeded"
    assert (
        ran_for(400_000, Limits(run_seconds=400_001), {"timeout": 5}).errors[0].message.endswith("timeout of 5 seconds")
    )


def test_the_seconds_are_the_machine_s_unless_another_clock_is_given() -> None:
    document = pipeline({"id": "a", "type": "wait", "params": {"seconds": 600}})
    record = asyncio.run(run(document, registry=TYPES, limits=Limits(run_seconds=0.05)))
    assert (record.status, record.errors[0].code) == ("failed", "timeout")
    assert record.wall_seconds < 60


def test_years_on_a_clock_that_takes_no_time_are_within_the_limit() -> None:
    record = ran_for(400_000_000, DEFAULTS, {}, virtual=True)
    assert (record.status, record.wall_seconds) == ("succeeded", 400_000_000)


# --- what is kept


def kept(*sizes: int) -> KeptRun:
    nodes = {f"s{at}": NodeRecord("succeeded", "transform", outputs={"result": "x" * n}) for at, n in enumerate(sizes)}
    return KeptRun(RunRecord("run-1", "work", "succeeded", nodes=nodes), datetime(2026, 1, 1, tzinfo=UTC))


def test_larger_outputs_lie_beside_the_record_and_are_given_to_a_later_run(tmp_path: Path) -> None:
    store = RunsInDirectory(tmp_path, Limits(kept_output_bytes=100))
    store.save(kept(10, 200), None)
    found = store.load("run-1")
    assert found.record.nodes["s0"].outputs == {"result": "x" * 10}
    assert found.record.nodes["s1"].outputs == {"file": "output-1.json", "bytes": 214}
    assert (tmp_path / "runs" / "run-1" / "output-1.json").stat().st_mode & 0o777 == 0o600
    assert found.given("s1") is None
    assert store.whole(found).given("s1") == {"result": "x" * 200}
    assert store.whole(found) == kept(10, 200)


def test_a_whole_run_is_kept_up_to_its_limit_and_says_what_is_missing(tmp_path: Path) -> None:
    store = RunsInDirectory(tmp_path, Limits(kept_run_bytes=100))
    (issue,) = store.save(kept(10, 200, 10), None)
    assert (issue.code, issue.path, issue.severity) == ("kept_limit", "/nodes/s1/outputs", "warning")
    assert issue.message == "2 outputs or inputs were not kept: all of a run that are kept take 100 bytes at most"
    found = store.whole(store.load("run-1"))
    assert found.record.nodes["s1"].outputs == {"file": None, "bytes": 214}
    assert [found.given(step) is None for step in ("s0", "s1", "s2")] == [False, True, True]


def test_larger_inputs_lie_beside_the_record_too(tmp_path: Path) -> None:
    run = replace(kept(10), inputs={"long": ["x" * 200], "short": 1})
    store = RunsInDirectory(tmp_path, Limits(kept_output_bytes=100))
    assert store.save(run, None) == ()
    found = store.load("run-1")
    assert found.inputs == {"long": {"file": "output-1.json", "bytes": 204}, "short": 1}
    assert found.given_inputs() == {"short": 1}
    assert store.whole(found) == run
    assert store.whole(found).given_inputs() == run.inputs


def test_many_outputs_fill_half_of_a_record_and_the_others_lie_beside_it(tmp_path: Path) -> None:
    store = RunsInDirectory(tmp_path, Limits(kept_record_bytes=4000))
    assert store.save(kept(*[600] * 6), None) == ()
    assert sorted(each.name for each in (tmp_path / "runs" / "run-1").iterdir()) == [
        *("output-1.json", "output-2.json", "output-3.json", "record.json", "workflow.json")
    ]
    assert (tmp_path / "runs" / "run-1" / "record.json").stat().st_size < 4000
    assert store.whole(store.load("run-1")) == kept(*[600] * 6)


@pytest.mark.parametrize("what", ["message", "document"])
def test_a_run_whose_record_is_beyond_its_limit_is_not_kept_and_says_so(what: str, tmp_path: Path) -> None:
    errors = (RunError("s0", "code_error", "x" * 2000),) if what == "message" else ()
    run = replace(kept(10), record=replace(kept(10).record, errors=errors))
    document: JsonValue = "x" * 2000 if what == "document" else None
    store = RunsInDirectory(tmp_path, Limits(kept_record_bytes=2000))
    (issue,) = store.save(run, document)
    assert (issue.code, issue.path) == ("kept_limit", "")
    assert issue.message.startswith("the run was not kept: its record and its workflow take ")
    assert "kept_record_bytes" in issue.hint
    assert not list(tmp_path.iterdir())
    assert RunsInDirectory(tmp_path).save(run, document) == ()


def test_an_output_that_looks_like_a_reference_stays_what_it_is(tmp_path: Path) -> None:
    store, looks = RunsInDirectory(tmp_path), {"file": "../../secret", "bytes": 3}
    nodes = {"a": NodeRecord("succeeded", "transform", outputs=dict(looks))}
    store.save(KeptRun(RunRecord("run-1", "work", "succeeded", nodes=nodes), datetime(2026, 1, 1, tzinfo=UTC)), None)
    assert store.whole(store.load("run-1")).given("a") == looks


@pytest.mark.parametrize("run", [kept(200), replace(kept(), inputs={"long": "x" * 200})], ids=["output", "input"])
def test_outputs_and_inputs_are_looked_for_beside_their_record_alone(run: KeptRun, tmp_path: Path) -> None:
    store = RunsInDirectory(tmp_path, Limits(kept_output_bytes=100))
    store.save(run, None)
    folder = tmp_path / "runs" / "run-1"
    (folder / "record.json").write_text((folder / "record.json").read_text().replace("output-1.json", "../../out.json"))
    (tmp_path / "out.json").write_text('{"result": "stolen"}')
    with pytest.raises(Unavailable, match="what is kept here is damaged"):
        store.whole(store.load("run-1"))


# --- how long a senseless document takes


def test_a_document_of_a_hundred_thousand_mistakes_is_told_in_a_bounded_list() -> None:
    document: JsonValue = {"pipeline": [{} for _ in range(DEFAULTS.document_entries)]}
    issues = examine_document(json.dumps(document).encode(), "a.json", TYPES).issues
    assert len(issues) == MAX_ISSUES + 1
    assert issues[-1].message == f"{2 * DEFAULTS.document_entries - MAX_ISSUES} more issues are not listed"


def test_two_hundred_thousand_empty_steps_are_refused_within_two_seconds() -> None:
    data = json.dumps({"pipeline": [{}] * 200_000}).encode()
    began = process_time()
    assert [issue.code for issue in examine_document(data, "a.json", TYPES).issues] == ["document_limits"]
    assert process_time() - began < 2
