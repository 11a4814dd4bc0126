"""`next` and labelled edges: which steps run, and in which order. Every step takes a second of virtual time."""

from __future__ import annotations

import pytest

from runtime.graph import equal
from runtime.issues import JsonValue
from runtime.node_types import NodeContext, node_type
from tests.acting import Play, act, errors, perform, perform_graph, ran, seen, statuses
from tests.language import Document, edges_of, fixture, graph_of, pipeline, step
from tests.language import errors as issue_errors


def node(name: str, *does: str) -> Document:
    return act(name, *does)


def edges(*texts: str) -> list[Document]:
    """Edges written `a-b`, or `a-b:action`."""
    found = list[Document]()
    for text in texts:
        pair, _, action = text.partition(":")
        source, _, target = pair.partition("-")
        found.append({"from": source, "to": target} | ({"action": action} if action else {}))
    return found


def test_an_action_leads_to_its_arm_and_past_what_lies_between() -> None:
    record = perform(act("a", "x", next={"x": "arm"}), act("b"), act("arm"), act("c"))
    assert ran(record) == "a arm c"
    assert statuses(record)["b"] == "skipped"
    assert record.status == "succeeded"


def test_falling_through_passes_an_arm_by() -> None:
    record = perform(act("a", next={"x": "arm"}), act("b"), act("arm"), act("c"))
    assert ran(record) == "a b c"


def test_after_an_arm_comes_the_first_entry_that_is_no_arm() -> None:
    review = act("review", "yes", next={"yes": "publish", "no": "archive"})
    record = perform(review, act("publish"), act("archive"), act("notify"))
    assert ran(record) == "review publish notify"


@pytest.mark.parametrize(("action", "arm"), [("yes", "publish"), ("no", "archive"), ("perhaps", "ask")])
def test_exactly_one_arm_runs(action: str, arm: str) -> None:
    arms = ["publish", "archive", "ask"]
    routes = {"yes": "publish", "no": "archive", "perhaps": "ask"}
    record = perform(act("review", action, next=routes), *map(act, arms), act("end"))
    assert ran(record) == f"review {arm} end"


def test_an_action_that_nobody_named_goes_on() -> None:
    record = perform(act("a", "unheard_of", next={"x": "arm"}), act("b"), act("arm"))
    assert ran(record) == "a b"


def test_the_default_action_can_be_sent_elsewhere() -> None:
    record = perform(act("a", next={"default": "arm"}), act("b"), act("arm"), act("c"))
    assert ran(record) == "a arm c"


def test_an_action_that_nobody_named_goes_on_also_where_the_default_is_sent_elsewhere() -> None:
    record = perform(act("a", "odd", next={"default": "arm"}), act("b"), act("arm"), act("c"))
    assert ran(record) == "a b c"


def test_the_way_of_unnamed_actions_is_nothing_to_look_at() -> None:
    assert edges_of(graph_of(pipeline(step("a", next={"default": "c"}), step("b"), step("c")))) == {"a-c"}


def test_what_the_default_leads_to_is_certain_and_what_it_passes_over_is_not() -> None:
    steps = [step("a", next={"default": "c"}), step("b"), step("c")]
    assert issue_errors(pipeline(*steps, step("d", "${c.result}"))) == set()
    assert issue_errors(pipeline(*steps, step("d", "${b.result}"))) == {
        ("unguaranteed_reference", "/pipeline/3/params/value")
    }


def test_what_the_default_leads_to_is_certain_beside_other_branches_too() -> None:
    branch: Document = {"pipeline": [step("a", next={"default": "c"}), step("b"), step("c")]}
    assert issue_errors(pipeline({"parallel": [branch, step("s")]}, step("d", "${c.result}"))) == set()


def test_a_step_that_may_choose_is_offered_the_actions_that_are_named() -> None:
    @node_type("offered", routes=True)
    async def offered(context: NodeContext) -> list[JsonValue]:
        return list(context.actions)

    choose: Document = {"id": "a", "type": "offered", "next": {"x": "c", "default": "c", "error": "c"}}
    document: Document = {"pipeline": [choose, act("b"), act("c")]}
    record = Play(document).run(offered)
    assert (record.nodes["a"].outputs or {})["result"] == ["x"]


def test_a_step_that_every_action_avoids_is_skipped() -> None:
    record = perform(act("a", next={"default": None}), act("b"), act("c"))
    assert ran(record) == "a"
    assert statuses(record) == {"a": "succeeded", "b": "skipped", "c": "skipped"}


def test_an_inline_pipeline_runs_in_its_place_and_goes_on_behind() -> None:
    record = perform(act("a", "x", next={"x": [act("i1"), act("i2")]}), act("b"))
    assert ran(record) == "a i1 i2 b"


def test_an_inline_pipeline_that_is_not_asked_for_is_skipped() -> None:
    record = perform(act("a", next={"x": [act("i1"), act("i2")]}), act("b"))
    assert ran(record) == "a b"
    assert statuses(record)["i2"] == "skipped"


def test_inline_pipelines_nest_and_come_back_one_by_one() -> None:
    inner = act("i1", "y", next={"y": [act("j1"), act("j2")]})
    record = perform(act("a", "x", next={"x": [inner, act("i2")]}), act("b"))
    assert ran(record) == "a i1 j1 j2 i2 b"


def test_a_step_of_an_inline_pipeline_may_lead_to_one_around_it() -> None:
    inner = act("i1", "out", next={"out": "z"})
    record = perform(act("a", "x", next={"x": [inner, act("i2")]}), act("b"), act("z"))
    assert ran(record) == "a i1 z"


def test_null_ends_the_workflow() -> None:
    record = perform(act("a", "done", next={"done": None}), act("b"), act("c"))
    assert ran(record) == "a"
    assert record.status == "succeeded"
    assert statuses(record) == {"a": "succeeded", "b": "skipped", "c": "skipped"}


def test_null_in_an_inline_pipeline_leads_out_of_those_around_it_too() -> None:
    inner = act("i1", "done", next={"done": None})
    record = perform(act("a", "x", next={"x": [inner, act("i2")]}), act("b"))
    assert ran(record) == "a i1"


def test_null_in_a_branch_ends_the_branch_alone() -> None:
    branch: Document = {"pipeline": [act("a", "done", next={"done": None}), act("b")]}
    record = perform({"parallel": [branch, act("c")]}, act("d"))
    assert ran(record) == "a c d"


def test_routing_works_in_each_branch_by_itself() -> None:
    left: Document = {"pipeline": [act("a", "x", next={"x": "a2"}), act("a1"), act("a2")]}
    right: Document = {"pipeline": [act("b", next={"x": "b2"}), act("b1"), act("b2")]}
    record = perform({"parallel": [left, right]}, act("end"))
    assert {name for name, node in record.nodes.items() if node.status == "skipped"} == {"a1", "b2"}
    assert record.wall_seconds == 3


def test_a_block_can_be_the_target_of_an_action() -> None:
    both: Document = {"id": "both", "parallel": [act("p"), act("q")]}
    record = perform(act("a", "x", next={"x": "both"}), act("b"), both, act("c"))
    assert statuses(record)["b"] == "skipped"
    assert record.nodes["p"].started == record.nodes["q"].started == 1
    assert record.nodes["c"].started == 2


def test_a_block_that_is_an_arm_is_passed_by_as_a_whole() -> None:
    both: Document = {"id": "both", "parallel": [act("p"), act("q")]}
    record = perform(act("a", next={"x": "both"}), act("b"), both, act("c"))
    assert ran(record) == "a b c"


def test_a_failure_that_is_routed_leaves_the_run_succeeded() -> None:
    record = perform(act("a", "!boom", next={"error": "mend"}), act("b"), act("mend", sees="${a.error.code}"))
    assert record.status == "succeeded"
    assert errors(record) == []
    assert statuses(record) == {"a": "failed", "b": "skipped", "mend": "succeeded"}
    assert seen(record, "mend") == "boom"


def test_the_outputs_of_a_routed_failure_stay_readable() -> None:
    record = perform(act("a", "!boom", next={"error": [act("mend", sees="${a.visit}")]}))
    assert seen(record, "mend") == 1


@pytest.mark.parametrize("mode", ["fail_fast", "continue", "rollback"])
def test_no_mode_acts_on_a_failure_that_is_routed(mode: str) -> None:
    block: Document = {"parallel": [act("a", "!boom", next={"error": [act("mend")]}), act("b", seconds=9)]}
    record = perform({**block, "on_error": mode}, settings={"on_error": mode})
    assert statuses(record) == {"a": "failed", "mend": "succeeded", "b": "succeeded"}
    assert record.status == "succeeded"


def test_a_timeout_can_be_routed_like_any_failure() -> None:
    record = perform(act("a", seconds=9, timeout=2, next={"error": [act("mend", sees="${a.error.code}")]}))
    assert seen(record, "mend") == "timeout"
    assert record.nodes["mend"].started == 2


def test_an_error_that_nobody_named_fails_the_run() -> None:
    record = perform(act("a", "!boom", next={"x": "arm"}), act("b"), act("arm"))
    assert record.status == "failed"
    assert errors(record) == [("a", "boom")]


def test_the_step_behind_alternatives_takes_what_there_is() -> None:
    routes = {"yes": [act("y")], "no": [act("n")]}
    record = perform(act("a", "no", next=routes), act("end", sees="${y.visit ?? n.visit}"))
    assert seen(record, "end") == 1


# --- the graph form --------------------------------------------------------------------------------------------------


def test_several_edges_with_one_action_are_a_fan_out() -> None:
    nodes = [node("a", "x"), node("b"), node("c"), node("d")]
    record = perform_graph({"nodes": nodes, "edges": edges("a-b:x", "a-c:x", "a-d")})
    assert statuses(record)["d"] == "skipped"
    assert record.nodes["b"].started == record.nodes["c"].started == 1


def test_an_action_without_an_edge_takes_the_default_edges() -> None:
    record = perform_graph({"nodes": [node("a", "y"), node("b"), node("c")], "edges": edges("a-b", "a-c:x")})
    assert ran(record) == "a b"


def test_an_action_without_an_edge_ends_there_if_there_is_no_default_edge() -> None:
    record = perform_graph({"nodes": [node("a", "y"), node("b")], "edges": edges("a-b:x")})
    assert ran(record) == "a"
    assert record.status == "succeeded"


def test_a_join_starts_with_one_live_edge_once_all_before_it_has_settled() -> None:
    nodes = [node("a", "x"), node("b"), node("slow"), node("end")]
    record = perform_graph({"nodes": nodes, "edges": edges("a-b", "b-end", "a-slow:x", "slow-end")})
    assert ran(record) == "a slow end"


def test_without_a_start_node_all_roots_start() -> None:
    record = perform_graph({"nodes": [node("a"), node("b"), node("c")], "edges": edges("a-c", "b-c")})
    assert record.nodes["a"].started == record.nodes["b"].started == 0


def test_with_a_start_node_the_run_begins_there() -> None:
    document: Document = {"nodes": [node("b"), node("a")], "edges": edges("a-b"), "start_node": "a"}
    assert ran(perform_graph(document)) == "a b"


def test_both_forms_of_a_routed_workflow_give_the_same_run() -> None:
    written: list[Document] = [
        act("a"),
        act("review", "again", "yes", next={"yes": "publish", "no": "archive", "again": "a", "error": "archive"}),
        act("publish"),
        act("archive"),
        act("end", sees="${publish.visit ?? archive.visit}"),
    ]
    bare = [{key: value for key, value in each.items() if key != "next"} for each in written]
    ways = ("a-review", "review-publish:yes", "review-archive:no", "review-a:again", "review-archive:error")
    after = ("review-end", "publish-end", "archive-end")
    one, other = perform(*written), perform_graph({"nodes": bare, "edges": edges(*ways, *after)})
    assert one.nodes == other.nodes
    assert [type(fact) for fact in one.facts] == [type(fact) for fact in other.facts]


def test_both_forms_of_the_report_fixture_are_one_graph() -> None:
    assert equal(graph_of(fixture("report_pipeline")), graph_of(fixture("report_graph")))
