"""A graph back to a document: nothing of it is lost, and no order is added or dropped."""

from __future__ import annotations

from contextlib import suppress
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.graph import Graph, Node, NodeId, build_graph, equal, ordered_pairs
from runtime.issues import InvalidWorkflow, Issue
from runtime.normalise import normalise
from runtime.orders import DEEPEST
from runtime.shape import load_workflow
from runtime.surface import to_graph_form, to_pipeline
from runtime.written import Written
from tests.language import Document, fixture, graph, graph_of, pipeline, step
from tests.random_graphs import random_graph


def again(document: Written) -> Graph:
    return normalise(load_workflow(document)).graph


def refusal(one: Graph) -> Issue:
    with pytest.raises(InvalidWorkflow) as refused:
        to_pipeline(one)
    (issue,) = refused.value.issues
    return issue


def entries(document: Document) -> object:
    return to_pipeline(graph_of(document))["pipeline"]


def row(*entries: Document) -> Document:
    return {"pipeline": list(entries)}


def block(*branches: Document, **more: object) -> Document:
    return {"parallel": list(branches), **more}


A, B, C, D = (step(name) for name in "abcd")


@pytest.mark.parametrize(
    ("document", "written"),
    [
        (graph([A]), [A]),
        (graph([A, B], "a-b"), [A, B]),
        (graph([A, B]), [block(A, B)]),
        (graph([A, B, C, D], "a-b", "a-c", "b-d", "c-d"), [A, block(B, C), D]),
        (graph([A, B, C, D], "a-b", "c-d"), [block(row(A, B), row(C, D))]),
        (graph([A, B, C, D], "a-c", "a-d", "b-c", "b-d"), [block(A, B), block(C, D)]),
        (graph([A, B, C], "a-b", "b-c", "a-c"), [A, B, C]),
        (pipeline(block(A), block(block(B, C)), block(row(D))), [A, block(B, C), D]),
    ],
)
def test_a_graph_becomes_the_shortest_pipeline(document: Document, written: object) -> None:
    assert entries(document) == written


def test_what_no_blocks_can_say_is_refused_by_its_shape() -> None:
    issue = refusal(graph_of(fixture("n_shape")))
    assert (issue.code, issue.path) == ("not_convertible", "/nodes/3")
    assert issue.message == "'d' waits for 'a' and 'b', 'c' only for 'a': blocks cannot say that"


def test_blocks_nested_deeper_than_the_language_allows_are_refused() -> None:
    def nested(levels: int) -> Graph:
        """Each level a step, and beside it a step with the next level behind it."""
        names = [f"{letter}{at}" for at in range(levels) for letter in "ab"]
        edges = [(f"a{at}", f"{letter}{at + 1}") for at in range(levels - 1) for letter in "ab"]
        return build_graph([Node(NodeId(name), "work") for name in names], edges)

    assert equal(again(to_pipeline(nested(16))), nested(16))
    with pytest.raises(InvalidWorkflow) as refused:
        to_pipeline(nested(17))
    assert {issue.code for issue in refused.value.issues} == {"nesting_limit"}
    assert refusal(nested(DEEPEST)).code == "not_convertible"


def test_a_block_that_says_something_stays_around_its_steps() -> None:
    inner = block(B, C, id="inner", on_error="continue")
    for entry in (
        block(A, inner, max_concurrent=2),
        block(row(A, inner), timeout=5),
        block(inner, id="outer"),
        block(block(A, timeout=1), timeout=2),
    ):
        assert entries(pipeline(entry, D)) == [entry, D]


def test_blocks_that_cut_through_side_by_side_steps_are_refused() -> None:
    cut = graph([A, B, C], "a-c", blocks=[{"id": "k", "nodes": ["a", "b"], "on_error": "continue"}])
    assert refusal(graph_of(cut)).code == "not_convertible"
    assert equal(again(to_graph_form(graph_of(cut))), graph_of(cut))


FULL: Document = {
    "ir_version": "0.2.0",
    "name": "all",
    "description": "of it",
    "inputs": {"x": {"type": "number", "default": 3.0}, "y": {"required": False, "default": None}, "z": {}},
    "outputs": {"short": "${b.count}", "long": {"from": [1.0, "${a}"], "description": "both"}},
    "settings": {"max_visits": 3, "timeout": 60, "on_error": "continue", "pools": {"p": 2}, "max_concurrent": 4},
    "pipeline": [
        {
            **step("a", {"deep": [None, 1.0]}),
            "purpose": "why",
            "timeout": 5,
            "pool": "p",
            "idempotent": True,
            "retry": {"max_attempts": 2, "wait": 0.5, "on": ["timeout"]},
            "undo": {"type": "transform", "params": {"value": "${a.result ?? null}"}, "timeout": 2},
        },
        step("b", "${f}", batch={"items": ["${x}"], "as": "f", "parallel": True, "on_error": "continue"}),
    ],
}


def test_all_that_a_document_says_survives_both_ways() -> None:
    assert to_pipeline(graph_of(FULL)) == FULL
    as_graph = to_graph_form(graph_of(FULL))
    assert as_graph["edges"] == [{"from": "a", "to": "b"}]
    assert to_pipeline(again(as_graph)) == FULL


def test_ways_that_end_and_actions_that_nobody_named_survive_the_graph_form() -> None:
    routed = graph_of(pipeline(step("a", next={"x": None, "default": "c"}), step("b"), step("c")))
    assert to_graph_form(routed)["edges"] == [
        {"from": "a", "to": "b", "action": "#otherwise"},
        {"from": "a", "to": "c"},
        {"from": "a", "to": None, "action": "x"},
    ]
    assert to_graph_form(again(to_graph_form(routed))) == to_graph_form(routed)


def router(**ways: object) -> Document:
    return step("r", next=ways)


@pytest.mark.parametrize(
    "written",
    [
        [router(x=[A, B]), C],
        [router(x=[A], y=[block(A | {"id": "p"}, B)], error=None), C],
        [router(x=[A], default=[B]), C],
        [router(x=[step("i", next={"y": None}), A]), B],
        [router(x="a", y="a"), B, A, C],
        [router(x="k"), B, block(row(C, D), A, id="k"), step("e")],
        [A, router(again="a", done=None), B],
        [block(row(router(stop=None), A), B), C],
        [A, router(x=[B, step("s", next={"back": "r", "out": "a"})])],
        [router(x="a"), block(B, C), A, D],
        [block(row(router(x=[A]), B), row(C, step("s", next={"y": [D]}))), step("e")],
    ],
)
def test_routing_comes_back_as_it_was(written: list[Document]) -> None:
    one = graph_of(pipeline(*written))
    assert to_pipeline(one)["pipeline"] == written
    assert to_pipeline(again(to_graph_form(one)))["pipeline"] == written


def test_a_loop_to_several_steps_comes_back_and_edges_alone_cannot_say_it() -> None:
    """Of two edges back, the depth-first walk of the graph form meets only one on its way."""
    one = graph_of(pipeline(block(A, B, id="k"), router(again="k")))
    assert to_pipeline(one)["pipeline"] == [block(A, B, id="k"), router(again="k")]
    with pytest.raises(InvalidWorkflow, match="loops"):
        to_graph_form(one)


def test_routing_that_no_next_can_say_is_refused() -> None:
    crossed = graph([step(name) for name in "rsabc"], "r-a:x", "r-b:x", "s-b:y", "a-c", "b-c")
    assert refusal(graph_of(crossed)).code == "not_convertible"


def test_a_default_that_goes_back_is_refused_by_the_graph_form() -> None:
    with pytest.raises(InvalidWorkflow) as refused:
        to_graph_form(graph_of(pipeline(step("a", next={"default": "a"}))))
    assert [(issue.code, issue.path) for issue in refused.value.issues] == [("not_convertible", "/pipeline/0")]


def test_barriers_too_wide_for_edges_are_refused_by_the_graph_form() -> None:
    wide = [block(*(step(f"{name}{at}") for at in range(300))) for name in "ab"]
    with pytest.raises(InvalidWorkflow, match="90000 edges"):
        to_graph_form(graph_of(pipeline(*wide)))


def test_a_block_without_a_name_gets_a_free_one_in_the_graph_form() -> None:
    document = pipeline(block(step("block_1"), B, on_error="continue"), block(C, D, timeout=1), block(A, id="k"))
    assert [each["id"] for each in to_graph_form(graph_of(document))["blocks"]] == ["block_2", "block_3", "k"]  # type: ignore[index, call-overload, union-attr]  # a list of objects


# --- properties ------------------------------------------------------------------------------------------------------


def series_parallel(random: Random) -> Document:
    """A random pipeline of blocks; some say something."""
    names = iter(f"s{at}" for at in range(1000))

    def pipe(depth: int) -> list[Document]:
        return [entry(depth) for _ in range(random.randint(1, 3))]

    def entry(depth: int) -> Document:
        if depth > 3 or random.random() < 0.6:
            return step(next(names))
        branches = [branch(depth + 1) for _ in range(random.randint(1, 3))]
        said: list[Document] = [{}, {}, {"timeout": random.randint(1, 9)}, {"id": next(names), "on_error": "continue"}]
        return {"parallel": branches, **random.choice(said)}

    def branch(depth: int) -> Document:
        return entry(depth) if random.random() < 0.5 else {"pipeline": pipe(depth)}

    return {"pipeline": pipe(0)}


@given(st.integers())
def test_a_pipeline_comes_back_from_its_graph_and_is_then_the_shortest(seed: int) -> None:
    one = graph_of(series_parallel(Random(seed)))
    written = to_pipeline(one)
    assert equal(again(written), one)
    assert to_pipeline(again(written)) == written
    assert {b.id for b in again(written).blocks if "#" not in b.id} == {b.id for b in one.blocks if "#" not in b.id}


@given(st.integers())
def test_every_graph_comes_back_from_the_graph_form(seed: int) -> None:
    for one in (random_graph(Random(seed)), graph_of(series_parallel(Random(seed)))):
        assert equal(again(to_graph_form(one)), one)


@given(st.integers())
def test_a_pipeline_is_refused_or_equal(seed: int) -> None:
    one = random_graph(Random(seed))
    with suppress(InvalidWorkflow):
        assert equal(again(to_pipeline(one)), one)


@given(st.integers())
def test_between_two_orders_there_is_always_a_pipeline(seed: int) -> None:
    """`within` a series-parallel order, any less strict one has a pipeline that adds nothing the other has not."""
    random = Random(seed)
    one = graph_of(series_parallel(random))
    stricter = build_graph(one.steps, [(edge.source, edge.target) for edge in one.visible_edges])
    kept = [pair for pair in sorted(ordered_pairs(stricter)) if random.random() < 0.4]
    least = build_graph(stricter.nodes.values(), kept)
    between = again(to_pipeline(least, within=stricter))
    assert ordered_pairs(least) <= ordered_pairs(between) <= ordered_pairs(stricter)
