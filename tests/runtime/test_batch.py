"""One step over many items, on virtual time."""

from __future__ import annotations

import asyncio

import pytest

from runtime.issues import InvalidWorkflow, JsonValue
from runtime.node_types import NodeContext, NodeFailed, Registry, node_type
from runtime.record import Fact, RunRecord, Succeeded
from runtime.running import Execution, prepare, run
from runtime.virtual_time import run_in_virtual_time
from tests.acting import errors, statuses
from tests.language import Document


@node_type("work", outputs={"value": "any"}, transient=frozenset({"hiccup"}))
async def work(context: NodeContext, value: JsonValue = None, seconds: float = 1, fails: JsonValue = None) -> Document:
    """Takes its time; where `fails` is its value, or holds it as a key, it fails, at most so many times."""
    await asyncio.sleep(seconds)
    if isinstance(fails, dict) and isinstance(value, str) and context.attempt <= fails.get(value, 0):  # type: ignore[operator]  # numbers
        raise NodeFailed("hiccup", f"{value} failed")
    if fails is not None and fails == value:
        raise NodeFailed("boom", f"{value} failed")
    return {"value": value}


@node_type("asks")
async def asks(context: NodeContext) -> int:
    await asyncio.sleep(1)
    return len(asyncio.all_tasks())


@node_type("ends_itself")
async def ends_itself(value: int) -> int:
    if value == 1:
        raise asyncio.CancelledError
    return value


@node_type("instant")
async def instant() -> None:
    return None


@node_type("patient")
async def patient() -> None:
    for _ in range(9):
        await asyncio.sleep(0)


TYPES = Registry({}).with_types(work, asks, ends_itself, instant, patient)


def over(
    items: JsonValue, params: Document | None = None, type: str = "work", step: Document | None = None, **more: object
) -> Document:
    """A step `m` over items, with keys of its batch (`as_` for `as`), and more of the step."""
    params = {"value": "${item}"} if params is None else params
    batch: Document = {key.rstrip("_"): value for key, value in more.items()}
    return {"id": "m", "type": type, "params": params, "batch": {**batch, "items": items}, **(step or {})}


def execute(*entries: Document, **document: object) -> RunRecord:
    whole: Document = {"pipeline": list(entries), **document}
    return run_in_virtual_time(run(whole, registry=TYPES))


def outputs(record: RunRecord, name: str = "m") -> Document:
    return record.nodes[name].outputs or {}


def values(record: RunRecord) -> list[JsonValue]:
    return [None if each is None else each["value"] for each in outputs(record)["results"]]


def test_the_results_stand_in_the_order_of_the_items_whatever_the_order_of_their_ends() -> None:
    record = execute(over([3, 1, 2], {"value": "${item}", "seconds": "${item}"}, parallel=True))
    assert values(record) == [3, 1, 2]
    assert record.wall_seconds == 3


def test_items_run_one_after_another_if_nothing_is_said() -> None:
    assert execute(over([1, 2, 3])).wall_seconds == 3


def test_ten_items_run_side_by_side_if_nothing_is_said() -> None:
    assert execute(over(list(range(20)), parallel=True)).wall_seconds == 2


def test_no_more_items_are_in_flight_than_may_be() -> None:
    assert execute(over(list(range(9)), parallel=True, max_concurrent=3)).wall_seconds == 3


def test_an_item_starts_as_soon_as_another_has_ended() -> None:
    params: Document = {"value": "${item}", "seconds": "${item}"}
    assert execute(over([5, 1, 1, 1, 1, 1], params, parallel=True, max_concurrent=2)).wall_seconds == 5


def test_no_more_tasks_live_than_items_may_be_in_flight() -> None:
    record = execute(over(list(range(500)), {}, "asks", parallel=True, max_concurrent=7))
    alive = [each["result"] for each in outputs(record)["results"]]
    assert max(alive) <= 7 + 2  # the run itself, and the batch


def test_the_outputs_are_these_and_no_others() -> None:
    record = execute(over(["a", "b"]))
    assert outputs(record) == {
        "results": [{"value": "a"}, {"value": "b"}],
        "count": 2,
        "success_count": 2,
        "error_count": 0,
        "errors": [],
    }


def test_an_empty_list_has_empty_results() -> None:
    record = execute(over([], parallel=True))
    assert record.status == "succeeded"
    assert outputs(record) == {"results": [], "count": 0, "success_count": 0, "error_count": 0, "errors": []}


def test_continue_counts_the_failures_and_goes_on() -> None:
    record = execute(over(["a", "b", "c"], {"value": "${item}", "fails": "b"}, on_error="continue"))
    assert statuses(record) == {"m": "succeeded"}
    assert record.status == "completed_with_errors"
    assert outputs(record) == {
        "results": [{"value": "a"}, None, {"value": "c"}],
        "count": 3,
        "success_count": 2,
        "error_count": 1,
        "errors": [{"index": 1, "item": "b", "error": {"code": "boom", "message": "b failed"}}],
    }
    assert errors(record) == [("m", "boom")]


def test_the_run_completes_with_errors_also_if_all_items_failed() -> None:
    record = execute(over(["a", "a"], {"value": "a", "fails": "a"}, error_handling="continue"))
    assert (record.status, statuses(record)["m"]) == ("completed_with_errors", "succeeded")
    assert outputs(record)["error_count"] == 2


def test_the_errors_stand_in_the_order_of_the_items() -> None:
    params: Document = {"value": "x", "seconds": "${item}", "fails": "x"}
    record = execute(over([3, 1, 2], params, parallel=True, on_error="continue"))
    assert [each["index"] for each in outputs(record)["errors"]] == [0, 1, 2]


def test_fail_fast_ends_with_the_first_failure() -> None:
    params: Document = {"value": "${item}", "seconds": "${index}", "fails": "b"}
    record = execute(over(["a", "b", "c", "d"], params, parallel=True))
    assert record.status == "failed"
    assert record.wall_seconds == 1
    assert record.errors[0].message == "item 1: b failed"


def test_fail_fast_tells_what_was_done_until_then() -> None:
    record = execute(over(["a", "b", "c"], {"value": "${item}", "fails": "b"}))
    assert outputs(record) == {
        "results": [{"value": "a"}, None, None],
        "count": 3,
        "success_count": 1,
        "error_count": 1,
        "errors": [{"index": 1, "item": "b", "error": {"code": "boom", "message": "b failed"}}],
    }


def test_a_failed_batch_can_be_routed() -> None:
    note: Document = {"id": "n", "type": "work", "params": {"value": "${m.error_count}"}}
    record = execute(over(["a"], {"value": "a", "fails": "a"}, step={"next": {"error": [note]}}))
    assert record.status == "succeeded"
    assert outputs(record, "n") == {"value": 1}


def test_the_item_the_name_given_to_it_and_its_index_can_be_referred_to() -> None:
    record = execute(over(["a", "b"], {"value": "${index} ${f} ${item}"}, as_="f"))
    assert values(record) == ["0 a a", "1 b b"]


def test_a_place_inside_the_item() -> None:
    assert values(execute(over([{"x": [1]}, {"x": [2]}], {"value": "${item.x[0]}"}))) == [1, 2]


def test_the_name_of_the_item_hides_an_input() -> None:
    step = over(["item"], {"value": "${f}"}, as_="f")
    document: Document = {"pipeline": [step], "inputs": {"f": {"default": "input"}}}
    assert values(run_in_virtual_time(run(document, registry=TYPES))) == ["item"]


def test_what_the_items_come_from_is_resolved_outside_the_batch() -> None:
    source: Document = {"id": "s", "type": "work", "params": {"value": ["a", "b"]}}
    assert values(execute(source, over("${s.value}"))) == ["a", "b"]


def test_what_is_no_list_is_found_before_the_run() -> None:
    with pytest.raises(InvalidWorkflow) as refused:
        execute(over("abc"))
    assert [(issue.code, issue.path) for issue in refused.value.issues] == [("batch_items", "/pipeline/0/batch/items")]


@pytest.mark.parametrize("value", ["abc", 1, None, {"a": 1}])
def test_what_turns_out_to_be_no_list_fails_the_step(value: JsonValue) -> None:
    source: Document = {"id": "s", "type": "work", "params": {"value": value}}
    record = execute(source, over("${s.value}"))
    assert errors(record) == [("m", "batch_items")]
    assert "no list" in record.errors[0].message


def test_items_that_are_not_there_fail_the_step() -> None:
    source: Document = {"id": "s", "type": "work", "params": {"value": {}}}
    assert errors(execute(source, over("${s.value.list}"))) == [("m", "missing_value")]


def test_the_timeout_is_that_of_each_item() -> None:
    params: Document = {"value": "${item}", "seconds": "${item}"}
    record = execute(over([1, 9, 1], params, on_error="continue", step={"timeout": 2}))
    assert values(record) == [1, None, 1]
    assert outputs(record)["errors"][0]["error"]["code"] == "timeout"
    assert record.wall_seconds == 4


def test_each_item_is_tried_again_by_itself() -> None:
    params: Document = {"value": "${item}", "fails": {"a": 2, "b": 1}}
    record = execute(over(["a", "b", "c"], params, parallel=True, step={"retry": {"max_attempts": 3}}))
    assert values(record) == ["a", "b", "c"]
    assert record.wall_seconds == 3


def test_a_limit_counts_items() -> None:
    step = over(list(range(6)), parallel=True, max_concurrent=6)
    assert execute(step, settings={"max_concurrent": 2}).wall_seconds == 3


def test_a_pool_counts_the_items_of_all_that_name_it() -> None:
    one, other = (over([1, 2, 3], parallel=True, step={"id": name, "pool": "api"}) for name in ("a", "b"))
    assert execute({"parallel": [one, other]}, settings={"pools": {"api": 2}}).wall_seconds == 3


def test_an_item_that_waits_to_be_tried_again_holds_no_place() -> None:
    params: Document = {"value": "${item}", "fails": {"a": 1}}
    retry: Document = {"retry": {"max_attempts": 2, "wait": 10, "max_wait": 10}}
    prepared = prepare(
        {
            "pipeline": [over(["a", "b", "c"], params, parallel=True, step=retry)],
            "settings": {"max_concurrent": 1},
        },
        registry=TYPES,
    )
    assert run_in_virtual_time(Execution(prepared, jitter=lambda: 0.5).result()).wall_seconds == 12


def test_a_batch_tells_how_far_it_is() -> None:
    told = list[tuple[str, int, int]]()
    prepared = prepare({"pipeline": [over(["a", "b"])]}, registry=TYPES)
    execution = Execution(prepared, on_items=lambda node, done, count: told.append((node, done, count)))
    run_in_virtual_time(execution.result())
    assert told == [("m", 1, 2), ("m", 2, 2)]


def test_a_cancelled_batch_leaves_nothing() -> None:
    execution = Execution(prepare({"pipeline": [over(list(range(50)), parallel=True)]}, registry=TYPES))

    async def main() -> RunRecord:
        asyncio.get_running_loop().call_later(2.5, execution.cancel)
        record = await execution.result()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return record

    record = run_in_virtual_time(main())
    assert (record.status, record.wall_seconds) == ("cancelled", 2.5)
    assert statuses(record) == {"m": "cancelled"}


def test_a_batch_that_is_cancelled_while_its_items_wait_gives_all_places_back() -> None:
    block: Document = {
        "parallel": [
            over(list(range(9)), parallel=True),
            {"id": "f", "type": "work", "params": {"value": 1, "fails": 1, "seconds": 0.5}},
        ],
        "on_error": "fail_fast",
    }
    after: Document = {"parallel": [over([1, 2], parallel=True, step={"id": "after"})]}
    record = execute(block, after, settings={"max_concurrent": 2, "on_error": "continue"})
    assert statuses(record) == {"m": "cancelled", "f": "failed", "after": "succeeded"}
    assert (record.nodes["after"].started, record.nodes["after"].finished) == (0.5, 1.5)


def test_an_item_that_cancels_itself_has_failed() -> None:
    record = execute(over([0, 1, 2], {"value": "${item}"}, "ends_itself", parallel=True, on_error="continue"))
    assert outputs(record)["errors"] == [
        {"index": 1, "item": 1, "error": {"code": "node_error", "message": "it cancelled itself"}}
    ]


def test_items_that_never_wait_leave_the_others_their_turn() -> None:
    ended = list[str]()
    patient: Document = {"id": "patient", "type": "patient"}
    prepared = prepare({"pipeline": [{"parallel": [over(list(range(100)), {}, "instant"), patient]}]}, registry=TYPES)

    def note(fact: Fact) -> None:
        if isinstance(fact, Succeeded):
            ended.append(fact.node)

    run_in_virtual_time(Execution(prepared, on_fact=note).result())
    assert ended == ["patient", "m"]
