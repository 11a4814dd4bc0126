"""What a failure takes back: `rollback` at blocks and at the workflow, in virtual time, and with real files."""

from __future__ import annotations

import asyncio

import pytest

from runtime.record import Fact, Undone
from runtime.running import Execution, prepare
from runtime.virtual_time import run_in_virtual_time
from tests.acting import Play, act, errors, put, statuses
from tests.language import Document


def block(*branches: Document, mode: str | None = "rollback", **more: object) -> Document:
    return {"parallel": list(branches), **({"on_error": mode} if mode else {}), **more}


def sequence(*entries: Document) -> Document:
    return {"pipeline": list(entries)}


def play(*entries: Document, mode: str | None = None, cancel_at: float | None = None, **settings: object) -> Play:
    said = {**({"on_error": mode} if mode else {}), **settings}
    return Play({"pipeline": list(entries), "settings": said}, cancel_at)


def undone(show: Play) -> str:
    return " ".join(name for name, _ in show.undone)


# --- what is undone, and in which order ------------------------------------------------------------------------------


def test_what_completed_is_undone_latest_first() -> None:
    show = play(put("a"), put("b"), put("c"), act("d", "!boom"), act("e"), mode="rollback")
    record = show.run()
    assert undone(show) == "c b a"
    assert record.status == "rolled_back"
    assert statuses(record) == {"a": "undone", "b": "undone", "c": "undone", "d": "failed", "e": "not_started"}


def test_the_order_is_that_of_the_ends_and_not_of_the_starts() -> None:
    show = play(block(put("a", seconds=3), put("b", seconds=1), put("c", seconds=2), act("d", "!boom", seconds=4)))
    show.run()
    assert undone(show) == "a c b"


def test_one_undo_is_under_way_at_a_time() -> None:
    show = play(block(put("a"), put("b"), act("c", "!boom", seconds=2)))
    assert show.run().wall_seconds == 4


def test_what_was_cancelled_in_flight_is_undone_without_its_outputs() -> None:
    show = play(block(put("a", seconds=9), act("b", "!boom")))
    record = show.run()
    assert show.undone == [("a", None)]
    assert statuses(record)["a"] == "undone"


def test_what_failed_after_it_began_is_undone_with_what_it_gave() -> None:
    show = play(put("a", "!boom"), mode="rollback")
    record = show.run()
    assert show.undone == [("a", 1)]
    assert record.status == "rolled_back"
    assert errors(record) == [("a", "boom")]


def test_what_failed_before_it_began_has_nothing_to_undo() -> None:
    late = put("b") | {"params": {"does": ["default"], "seconds": 1, "sees": "${a.sees.nowhere}"}}
    show = play(act("a", sees={}), late, mode="rollback")
    record = show.run()
    assert (undone(show), statuses(record)["b"], record.not_undone) == ("", "failed", ())
    assert errors(record) == [("b", "missing_value")]


def test_what_never_began_has_nothing_to_undo() -> None:
    show = play(block(put("a", seconds=9), act("b", "!boom"), put("c")), max_concurrent=2)
    record = show.run()
    assert undone(show) == "a"
    assert statuses(record)["c"] in ("skipped", "not_started")


def test_steps_without_effects_stay_as_they_are() -> None:
    record = play(act("a"), put("b"), act("c", "!boom"), mode="rollback").run()
    assert statuses(record) == {"a": "succeeded", "b": "undone", "c": "failed"}
    assert record.not_undone == ()


def test_a_failure_that_was_routed_is_undone_with_the_rest() -> None:
    show = play(put("a", "!boom", next={"error": "b"}), put("b"), act("c", "!boom"), mode="rollback")
    show.run()
    assert undone(show) == "b a"


def test_the_block_alone_is_undone() -> None:
    show = play(put("before"), block(put("a"), act("b", "!boom", seconds=2)), mode="continue")
    record = show.run()
    assert undone(show) == "a"
    assert statuses(record)["before"] == "succeeded"


def test_a_rollback_reaches_into_the_blocks_inside() -> None:
    inner = block(put("a", seconds=1), sequence(put("b", seconds=2), put("c")), mode=None)
    show = play(block(inner, put("d", seconds=2.5), act("e", "!boom", seconds=4)))
    show.run()
    assert undone(show) == "c d b a"


def test_blocks_that_each_roll_back_undo_each_visit_once() -> None:
    inner = block(put("a"), act("b", "!boom", seconds=2))
    show = play(block(inner, put("c", seconds=1.5)), mode="rollback")
    record = show.run()
    assert sorted(undone(show).split()) == ["a", "c"]
    assert record.status == "rolled_back"


def test_what_follows_a_block_waits_for_its_rollback() -> None:
    record = play(block(put("a"), act("b", "!boom", seconds=2)), act("end"), mode="continue").run()
    assert record.nodes["end"].started == 3


def test_two_blocks_that_roll_back_beside_each_other_are_both_undone() -> None:
    left, right = (block(put(a), act(b, "!boom", seconds=2)) for a, b in ("ab", "cd"))
    show = play(block(left, right, mode=None), act("end"), mode="continue")
    record = show.run()
    assert sorted(undone(show).split()) == ["a", "c"]
    assert record.nodes["end"].started == 4
    assert record.status == "completed_with_errors"


# --- how the run ends ------------------------------------------------------------------------------------------------

FAILING = block(put("a"), act("b", "!boom", seconds=2))


@pytest.mark.parametrize(
    ("around", "status", "end"),
    [
        (None, "rolled_back", "not_started"),
        ("fail_fast", "failed", "not_started"),
        ("continue", "completed_with_errors", "succeeded"),
        ("rollback", "rolled_back", "not_started"),
    ],
)
def test_a_block_that_was_rolled_back_has_failed_for_the_mode_around(around: str | None, status: str, end: str) -> None:
    record = play(FAILING, act("end"), mode=around).run()
    assert (record.status, statuses(record)["end"], statuses(record)["a"]) == (status, end, "undone")


@pytest.mark.parametrize(
    ("around", "status"),
    [
        ("fail_fast", "failed"),
        ("continue", "completed_with_errors"),
        ("rollback", "rolled_back"),
        (None, "rolled_back"),
    ],
)
def test_the_same_between_blocks(around: str | None, status: str) -> None:
    assert play(block(FAILING, act("c", seconds=9), mode=around)).run().status == status


def test_a_block_that_fails_fast_fails_the_run_also_where_nothing_is_said_around() -> None:
    assert play(block(act("a", "!boom"), mode="fail_fast")).run().status == "failed"


def test_a_failure_that_a_block_inside_carries_does_not_reach_the_rollback() -> None:
    inner = block(act("a", "!boom"), put("b"), mode="continue")
    record = play(block(inner, put("c"))).run()
    assert record.status == "completed_with_errors"
    assert statuses(record) == {"a": "failed", "b": "succeeded", "c": "succeeded"}


def test_a_block_that_fails_fast_inside_one_that_rolls_back_is_undone_with_it() -> None:
    inner = block(put("a"), act("b", "!boom", seconds=2), mode="fail_fast")
    show = play(block(inner, put("c", seconds=1.5)))
    record = show.run()
    assert undone(show) == "c a"
    assert record.status == "rolled_back"


def test_the_errors_of_all_are_listed_the_cause_first() -> None:
    record = play(block(act("a", "!second", seconds=2), act("b", "!first"), mode="continue"), mode="rollback").run()
    assert errors(record) == [("b", "first"), ("a", "second")]


# --- what cannot be undone -------------------------------------------------------------------------------------------


def stuck(name: str) -> Document:
    return put(name, undo={"type": "take_back", "params": {"fails": True}})


def test_an_undo_that_fails_is_named_and_the_others_go_on() -> None:
    show = play(put("a"), stuck("b"), put("c"), act("d", "!boom"), mode="rollback")
    record = show.run()
    assert undone(show) == "c a"
    assert record.status == "rollback_incomplete"
    assert record.not_undone == ("b",)
    assert errors(record) == [("d", "boom"), ("b", "undo_failed")]
    assert statuses(record)["b"] == "succeeded"
    assert record.errors[1].message == "the undo of 'b' failed: it cannot be taken back"


def test_what_has_effects_and_no_undo_is_named() -> None:
    bare = {key: value for key, value in put("a").items() if key != "undo"}
    record = play(bare, act("b", "!boom"), mode="rollback").run()
    assert (record.status, record.not_undone) == ("rollback_incomplete", ("a",))


def test_an_incomplete_rollback_shows_whatever_the_mode_around_makes_of_it() -> None:
    record = play(block(stuck("a"), act("b", "!boom", seconds=2)), act("end"), mode="continue").run()
    assert (record.status, statuses(record)["end"]) == ("rollback_incomplete", "succeeded")


def test_an_undo_whose_values_are_not_there_has_failed() -> None:
    lost = put("a", undo={"type": "take_back", "params": {"visit": "${a.sees.nowhere}"}})
    record = play(lost, act("b", "!boom"), mode="rollback").run()
    assert (record.status, record.not_undone) == ("rollback_incomplete", ("a",))


def test_an_undo_is_not_tried_again_by_the_rule_of_its_step() -> None:
    retried = stuck("a") | {"retry": {"max_attempts": 5, "on": ["stuck"]}}
    assert play(retried, act("b", "!boom"), mode="rollback").run().wall_seconds == 3


def test_an_undo_sees_what_its_step_could_see() -> None:
    back: Document = {"type": "take_back", "params": {"visit": "${a.sees} and ${b.visit}"}}
    show = play(act("a", sees="seen"), put("b", undo=back), act("c", "!boom"), mode="rollback")
    show.run()
    assert show.undone == [("b", "seen and 1")]


def test_the_timeout_of_an_undo_is_its_own() -> None:
    slow: Document = {"type": "take_back", "timeout": 0.5}
    record = play(put("a", undo=slow), act("b", "!boom"), mode="rollback").run()
    assert record.not_undone == ("a",)


# --- what else ends a run --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "status"),
    [(None, "succeeded"), ("fail_fast", "succeeded"), ("continue", "succeeded"), ("rollback", "undone")],
)
def test_the_timeout_of_the_run_fails_it_in_every_mode_and_rolls_back_where_that_is_said(
    mode: str | None, status: str
) -> None:
    record = play(put("a"), act("b", seconds=9), mode=mode, timeout=3).run()
    assert record.status == "failed"
    assert errors(record) == [(None, "timeout")]
    assert statuses(record) == {"a": status, "b": "cancelled"}


def test_the_timeout_of_a_block_is_rolled_back_as_its_mode_says() -> None:
    show = play(block(sequence(put("a"), act("b", seconds=9)), timeout=3, id="late"))
    record = show.run()
    assert (record.status, errors(record), undone(show)) == ("rolled_back", [("late", "timeout")], "a")


def test_the_timeout_of_the_run_does_not_break_off_a_rollback() -> None:
    show = play(put("a"), put("b"), act("c", "!boom"), mode="rollback", timeout=3.5)
    record = show.run()
    assert (undone(show), record.status, errors(record)) == ("b a", "rolled_back", [("c", "boom")])


def test_a_run_that_is_cancelled_undoes_nothing() -> None:
    show = play(put("a"), put("b", seconds=9), mode="rollback", cancel_at=3)
    record = show.run()
    assert (undone(show), record.status) == ("", "cancelled")
    assert statuses(record) == {"a": "succeeded", "b": "cancelled"}


def test_who_interrupts_the_rollback_of_a_run_gets_it_to_its_end() -> None:
    show = play(put("a"), put("b"), act("c", "!boom"), mode="rollback", cancel_at=3.5)
    record = show.run()
    assert (undone(show), record.status) == ("b a", "rolled_back")


def test_who_interrupts_a_run_while_a_block_is_rolled_back_gets_that_to_its_end_and_no_more() -> None:
    failing = block(sequence(put("a"), put("b")), act("c", "!boom", seconds=3))
    show = play(failing, act("end"), mode="continue", cancel_at=3.5)
    record = show.run()
    assert (undone(show), record.status) == ("b a", "cancelled")
    assert statuses(record)["end"] == "not_started"


def test_cancelled_from_outside_twice_a_run_still_takes_back_what_it_began_to() -> None:
    show = play(put("a"), put("b"), act("c", "!boom"), mode="rollback")
    execution = Execution(prepare(show.document, registry=show.registry()))

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        for moment in (3.2, 3.4):
            asyncio.get_running_loop().call_later(moment, task.cancel)
        await execution.result()

    with pytest.raises(asyncio.CancelledError):
        run_in_virtual_time(main())
    assert undone(show) == "b a"
    assert execution.record().status == "rolled_back"


@pytest.mark.parametrize(("pool", "at"), [({}, 3), ({"pool": "work"}, 11)])
def test_an_undo_waits_for_a_place_in_its_own_pool_and_not_in_that_of_its_step(pool: Document, at: float) -> None:
    undo: Document = {"type": "take_back", **pool}
    failing = block(put("a", undo=undo, pool="work"), act("b", "!boom", seconds=2))
    record = play(block(failing, act("busy", seconds=9, pool="work"), mode="continue"), pools={"work": 1}).run()
    assert [fact.at for fact in record.facts if isinstance(fact, Undone)] == [at]


def test_the_facts_tell_each_undo() -> None:
    show = play(put("a"), put("b"), act("c", "!boom"), mode="rollback")
    facts: tuple[Fact, ...] = show.run().facts
    assert [(fact.node, fact.at) for fact in facts if isinstance(fact, Undone)] == [("b", 4), ("a", 5)]
