"""Runs on virtual time: nothing here waits for real, and every measured second is exact."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from random import Random

import pytest

from runtime.commands import Finish
from runtime.completion import ScriptedClient
from runtime.graph import Node, NodeId, build_graph
from runtime.issues import JsonValue
from runtime.node_types import NodeContext, NodeFailed, Registry, node_type
from runtime.program import compile_graph
from runtime.record import RunRecord
from runtime.running import Execution, prepare, run
from runtime.scheduler import Scheduler
from runtime.virtual_time import run_in_virtual_time
from tests.random_graphs import REGISTRY, random_graph


@node_type("sleep")
async def sleep(seconds: float, then: JsonValue = None) -> JsonValue:
    await asyncio.sleep(seconds)
    return then


@node_type("fail")
async def fail(seconds: float = 0, code: str = "boom") -> None:
    await asyncio.sleep(seconds)
    raise NodeFailed(code, "it failed")


@node_type("spoil")
async def spoil(value: dict[str, JsonValue]) -> JsonValue:
    """Changes what it received, and gives it back."""
    inner = value["list"]
    assert isinstance(inner, list)
    inner.append("spoilt")
    value["more"] = True
    return value


@node_type("raises")
async def raises() -> None:
    raise ValueError("not a number")


@node_type("unsayable")
async def unsayable() -> JsonValue:
    return object()  # type: ignore[return-value]  # the point of the type


@node_type("blocking")
def blocking() -> str:
    return threading.current_thread().name


@node_type("contextual")
async def contextual(context: NodeContext) -> str:
    return f"{context.node} {context.attempt}"


TYPES = Registry({}).with_types(sleep, fail, spoil, raises, unsayable, blocking, contextual)


def step(name: str, type_: str = "sleep", **params: JsonValue) -> dict[str, JsonValue]:
    return {"id": name, "type": type_, "params": params or ({"seconds": 1} if type_ == "sleep" else {})}


def execute(*pipeline: JsonValue, registry: Registry = TYPES, **options: object) -> RunRecord:
    document: dict[str, JsonValue] = {"pipeline": list(pipeline)}
    settings = options.pop("settings", None)
    if isinstance(settings, Mapping):
        document["settings"] = dict(settings)
    return run_in_virtual_time(run(document, registry=registry, **options))  # type: ignore[arg-type]  # run's own options


def statuses(record: RunRecord) -> dict[str, str]:
    return {name: node.status for name, node in record.nodes.items()}


def test_branches_run_side_by_side_and_the_block_ends_with_the_slowest() -> None:
    record = execute({"parallel": [step("a", seconds=3), step("b", seconds=5)]}, step("c", seconds=1))
    assert record.wall_seconds == 6
    assert record.sequential_seconds == 9
    assert record.critical_path_seconds == 6
    assert record.speedup == 1.5


def test_uneven_sequences_in_branches_do_not_wait_for_each_other() -> None:
    """An engine with supersteps would take 40 seconds."""
    record = execute(
        {
            "parallel": [
                {"pipeline": [step("a", seconds=20), step("b", seconds=2)]},
                {"pipeline": [step("c", seconds=2), step("d", seconds=20)]},
            ]
        }
    )
    assert record.wall_seconds == 22


def meeting(size: int) -> Registry:
    """A registry with a type whose nodes wait until `size` of them are there."""
    arrived = list[int]()
    all_there = asyncio.Event()

    @node_type("meet")
    async def meet() -> int:
        arrived.append(1)
        if len(arrived) == size:
            all_there.set()
        await all_there.wait()
        return len(arrived)

    return TYPES.with_types(meet)


THREE: JsonValue = {"parallel": [step("a", "meet"), step("b", "meet"), step("c", "meet")]}


def test_three_branches_that_wait_for_one_another_finish() -> None:
    assert execute(THREE, registry=meeting(3), settings={"timeout": 60}).status == "succeeded"


def test_three_branches_that_wait_for_one_another_time_out_one_at_a_time() -> None:
    record = execute(THREE, registry=meeting(3), settings={"timeout": 60}, max_concurrent=1)
    assert record.status == "failed"
    assert record.wall_seconds == 60
    assert [error.code for error in record.errors] == ["timeout"]
    assert statuses(record) == {"a": "cancelled", "b": "not_started", "c": "not_started"}


def test_a_node_that_mutates_what_it_received_changes_nothing_for_its_siblings() -> None:
    value: JsonValue = {"list": [1]}
    record = execute(
        step("source", seconds=0, then=value),
        {
            "parallel": [
                step("bad", "spoil", value="${source.result}"),
                step("good", seconds=1, then="${source.result}"),
            ]
        },
    )
    assert record.nodes["bad"].outputs == {"result": {"list": [1, "spoilt"], "more": True}}
    assert record.nodes["good"].outputs == {"result": {"list": [1]}}
    assert record.nodes["source"].outputs == {"result": {"list": [1]}}
    assert value == {"list": [1]}


def test_a_node_cannot_change_its_document() -> None:
    params: dict[str, JsonValue] = {"value": {"list": []}}
    execute({"id": "a", "type": "spoil", "params": params})
    assert params == {"value": {"list": []}}


def test_fail_fast_ends_the_siblings_at_once() -> None:
    record = execute({"parallel": [step("a", "fail", seconds=1), step("b", seconds=100)]}, step("c"))
    assert record.status == "failed"
    assert record.wall_seconds == 1
    assert statuses(record) == {"a": "failed", "b": "cancelled", "c": "not_started"}
    assert record.nodes["c"].started is None
    assert record.nodes["b"].finished == 1


def test_continue_goes_on_without_what_failed() -> None:
    record = execute(
        {"parallel": [step("a", "fail"), step("b", seconds=2, then="b")], "on_error": "continue"},
        step("c", then="${b.result}", seconds=1),
    )
    assert record.status == "completed_with_errors"
    assert record.outputs == {"c": {"result": "b"}}
    assert [(error.node, error.code) for error in record.errors] == [("a", "boom")]


def test_a_later_step_sees_the_error_of_a_failed_one() -> None:
    record = execute(step("a", "fail"), step("b", seconds=0, then="${a.error.code}"), settings={"on_error": "continue"})
    assert record.outputs == {"b": {"result": "boom"}}


def test_the_error_of_a_step_that_worked_is_null() -> None:
    assert execute(step("a"), step("b", seconds=0, then="${a.error}")).outputs == {"b": {"result": None}}


def test_the_final_steps_give_the_outputs_when_none_are_declared() -> None:
    record = execute(step("a"), {"parallel": [step("b", seconds=0, then=1), step("c", seconds=0, then=2)]})
    assert record.outputs == {"b": {"result": 1}, "c": {"result": 2}}


def test_declared_outputs_are_all_there_also_when_the_run_failed() -> None:
    document: dict[str, JsonValue] = {
        "pipeline": [step("a", seconds=0, then=7), step("b", "fail"), step("c")],
        "outputs": {"first": "${a.result}", "second": "${c.result}", "third": "${a.result.nowhere}"},
    }
    record = run_in_virtual_time(run(document, registry=TYPES))
    assert record.outputs == {"first": 7, "second": None, "third": None}


def test_a_step_longer_than_its_timeout_fails_with_that_code() -> None:
    record = execute({**step("a", seconds=9), "timeout": 2})
    assert record.nodes["a"].error == {"code": "timeout", "message": "it took longer than its timeout of 2 seconds"}
    assert record.wall_seconds == 2


def test_a_retry_waits_with_backoff_and_counts_its_attempts() -> None:
    retry: JsonValue = {"max_attempts": 3, "wait": 10, "backoff": 2, "on": ["boom"]}
    prepared = prepare({"pipeline": [{**step("a", "fail"), "retry": retry}]}, registry=TYPES)
    execution = Execution(prepared, jitter=lambda: 0.5)
    record = run_in_virtual_time(execution.result())
    assert record.nodes["a"].attempts == 3
    assert record.wall_seconds == pytest.approx(30)


def test_an_error_that_is_not_transient_is_not_tried_again() -> None:
    record = execute({**step("a", "fail"), "retry": {"max_attempts": 5, "wait": 10}})
    assert record.nodes["a"].attempts == 1


def test_while_a_step_waits_to_try_again_it_holds_no_place() -> None:
    retry: JsonValue = {"max_attempts": 2, "wait": 10, "on": ["boom"]}
    record = execute(
        {"parallel": [{**step("a", "fail"), "retry": retry}, step("b", seconds=5)], "on_error": "continue"},
        max_concurrent=1,
    )
    assert record.nodes["b"].finished == 5


def test_a_limit_of_a_block_holds_inside_it_only() -> None:
    inner: JsonValue = {"parallel": [step("a"), step("b"), step("c")], "max_concurrent": 1}
    record = execute({"parallel": [inner, step("d", seconds=1)]})
    assert record.wall_seconds == 3
    assert record.nodes["d"].started == 0


def test_a_named_pool_limits_the_steps_that_name_it() -> None:
    steps: list[JsonValue] = [{**step(name), "pool": "api"} for name in "abcd"]
    assert execute({"parallel": steps}, settings={"pools": {"api": 2}}).wall_seconds == 2


def test_an_exception_of_a_node_is_its_failure_in_one_line() -> None:
    record = execute(step("a", "raises"))
    assert record.nodes["a"].error == {"code": "node_error", "message": "ValueError: not a number"}


def test_outputs_that_json_cannot_say_are_a_failure() -> None:
    assert execute(step("a", "unsayable")).errors[0].code == "output_not_json"


def test_a_path_that_is_not_there_fails_the_step_that_refers_to_it() -> None:
    record = execute(step("a", seconds=0, then={"x": 1}), step("b", seconds=0, then="${a.result.y}"))
    assert [(error.node, error.code) for error in record.errors] == [("b", "missing_value")]


def test_params_that_a_reference_made_wrong_fail_the_step() -> None:
    record = execute(step("a", seconds=0, then="soon"), step("b", seconds="${a.result}"))
    assert record.errors[0].code == "param_type"
    assert "params/seconds: found 'soon'; must be" in record.errors[0].message


def test_a_plain_function_runs_in_a_thread() -> None:
    record = asyncio.run(run({"pipeline": [step("a", "blocking")]}, registry=TYPES))
    assert str((record.nodes["a"].outputs or {})["result"]).startswith("plait")


def test_blocking_branches_that_wait_for_one_another_finish() -> None:
    barrier = threading.Barrier(40, timeout=20)

    @node_type("meet")
    def meet() -> None:
        barrier.wait()

    steps: list[JsonValue] = [step(f"s{at}", "meet") for at in range(40)]
    assert asyncio.run(run({"pipeline": [{"parallel": steps}]}, registry=TYPES.with_types(meet))).status == "succeeded"


def test_a_node_knows_its_name_and_attempt() -> None:
    assert execute(step("a", "contextual")).outputs == {"a": {"result": "a 1"}}


def test_cancelling_from_outside_drains_the_run_and_keeps_the_record() -> None:
    execution = Execution(prepare({"pipeline": [step("a", seconds=100), step("b")]}, registry=TYPES))

    async def interrupted() -> None:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_later(3, task.cancel)
        await execution.result()

    with pytest.raises(asyncio.CancelledError):
        run_in_virtual_time(interrupted())
    record = execution.record()
    assert (record.status, record.wall_seconds) == ("cancelled", 3)
    assert statuses(record) == {"a": "cancelled", "b": "not_started"}


def test_asking_a_run_to_end_gives_its_record() -> None:
    execution = Execution(prepare({"pipeline": [step("a", seconds=100)]}, registry=TYPES))

    async def main() -> RunRecord:
        asyncio.get_running_loop().call_later(3, execution.cancel)
        return await execution.result()

    assert run_in_virtual_time(main()).status == "cancelled"


def test_asking_a_second_time_does_not_lose_the_record() -> None:
    execution = Execution(prepare({"pipeline": [step("a", seconds=100)]}, registry=TYPES))

    async def main() -> RunRecord:
        for seconds in (3, 3.5):
            asyncio.get_running_loop().call_later(seconds, execution.cancel)
        return await execution.result()

    record = run_in_virtual_time(main())
    assert (record.status, record.nodes["a"].status) == ("cancelled", "cancelled")


def test_a_step_that_waits_for_a_place_and_is_cancelled_never_started() -> None:
    record = execute({"parallel": [step("a", "fail", seconds=1), step("b"), step("c")]}, max_concurrent=1)
    assert statuses(record) == {"a": "failed", "b": "not_started", "c": "not_started"}


def test_no_task_is_left_when_a_run_has_ended() -> None:
    async def main() -> set[asyncio.Task[object]]:
        await run({"pipeline": [{"parallel": [step("a", "fail"), step("b", seconds=9)]}]}, registry=TYPES)
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert run_in_virtual_time(main()) == set()


def test_a_defect_of_ours_ends_the_run_with_its_exception() -> None:
    """A task whose fact is lost must not leave the run waiting for ever."""

    def defective(fact: object) -> None:
        if type(fact).__name__ == "Succeeded":
            raise RuntimeError("a defect")

    with pytest.raises(RuntimeError, match="a defect"):
        execute({"parallel": [step("a"), step("b", seconds=99)]}, on_fact=defective)


def test_real_runs_of_random_graphs_replay_to_the_same_end() -> None:
    for seed in range(300):
        graph = random_graph(Random(seed))
        program = compile_graph(graph, REGISTRY)
        record = run_in_virtual_time(run(graph, registry=REGISTRY))
        fresh = Scheduler(program)
        commands = [command for fact in record.facts for command in fresh.take(fact)]
        assert commands[-1] == Finish(record.status), seed  # type: ignore[arg-type]  # a finished run has a status
        assert tuple(fresh.errors) == record.errors


def test_a_run_of_a_wide_graph_takes_one_turn() -> None:
    nodes = [Node(NodeId(f"n{at}"), "sleep", {"seconds": 1}) for at in range(2_000)]
    assert run_in_virtual_time(run(build_graph(nodes), registry=TYPES)).wall_seconds == 1


def test_the_completion_client_reaches_the_nodes() -> None:
    client = ScriptedClient(["hello"])

    @node_type("ask")
    async def ask(context: NodeContext) -> bool:
        return context.completions is client

    record = execute(step("a", "ask"), registry=TYPES.with_types(ask), completions=client)
    assert record.outputs == {"a": {"result": True}}
