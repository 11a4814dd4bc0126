"""Both forms to one graph: which edges, which blocks, and what is wrong with ids and targets."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runtime.graph import equal
from tests.language import Document, edges_of, errors, fixture, found, graph, graph_of, ids, only_issue, pipeline, step


def block(*branches: Document, **more: object) -> Document:
    return {"parallel": list(branches), **more}


def row(*entries: Document) -> Document:
    return {"pipeline": list(entries)}


def test_both_forms_of_a_workflow_are_equal_graphs() -> None:
    as_pipeline, as_graph = graph_of(fixture("report_pipeline")), graph_of(fixture("report_graph"))
    assert equal(as_pipeline, as_graph)
    assert edges_of(as_pipeline) == edges_of(as_graph)
    assert as_pipeline.finals == as_graph.finals == ("combine",)


def test_a_graph_that_is_not_series_parallel_keeps_exactly_its_edges() -> None:
    n_shape = graph_of(fixture("n_shape"))
    assert edges_of(n_shape) == {"a-c", "a-d", "b-d"}
    assert len(n_shape.edges) == 3


@pytest.mark.parametrize(
    ("entries", "edges"),
    [
        ([step("a")], ""),
        ([step("a"), step("b"), step("c")], "a-b b-c"),
        ([block(step("a"), step("b"))], ""),
        ([block(step("a")), step("b")], "a-b"),
        ([step("x"), block(step("a"), step("b")), step("y")], "x-a x-b a-y b-y"),
        ([block(step("a"), step("b")), block(step("c"), step("d"))], "a-c a-d b-c b-d"),
        ([block(step("a"), row(step("b"), step("c"))), step("d")], "b-c a-d c-d"),
        ([block(step("a"), block(step("b"), step("c"))), step("d")], "a-d b-d c-d"),
        (
            [step("x"), block(row(step("a"), block(step("b"), step("c")), step("d")), step("e"))],
            "x-a x-e a-b a-c b-d c-d",
        ),
        ([block(row(block(step("a"), step("b")), block(step("c"), step("d"))))], "a-c a-d b-c b-d"),
        ([block(block(block(step("a")))), block(step("b"))], "a-b"),
    ],
)
def test_entries_of_a_pipeline_give_these_edges(entries: list[Document], edges: str) -> None:
    assert edges_of(graph_of(pipeline(*entries))) == set(edges.split())


@pytest.mark.parametrize("nest", [dict, row, block])
def test_a_barrier_of_many_ends_and_many_starts_is_linear_in_edges(nest: Callable[[Document], Document]) -> None:
    many = 60
    before, after = ([nest(step(f"{name}{at}")) for at in range(many)] for name in "ab")
    normalised = graph_of(pipeline(block(*before), block(*after)))
    assert len(normalised.edges) == 2 * many
    assert edges_of(normalised) == {f"a{one}-b{other}" for one in range(many) for other in range(many)}


def test_a_block_says_its_limits_of_all_nodes_inside_it() -> None:
    inner = block(step("b"), step("c"), id="inner", timeout=5, on_error="continue")
    normalised = graph_of(pipeline(step("x"), block(step("a"), inner, id="outer", max_concurrent=2), step("y")))
    blocks = {each.id: each for each in normalised.blocks}
    assert {name: each.nodes for name, each in blocks.items()} == {"outer": ids("a b c"), "inner": ids("b c")}
    assert (blocks["outer"].max_concurrent, blocks["outer"].parent) == (2, None)  # type: ignore[index]  # ids are text
    assert (blocks["inner"].timeout, blocks["inner"].on_error) == (5, "continue")  # type: ignore[index]  # ids are text
    assert blocks["inner"].parent == "outer"  # type: ignore[index]  # ids are text


def test_a_block_that_says_nothing_is_only_edges() -> None:
    assert graph_of(pipeline(block(step("a"), step("b")))).blocks == ()
    assert len(graph_of(pipeline(block(step("a"), step("b"), on_error="continue"))).blocks) == 1


def test_blocks_of_both_forms_are_equal() -> None:
    inner = block(step("b"), step("c"), id="inner", on_error="continue")
    as_pipeline = pipeline(step("x"), block(step("a"), inner, id="outer", max_concurrent=2))
    said = [
        {"id": "outer", "nodes": ["a", "b", "c"], "max_concurrent": 2},
        {"id": "inner", "nodes": ["c", "b"], "on_error": "continue"},
    ]
    as_graph = graph([step(name) for name in "xabc"], "x-a", "x-b", "x-c", blocks=said)
    assert equal(graph_of(as_pipeline), graph_of(as_graph))
    assert {each.id: each.parent for each in graph_of(as_graph).blocks} == {"outer": None, "inner": "outer"}


def test_of_blocks_with_the_same_nodes_the_later_is_around() -> None:
    said = [{"id": name, "nodes": ["a"]} for name in ("one", "two", "three")]
    parents = {each.id: each.parent for each in graph_of(graph([step("a")], blocks=said)).blocks}
    assert parents == {"one": "two", "two": "three", "three": None}


def test_blocks_that_overlap_are_refused() -> None:
    said = [{"id": "one", "nodes": ["a", "b"]}, {"id": "two", "nodes": ["b", "c"]}]
    document = graph([step(name) for name in "abc"], blocks=said)
    assert {code for code, _ in errors(document)} == {"schema"}
    assert "'b' is in both" in only_issue(document, "schema").message


def test_hyphens_and_underscores_in_types_are_alike() -> None:
    nodes = graph_of(pipeline({"id": "a", "type": "read-file", "params": {"path": "x"}})).nodes
    assert [node.type for node in nodes.values()] == ["read_file"]


# --- ids -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (pipeline(step("a"), step("a")), "/pipeline/1/id"),
        (pipeline(step("a"), block(step("b"), row(step("a")))), "/pipeline/1/parallel/1/pipeline/0/id"),
        (pipeline(step("a"), block(step("b"), id="a")), "/pipeline/1/id"),
        (pipeline(block(step("a"), id="a")), "/pipeline/0/parallel/0/id"),
        (pipeline(step("a", next={"x": [step("a")]})), "/pipeline/0/next/x/0/id"),
        (pipeline(block(step("a"), id="k"), block(step("b"), id="k")), "/pipeline/1/id"),
        (graph([step("a"), step("b"), step("a")]), "/nodes/2/id"),
        (graph([step("a")], blocks=[{"id": "a", "nodes": ["a"]}]), "/blocks/0/id"),
        (graph([step("a")], blocks=[{"id": "k", "nodes": ["a"]}, {"id": "k", "nodes": ["a"]}]), "/blocks/1/id"),
    ],
)
def test_a_second_use_of_an_id_is_named_at_its_place(document: Document, path: str) -> None:
    assert errors(document) == {("duplicate_id", path)}
    assert only_issue(document, "duplicate_id").hint


@pytest.mark.parametrize("name", ["workflow", "secret", "item", "index"])
def test_reserved_names_are_no_ids(name: str) -> None:
    assert errors(pipeline(step(name))) == {("reserved_id", "/pipeline/0/id")}
    assert errors(graph([step("a"), step(name)])) == {("reserved_id", "/nodes/1/id")}
    assert errors(pipeline(block(step("a"), id=name))) == {("reserved_id", "/pipeline/0/id")}
    assert errors(graph([step("a")], blocks=[{"id": name, "nodes": ["a"]}])) == {("reserved_id", "/blocks/0/id")}


def test_the_name_that_a_batch_gives_its_items_is_no_id() -> None:
    document = pipeline(step("file"), step("b", "${file}", batch={"items": [1], "as": "file"}))
    assert errors(document) == {("reserved_id", "/pipeline/0/id")}


# --- routing ---------------------------------------------------------------------------------------------------------


def test_routing_targets_give_the_edges_the_language_says() -> None:
    assert edges_of(graph_of(fixture("routed"))) == {
        "draft-review",
        "review-draft:again!",
        "review-log",
        "review-publish:approved",
        "review-explain:rejected",
        "review-notify:error",
        "explain-log",
        "log-close",
        "publish-close",
        "notify-close",
    }
    assert not errors(fixture("routed"))


def test_after_an_arm_comes_the_first_entry_that_is_none() -> None:
    router = step("r", next={"x": "a", "y": "b"})
    edges = edges_of(graph_of(pipeline(router, step("a"), step("b"), step("c"), step("d"))))
    assert edges == {"r-c", "r-a:x", "r-b:y", "a-c", "b-c", "c-d"}


def test_a_named_default_does_not_fall_through() -> None:
    edges = edges_of(graph_of(pipeline(step("r", next={"default": "c"}), step("b"), step("c"))))
    assert edges == {"r-c"}


def test_null_leads_out_of_the_branch_and_no_further() -> None:
    branch = row(step("r", next={"stop": None}), step("a"))
    edges = edges_of(graph_of(pipeline(block(branch, step("b")), step("c"))))
    assert edges == {"r-a", "r-c:stop", "a-c", "b-c"}


def test_null_in_an_inline_pipeline_leads_out_of_those_around_it_too() -> None:
    inner = step("i", next={"stop": None})
    edges = edges_of(graph_of(pipeline(step("r", next={"x": [inner, step("j")]}), step("a"))))
    assert edges == {"r-i:x", "i-j", "j-a", "r-a"}


def test_an_inline_pipeline_may_lead_to_a_step_of_the_pipeline_around_it() -> None:
    inner = step("i", next={"default": "b"})
    edges = edges_of(graph_of(pipeline(step("r", next={"x": [inner]}), step("a"), step("b"), step("c"))))
    assert edges == {"r-i:x", "r-a", "i-b", "a-c", "b-c"}


def test_a_block_can_be_an_arm() -> None:
    edges = edges_of(graph_of(pipeline(step("r", next={"x": "k"}), block(step("a"), step("b"), id="k"), step("c"))))
    assert edges == {"r-c", "r-a:x", "r-b:x", "a-c", "b-c"}


def test_a_loop_leads_back_to_every_start_of_a_block() -> None:
    edges = edges_of(graph_of(pipeline(block(step("a"), step("b"), id="k"), step("r", next={"again": "k"}))))
    assert edges == {"a-r", "b-r", "r-a:again!", "r-b:again!"}


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (pipeline(step("a", next={"x": "nowhere"})), "/pipeline/0/next/x"),
        (pipeline(step("a", next={"x": "c"}), block(step("b"), step("c"))), "/pipeline/0/next/x"),
        (pipeline(block(step("a", next={"x/y": "b"})), step("b")), "/pipeline/0/parallel/0/next/x~1y"),
        (graph([step("a")], "a-b"), "/edges/0/to"),
        (graph([step("a")], "b-a"), "/edges/0/from"),
        (graph([step("a")], start_node="b"), "/start_node"),
        (graph([step("a")], blocks=[{"id": "k", "nodes": ["a", "b"]}]), "/blocks/0/nodes/1"),
    ],
)
def test_a_target_that_is_not_there_is_named(document: Document, path: str) -> None:
    assert errors(document) == {("unknown_next_target", path)}
    assert only_issue(document, "unknown_next_target").hint


def test_a_loop_out_of_a_block_is_refused() -> None:
    document = pipeline(step("a"), block(step("b", "${a.result}", next={"again": "a"})))
    assert errors(document) == {("loop_crosses_block", "/pipeline/1/parallel/0/next/again")}


# --- the graph form --------------------------------------------------------------------------------------------------


def test_what_a_start_node_does_not_reach_is_unreachable() -> None:
    document = graph([step(name) for name in "abcd"], "a-b", "c-d", start_node="a")
    assert errors(document) == {("unreachable_step", "/nodes/2"), ("unreachable_step", "/nodes/3")}
    assert not errors(graph([step(name) for name in "abcd"], "a-b", "c-d"))


def test_an_edge_back_to_an_ancestor_by_a_named_action_is_a_loop() -> None:
    document = graph([step(name) for name in "abc"], "a-b", "b-c", "c-b:again", "b-b:more")
    assert edges_of(graph_of(document)) == {"a-b", "b-c", "c-b:again!", "b-b:more!"}
    assert not errors(document)


def test_a_loop_is_found_from_the_start_node_on() -> None:
    document = graph([step("b"), step("a")], "b-a:again", "a-b", start_node="a")
    assert edges_of(graph_of(document)) == {"a-b", "b-a:again!"}


def test_every_other_cycle_is_an_issue_at_the_edge_that_closes_it() -> None:
    document = graph([step(name) for name in "abcdef"], "a-b", "b-c", "c-b", "d-d", "e-f:x", "f-e")
    assert errors(document) == {("cycle", "/edges/2"), ("cycle", "/edges/3"), ("cycle", "/edges/5")}
    assert "c -> b -> c" in only_issue(graph([step("b"), step("c")], "b-c", "c-b"), "cycle").message


def test_a_cycle_does_not_hide_other_issues() -> None:
    document = graph([step("a", "${nobody.x}"), step("b", prams={})], "a-b", "b-a")
    assert {code for code, _ in found(document)} >= {"cycle", "unknown_reference", "unknown_key"}
