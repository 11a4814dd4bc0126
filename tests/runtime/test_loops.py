"""Ways back: visits and their limit, what a round sees of the one before, blocks in loops and loops in blocks."""

from __future__ import annotations

import pytest

from tests.acting import Play, act, errors, perform, perform_graph, put, ran, seen, statuses
from tests.language import Document


def test_an_action_to_an_earlier_step_repeats_all_from_there() -> None:
    record = perform(act("a"), act("b"), act("c", "again", "again", "ok", next={"again": "b"}), act("d"))
    assert {name: node.visits for name, node in record.nodes.items()} == {"a": 1, "b": 3, "c": 3, "d": 1}
    assert record.wall_seconds == 8
    assert record.status == "succeeded"


def test_a_step_may_repeat_itself() -> None:
    record = perform(act("a", "again", "again", "ok", next={"again": "a"}), act("b"))
    assert record.nodes["a"].visits == 3
    assert ran(record) == "a b"


def test_the_record_holds_the_last_visit() -> None:
    record = perform(act("a", "again", "ok", next={"again": "a"}))
    assert (record.nodes["a"].started, record.nodes["a"].finished) == (1, 2)
    assert record.nodes["a"].outputs == {"visit": 2, "sees": None}


def test_every_visit_counts_for_the_time_one_after_the_other() -> None:
    record = perform(act("a", "again", "again", "ok", next={"again": "a"}), act("b"))
    assert record.sequential_seconds == record.critical_path_seconds == record.wall_seconds == 4


@pytest.mark.parametrize("mode", ["fail_fast", "continue", "rollback"])
def test_one_visit_too_many_fails_the_run_whatever_any_mode_says(mode: str) -> None:
    branch: Document = {"pipeline": [act("a", "again", next={"again": "a"})]}
    block: Document = {"parallel": [branch, act("b", seconds=99)], "on_error": mode}
    record = perform(block, act("end"), settings={"on_error": mode, "max_visits": 4})
    assert record.status == "failed"
    assert errors(record) == [("a", "loop_limit")]
    assert statuses(record) == {"a": "failed", "b": "cancelled", "end": "not_started"}
    assert (record.nodes["a"].visits, record.nodes["a"].finished) == (4, 4)
    assert (record.nodes["a"].error or {})["code"] == "loop_limit"


def test_a_loop_may_run_ten_times_if_nothing_is_said() -> None:
    assert perform(act("a", "again", next={"again": "a"})).nodes["a"].visits == 10


def test_the_last_visit_that_is_allowed_may_still_leave_the_loop() -> None:
    record = perform(act("a", "again", "ok", next={"again": "a"}), settings={"max_visits": 2})
    assert record.status == "succeeded"


def test_workflow_effects_are_taken_back_when_a_loop_never_ends_and_settings_say_so() -> None:
    play = Play({
        "pipeline": [put("a"), act("b", "again", next={"again": "b"})],
        "settings": {"on_error": "rollback", "max_visits": 2},
    })  # fmt: skip
    record = play.run()
    assert record.status == "failed"
    assert play.undone == [("a", 1)]


def test_a_later_step_of_the_loop_is_seen_as_it_was_the_round_before() -> None:
    draft = act("draft", sees="${review.visit ?? 'none'}".replace("'", '"'))
    record = perform(draft, act("review", "again", "ok", next={"again": "draft"}))
    assert seen(record, "draft") == 1


def test_in_the_first_round_there_is_no_round_before() -> None:
    record = perform(act("draft", sees="${review.visit ?? 0}"), act("review", next={"again": "draft"}))
    assert seen(record, "draft") == 0


def test_an_arm_that_was_skipped_in_one_round_runs_in_the_next() -> None:
    routes = {"left": "l", "right": "r"}
    record = perform(
        act("choose", "left", "right", next=routes),
        act("l"),
        act("r"),
        act("check", "again", "ok", next={"again": "choose"}),
    )
    assert {name: node.visits for name, node in record.nodes.items()} == {"choose": 2, "l": 1, "r": 1, "check": 2}
    assert statuses(record) == dict.fromkeys(("choose", "l", "r", "check"), "succeeded")


def test_what_an_arm_gave_in_an_earlier_round_is_void_where_it_is_skipped() -> None:
    record = perform(
        act("choose", "left", "right", next={"left": "l", "right": "r"}),
        act("l", sees="left"),
        act("r", sees="right"),
        act("check", "again", "ok", next={"again": "choose"}, sees="${l.sees ?? r.sees ?? 'none'}".replace("'", '"')),
    )
    assert seen(record, "check") == "right"


def test_a_block_in_a_loop_runs_side_by_side_in_every_round() -> None:
    block: Document = {"parallel": [act("a", seconds=1), act("b", seconds=2)]}
    record = perform(act("start"), block, act("check", "again", "ok", next={"again": "start"}))
    assert {name: node.visits for name, node in record.nodes.items()} == dict.fromkeys(("start", "a", "b", "check"), 2)
    assert record.wall_seconds == 8


def test_a_loop_may_begin_with_a_block() -> None:
    block: Document = {"id": "both", "parallel": [act("a", seconds=1), act("b", seconds=2)]}
    record = perform(block, act("check", "again", "ok", next={"again": "both"}))
    assert record.nodes["a"].visits == record.nodes["b"].visits == 2
    assert record.wall_seconds == 6


def test_loops_in_two_branches_do_not_wait_for_each_other() -> None:
    slow: Document = {"pipeline": [act("a", seconds=3), act("a2", "again", "ok", next={"again": "a"})]}
    quick: Document = {"pipeline": [act("b"), act("b2", "again", "again", "ok", next={"again": "b"})]}
    record = perform({"parallel": [slow, quick]}, act("end"))
    assert (record.nodes["a2"].finished, record.nodes["b2"].finished, record.nodes["end"].started) == (8, 6, 8)


def test_a_block_does_not_end_before_a_branch_that_repeats() -> None:
    endless = act("a", next={"default": "a"})
    record = perform({"parallel": [endless, act("b")]}, act("c"), settings={"max_visits": 3})
    assert statuses(record)["c"] == "not_started"
    assert errors(record) == [("a", "loop_limit")]


def test_a_loop_inside_a_loop_has_its_own_rounds() -> None:
    record = perform(
        act("a"),
        act("b", "inner", "on", "inner", "on", next={"inner": "b"}),
        act("c", "outer", "ok", next={"outer": "a"}),
    )
    assert {name: node.visits for name, node in record.nodes.items()} == {"a": 2, "b": 4, "c": 2}


def test_a_loop_back_from_a_failure() -> None:
    record = perform(act("a", "!boom", "!boom", "ok", next={"error": "a"}), act("b"))
    assert record.status == "succeeded"
    assert record.nodes["a"].visits == 3


def test_the_timeout_of_a_block_begins_anew_in_every_round() -> None:
    block: Document = {"parallel": [act("a", seconds=3)], "timeout": 4}
    record = perform(act("s"), block, act("check", "again", "again", "ok", next={"again": "s"}))
    assert record.status == "succeeded"
    assert record.wall_seconds == 15


def test_the_timeout_of_a_block_acts_in_a_later_round_too() -> None:
    slow: Document = {"pipeline": [act("a", "x", "on", next={"x": None}), act("b", seconds=9)]}
    block: Document = {"id": "late", "parallel": [slow], "timeout": 4}
    record = perform(act("s"), block, act("check", "again", "ok", next={"again": "s"}))
    assert errors(record) == [("late", "timeout")]
    assert record.nodes["b"].finished == 8


def test_a_loop_inside_a_block_does_not_put_off_its_timeout() -> None:
    branch: Document = {"pipeline": [act("a", "again", next={"again": "a"})]}
    record = perform({"id": "late", "parallel": [branch], "timeout": 4.5})
    assert errors(record) == [("late", "timeout")]
    assert record.wall_seconds == 4.5


def test_a_block_that_failed_in_one_round_runs_in_the_next() -> None:
    block: Document = {"parallel": [act("a", "!boom", "ok"), act("b", seconds=9)], "on_error": "fail_fast"}
    settings = {"on_error": "continue"}
    record = perform(act("s"), block, act("check", "again", "ok", next={"again": "s"}), settings=settings)
    assert record.status == "completed_with_errors"
    assert statuses(record) == dict.fromkeys(("s", "a", "b", "check"), "succeeded")


def test_a_block_that_fails_in_every_round_ends_its_steps_in_every_round() -> None:
    block: Document = {"parallel": [act("a", "!boom"), act("b", seconds=9)], "on_error": "fail_fast"}
    settings = {"on_error": "continue"}
    record = perform(act("s"), block, act("check", "again", "ok", next={"again": "s"}), settings=settings)
    assert record.wall_seconds == 6
    assert statuses(record)["b"] == "cancelled"


def test_a_block_that_is_rolled_back_in_every_round_is_drained_in_every_round() -> None:
    block: Document = {"parallel": [put("a", "!boom"), put("b", seconds=9)], "on_error": "rollback"}
    check = act("check", "again", "ok", next={"again": "s"})
    play = Play({"pipeline": [act("s"), block, check], "settings": {"on_error": "continue"}})
    play.run()
    assert play.undone == [("b", None), ("a", 1), ("b", None), ("a", 2)]


def test_what_waited_for_a_place_in_the_last_round_is_recorded_as_in_the_one_before() -> None:
    block: Document = {"parallel": [act("a", "ok", "!boom"), act("b")], "max_concurrent": 1}
    record = perform(act("s"), block, act("check", "again", next={"again": "s"}))
    b = record.nodes["b"]
    assert (record.status, b.status, b.visits, b.finished) == ("failed", "succeeded", 1, 3)


def test_nothing_starts_beside_the_visit_that_was_one_too_many() -> None:
    first: Document = {"id": "both", "parallel": [act("a", "once", "on", next={"once": "a"}), act("b")]}
    record = perform(first, act("check", "again", next={"again": "both"}), settings={"max_visits": 2})
    assert errors(record) == [("a", "loop_limit")]
    assert (record.nodes["b"].visits, record.wall_seconds) == (1, 3)


def test_an_action_nobody_named_leaves_a_loop_that_is_the_default() -> None:
    record = perform(act("a"), act("b", "odd", next={"default": "a"}))
    assert record.nodes["a"].visits == 1
    assert record.status == "succeeded"


def test_a_block_that_has_failed_does_not_loop() -> None:
    branch: Document = {"pipeline": [act("a"), act("b", "again", seconds=2, next={"again": "a"})]}
    block: Document = {"parallel": [branch, act("c", "!boom", seconds=2)], "on_error": "fail_fast"}
    record = perform(block, act("end"), settings={"on_error": "continue"})
    assert record.nodes["a"].visits == 1
    assert statuses(record)["end"] == "succeeded"


def test_a_step_that_failed_under_continue_leaves_its_loop() -> None:
    record = perform(act("a", "!boom", next={"default": "a"}), act("b"), settings={"on_error": "continue"})
    assert ran(record) == "a b"
    assert record.status == "completed_with_errors"


def test_each_visit_is_undone_with_what_it_gave_latest_first() -> None:
    play = Play({
        "pipeline": [put("a"), put("b", "again", "on", next={"again": "a"}), act("c", "!boom")],
        "settings": {"on_error": "rollback"},
    })  # fmt: skip
    assert play.run().status == "rolled_back"
    assert play.undone == [("b", 2), ("a", 2), ("b", 1), ("a", 1)]


def test_a_visit_cancelled_in_its_second_round_knows_nothing_of_the_first() -> None:
    branch: Document = {"pipeline": [put("a", "again", next={"again": "a"}, seconds=2)]}
    play = Play({"pipeline": [{"parallel": [branch, act("b", "!boom", seconds=3)], "on_error": "rollback"}]})
    assert play.run().status == "rolled_back"
    assert play.undone == [("a", None), ("a", 1)]


def test_in_the_graph_form_a_loop_waits_for_all_behind_its_start() -> None:
    document: Document = {
        "nodes": [act("a"), act("b", "again", "ok"), act("slow", seconds=5)],
        "edges": [
            {"from": "a", "to": "b"},
            {"from": "a", "to": "slow"},
            {"from": "b", "to": "a", "action": "again"},
        ],
    }
    record = perform_graph(document)
    assert (record.nodes["a"].started, record.nodes["slow"].visits) == (6, 2)


def test_in_the_graph_form_an_action_may_lead_back_and_on_at_once() -> None:
    document: Document = {
        "nodes": [act("a"), act("b", "again", "ok"), act("log", sees="${b.visit}")],
        "edges": [
            {"from": "a", "to": "b"},
            {"from": "b", "to": "log", "action": "again"},
            {"from": "b", "to": "a", "action": "again"},
        ],
    }
    record = perform_graph(document)
    assert {name: node.visits for name, node in record.nodes.items()} == {"a": 2, "b": 2, "log": 1}
    assert seen(record, "log") == 1


def graph(nodes: list[Document], *ways: str, **more: object) -> Document:
    """The graph form; an edge is written `a-b`, or `a-b:action`."""
    edges = list[Document]()
    for way in ways:
        pair, _, action = way.partition(":")
        edges.append({"from": pair[0], "to": pair[2], "action": action or "default"})
    return {"nodes": nodes, "edges": edges, **more}


def test_a_step_waits_for_a_loop_on_one_side_also_where_one_on_the_other_brings_it_back() -> None:
    """`n` comes after `s` and `b`, each of which is in a loop of its own."""
    nodes = [
        act("a"),
        act("s", seconds=5),
        act("r", "again", "ok"),
        act("b"),
        act("q", "again", "ok", seconds=8),
        act("n"),
    ]
    record = perform_graph(graph(nodes, "a-s", "s-r", "r-a:again", "b-q", "q-b:again", "s-n", "b-n"))
    assert (record.nodes["s"].finished, record.nodes["n"].started) == (13, 13)


def test_a_step_that_a_loop_has_brought_back_decides_anew_whether_to_go_back() -> None:
    """`r` wants back to `a`, which waits for `x`; meanwhile a loop from `q` to `b` runs `r` again, which goes on."""
    nodes = [act("a"), act("b"), act("r", "again", "ok"), act("x", seconds=10), act("q", "again", "ok", seconds=3)]
    record = perform_graph(graph(nodes, "a-r", "b-r", "a-x", "b-q", "r-a:again", "q-b:again"))
    assert {name: node.visits for name, node in record.nodes.items()} == {"a": 1, "b": 2, "r": 2, "x": 1, "q": 2}


def test_a_loop_waits_for_the_rollback_of_a_block_in_it() -> None:
    nodes = [act("t"), put("x", "!boom", "ok"), act("r", "again", "ok", seconds=1.5)]
    blocks = [{"id": "block", "nodes": ["x"], "on_error": "rollback"}]
    document = graph(nodes, "t-x", "t-r", "r-t:again", blocks=blocks, settings={"on_error": "continue"})
    assert perform_graph(document).nodes["t"].started == 3
