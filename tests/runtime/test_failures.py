"""What a failure does to what is around it, in every mode and nesting; and when a step is tried again."""

from __future__ import annotations

import asyncio
import threading

import pytest

from runtime.attempt import pause_before_retry
from runtime.graph import Node, NodeId, build_graph
from runtime.node_types import NodeContext, NodeFailed, Registry, Routed, node_type
from runtime.program import Unit, compile_graph
from runtime.record import Cancelled, RunRecord
from runtime.running import Execution, prepare, run
from runtime.virtual_time import run_in_virtual_time
from runtime.workflow import Retry
from tests.acting import act, errors, perform, seen, statuses
from tests.language import Document


def block(*branches: Document, mode: str | None = None, **more: object) -> Document:
    return {"parallel": list(branches), **({"on_error": mode} if mode else {}), **more}


def sequence(*entries: Document) -> Document:
    return {"pipeline": list(entries)}


# --- modes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inner", "outer", "status", "others"),
    [
        ("fail_fast", "fail_fast", "failed", ("cancelled", "cancelled")),
        ("fail_fast", "continue", "completed_with_errors", ("cancelled", "succeeded")),
        ("fail_fast", "rollback", "rolled_back", ("cancelled", "cancelled")),
        ("continue", "fail_fast", "completed_with_errors", ("succeeded", "succeeded")),
        ("continue", "continue", "completed_with_errors", ("succeeded", "succeeded")),
        ("continue", "rollback", "completed_with_errors", ("succeeded", "succeeded")),
        ("rollback", "fail_fast", "failed", ("cancelled", "cancelled")),
        ("rollback", "continue", "completed_with_errors", ("cancelled", "succeeded")),
        ("rollback", "rollback", "rolled_back", ("cancelled", "cancelled")),
        (None, "fail_fast", "failed", ("cancelled", "cancelled")),
        (None, "continue", "completed_with_errors", ("succeeded", "succeeded")),
        (None, "rollback", "rolled_back", ("cancelled", "cancelled")),
    ],
)
def test_a_failure_goes_to_the_innermost_mode_and_outwards_from_there(
    inner: str | None, outer: str, status: str, others: tuple[str, str]
) -> None:
    record = perform(block(block(act("a", "!boom"), act("b", seconds=5), mode=inner), act("c", seconds=5), mode=outer))
    assert record.status == status
    assert (statuses(record)["b"], statuses(record)["c"]) == others


def test_what_refers_to_a_failed_step_is_skipped_and_so_on_by_reference_only() -> None:
    record = perform(
        act("a", "!boom"),
        act("b", sees="${a.visit}"),
        act("c", sees="${b.visit}"),
        act("d", sees="${c.visit ?? 7}"),
        act("e"),
        settings={"on_error": "continue"},
    )
    assert statuses(record) == {"a": "failed", "b": "skipped", "c": "skipped", "d": "succeeded", "e": "succeeded"}
    assert seen(record, "d") == 7
    assert errors(record) == [("a", "boom")]


def test_the_outputs_of_a_failed_step_are_null_for_those_that_go_on() -> None:
    """It did give some, as its record shows."""
    record = perform(act("a", "!boom"), act("b", sees="${a.visit ?? 0}"), settings={"on_error": "continue"})
    assert (record.nodes["a"].outputs or {})["visit"] == 1
    assert seen(record, "b") == 0


def test_a_step_after_a_block_that_failed_runs_where_the_mode_around_goes_on() -> None:
    failing = block(act("a", "!boom"), sequence(act("b", seconds=5), act("c")), mode="fail_fast")
    record = perform(failing, act("end"), settings={"on_error": "continue"})
    assert statuses(record) == {"a": "failed", "b": "cancelled", "c": "skipped", "end": "succeeded"}


def test_a_branch_that_routes_away_does_not_hide_the_step_after_a_failed_block() -> None:
    branch = sequence(act("a", seconds=5, next={"x": "b", "default": None}), act("b"))
    record = perform(block(branch, mode="fail_fast", timeout=2), act("end"), settings={"on_error": "continue"})
    assert statuses(record) == {"a": "cancelled", "b": "skipped", "end": "succeeded"}


def test_the_errors_of_all_that_failed_are_listed() -> None:
    record = perform(
        block(act("a", "!x", seconds=3), act("b", "!y", seconds=1), act("c", "!z", seconds=2), mode="continue")
    )
    assert errors(record) == [("b", "y"), ("c", "z"), ("a", "x")]


def test_a_node_is_told_to_end_once_whatever_else_fails_meanwhile() -> None:
    """Told twice, it would not come to the end of ending what it had started."""
    told = list[str]()

    @node_type("careful")
    async def careful() -> None:
        try:
            await asyncio.sleep(99)
        except asyncio.CancelledError:
            await asyncio.sleep(5)
            told.append("ended well")
            raise

    types = Registry({}).with_types(careful, _fail)
    fails: Document = {"id": "f", "type": "fail", "params": {"seconds": 1}}
    later: Document = {"id": "g", "type": "fail", "params": {"seconds": 3}}
    record = _run(block(block({"id": "a", "type": "careful"}, fails, mode="fail_fast"), later), registry=types)
    assert (record.status, told, record.wall_seconds) == ("failed", ["ended well"], 6)


def test_a_run_that_a_defect_breaks_off_tells_nobody_twice_to_end() -> None:
    ended = list[str]()

    @node_type("careful")
    async def careful() -> None:
        try:
            await asyncio.sleep(99)
        except asyncio.CancelledError:
            await asyncio.sleep(5)
            ended.append("well")
            raise

    def listen(fact: object) -> None:
        if isinstance(fact, Cancelled):
            raise RuntimeError("a defect")

    fails: Document = {"id": "f", "type": "fail", "params": {"seconds": 1}}
    quick: Document = {"id": "q", "type": "fail", "params": {"seconds": 9}}
    document: Document = {"pipeline": [block({"id": "a", "type": "careful"}, fails, quick)]}
    prepared = prepare(document, registry=Registry({}).with_types(careful, _fail))
    with pytest.raises(RuntimeError, match="a defect"):
        run_in_virtual_time(Execution(prepared, on_fact=listen).result())
    assert ended == ["well"]


def test_a_step_that_ends_well_in_a_block_that_has_failed_does_not_lead_back() -> None:
    visits = list[int]()

    @node_type("finishes", outputs={}, routes=True)
    async def finishes(context: NodeContext) -> Routed:
        visits.append(1)
        try:
            await asyncio.sleep(99)
        except asyncio.CancelledError:
            await asyncio.sleep(1)
        return Routed({}, "again")

    types = Registry({}).with_types(finishes, _fail)
    loops: Document = {"id": "a", "type": "finishes", "next": {"again": "a"}}
    fails: Document = {"id": "f", "type": "fail", "params": {"seconds": 1}}
    end: Document = {"id": "end", "type": "fail"}
    record = _run(block(loops, fails, mode="fail_fast"), end, registry=types, settings={"on_error": "continue"})
    assert (visits, statuses(record)) == ([1], {"a": "succeeded", "f": "failed", "end": "failed"})
    assert record.nodes["end"].started == 2


def test_a_block_whose_time_is_up_ends_also_what_waits_for_a_place() -> None:
    record = perform(block(act("a", seconds=9), act("b"), mode="fail_fast", timeout=2, max_concurrent=1, id="late"))
    assert statuses(record) == {"a": "cancelled", "b": "not_started"}
    assert errors(record) == [("late", "timeout")]


def test_once_a_run_is_ending_its_timeout_means_nothing() -> None:
    @node_type("slow_to_end")
    async def slow_to_end() -> None:
        try:
            await asyncio.sleep(99)
        finally:
            await asyncio.sleep(5)

    types = Registry({}).with_types(slow_to_end, _fail)
    fails: Document = {"id": "f", "type": "fail", "params": {"seconds": 1}}
    record = _run(block({"id": "a", "type": "slow_to_end"}, fails), registry=types, settings={"timeout": 3})
    assert errors(record) == [("f", "boom")]


# --- cancellation ----------------------------------------------------------------------------------------------------


@node_type("fail")
async def _fail(seconds: float = 0, code: str = "boom") -> None:
    await asyncio.sleep(seconds)
    raise NodeFailed(code, "it failed")


def _run(*entries: Document, registry: Registry, **document: object) -> RunRecord:
    whole: Document = {"pipeline": list(entries), **document}
    return run_in_virtual_time(run(whole, registry=registry))


def test_a_node_that_cancels_itself_has_failed() -> None:
    @node_type("gives_up")
    async def gives_up() -> None:
        raise asyncio.CancelledError

    record = _run({"id": "a", "type": "gives_up"}, registry=Registry({}).with_types(gives_up))
    assert (record.status, errors(record)) == ("failed", [("a", "node_error")])


def test_what_fails_because_it_was_cancelled_is_not_tried_again() -> None:
    attempts = list[int]()

    @node_type("protests")
    async def protests(context: NodeContext) -> None:
        attempts.append(context.attempt)
        try:
            await asyncio.sleep(99)
        except asyncio.CancelledError:
            raise NodeFailed("boom", "I was not done") from None

    types = Registry({}).with_types(protests, _fail)
    again: Document = {"id": "a", "type": "protests", "retry": {"max_attempts": 5, "on": ["boom"]}}
    record = _run(block(again, {"id": "f", "type": "fail", "params": {"seconds": 1}}), registry=types)
    assert (attempts, record.wall_seconds) == ([1], 1)


def test_cancelled_again_and_again_a_run_keeps_its_record_and_leaves_nothing() -> None:
    @node_type("slow_to_end")
    async def slow_to_end() -> None:
        try:
            await asyncio.sleep(99)
        finally:
            await asyncio.sleep(5)

    document: Document = {"pipeline": [{"id": "a", "type": "slow_to_end"}]}
    execution = Execution(prepare(document, registry=Registry({}).with_types(slow_to_end)))

    async def main() -> set[asyncio.Task[object]]:
        task = asyncio.create_task(execution.result())
        for moment in (1, 2, 3):
            asyncio.get_running_loop().call_later(moment, task.cancel)
        await asyncio.wait([task])
        assert task.cancelled()
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert run_in_virtual_time(main()) == set()
    record = execution.record()
    assert (record.status, record.wall_seconds, statuses(record)) == ("cancelled", 6, {"a": "cancelled"})


def test_who_listens_and_fails_ends_the_run_also_from_a_timer() -> None:
    """A full disk under the record, say: nobody would hear of it, and the run would go on unseen."""

    def listen(fact: object) -> None:
        if type(fact).__name__ == "TimedOut":
            raise OSError("no space left")

    step: Document = {"id": "a", "type": "fail", "params": {"seconds": 9}}
    document: Document = {"pipeline": [step], "settings": {"timeout": 2}}
    execution = Execution(prepare(document, registry=Registry({}).with_types(_fail)), on_fact=listen)
    with pytest.raises(OSError, match="no space left"):
        run_in_virtual_time(execution.result())


def test_a_thread_is_waited_for_however_often_its_step_is_cancelled() -> None:
    """A timeout and a cancellation one after the other must not leave it running unseen."""
    release = threading.Event()

    @node_type("blocks")
    def blocks() -> None:
        release.wait(20)

    document: Document = {"pipeline": [{"id": "a", "type": "blocks", "timeout": 0.05}]}
    execution = Execution(prepare(document, registry=Registry({}).with_types(blocks)))

    async def main() -> RunRecord:
        loop = asyncio.get_running_loop()
        loop.call_later(0.1, execution.cancel)
        loop.call_later(0.2, release.set)
        return await execution.result()

    finished = asyncio.run(main()).nodes["a"].finished
    assert finished is not None
    assert finished >= 0.2


# --- trying again ----------------------------------------------------------------------------------------------------


def unit(**retry: object) -> Unit:
    node = Node(NodeId("a"), "fail", retry=Retry.model_validate(retry))
    made = compile_graph(build_graph([node]), Registry({}).with_types(_fail)).units[0]
    assert made is not None
    return made


def pause(attempt: int, *, jitter: float = 0.5, after: float | None = None, **retry: object) -> float | None:
    failure = NodeFailed("boom", "it failed", retry_after=after)
    return pause_before_retry(unit(on=["boom"], **retry), failure, attempt, lambda: jitter)


def test_the_pause_grows_by_the_backoff() -> None:
    assert [pause(at, max_attempts=9, wait=1, backoff=3) for at in (1, 2, 3)] == [1, 3, 9]


def test_the_pause_is_no_longer_than_said() -> None:
    assert pause(5, max_attempts=9, wait=10, backoff=10, max_wait=15) == 15
    assert pause(5, max_attempts=9, wait=10, backoff=10, max_wait=15, jitter=1) == 15


def test_jitter_moves_the_pause_by_a_tenth_at_most() -> None:
    assert pause(1, max_attempts=2, wait=10, jitter=0) == pytest.approx(9)
    assert pause(1, max_attempts=2, wait=10, jitter=1) == pytest.approx(11)


def test_what_the_server_asks_for_is_waited_at_least() -> None:
    assert pause(1, max_attempts=2, wait=1, after=7) == 7
    assert pause(1, max_attempts=2, wait=10, after=7) == 10
    assert pause(1, max_attempts=2, wait=1, after=700) == 60


def test_a_backoff_beyond_all_numbers_is_the_longest_pause() -> None:
    assert pause(5_000, max_attempts=10_000, wait=1, backoff=1e9) == 60


def test_the_last_attempt_is_followed_by_none() -> None:
    assert pause(3, max_attempts=3) is None
    assert pause(1) is None


@pytest.mark.parametrize(
    ("code", "transient", "on", "again"),
    [
        ("boom", None, None, False),
        ("boom", True, None, True),
        ("boom", None, ["boom"], True),
        ("boom", True, ["other"], False),
        ("timeout", None, ["timeout"], True),
    ],
)
def test_only_what_may_pass_is_tried_again(
    code: str, transient: bool | None, on: list[str] | None, again: bool
) -> None:
    failure = NodeFailed(code, "it failed", transient=transient)
    made = unit(max_attempts=2, **({"on": on} if on else {}))
    assert (pause_before_retry(made, failure, 1, lambda: 0.5) is not None) is again
