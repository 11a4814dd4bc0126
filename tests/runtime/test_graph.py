"""Graph theory with letters as nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.graph import (
    Block,
    BlockId,
    Cycle,
    Edge,
    Graph,
    Node,
    NodeId,
    adjacency,
    ancestors,
    build_graph,
    components,
    critical_path,
    cycles,
    equal,
    generations,
    levels,
    marked_before,
    ordered_pairs,
    topological,
)
from tests.language import ids

N_SHAPE = {"a": ["c", "d"], "b": ["d"], "c": [], "d": []}
LOOPS = {"a": ["b"], "b": ["a", "c"], "c": ["d"], "d": ["d"], "e": []}


def letters(*edges: str, hidden: str = "", blocks: tuple[Block, ...] = ()) -> Graph:
    """A graph whose edges are pairs of letters."""
    names = dict.fromkeys("".join(edges))
    nodes = [Node(NodeId(name), "work", hidden=name in hidden) for name in names]
    return build_graph(nodes, [(edge[0], edge[1]) for edge in edges if len(edge) == 2], blocks=blocks)


def test_each_node_comes_after_those_that_lead_to_it() -> None:
    assert topological(N_SHAPE) == ["a", "b", "c", "d"]
    assert topological({}) == []


def test_a_cycle_names_its_nodes_in_order() -> None:
    with pytest.raises(Cycle, match="c -> b -> c") as caught:
        topological({"a": ["b"], "b": ["c"], "c": ["b", "d"], "d": []})
    assert caught.value.nodes == ("c", "b")


def test_a_long_cycle_is_shown_in_short() -> None:
    ring = {str(at): [str((at + 1) % 1000)] for at in range(1000)}
    with pytest.raises(Cycle, match="…") as caught:
        topological(ring)
    assert len(str(caught.value)) < 100
    assert len(caught.value.nodes) == 1000


def test_levels_and_generations_go_by_the_longest_way() -> None:
    diamond = {"a": ["b", "d"], "b": ["c"], "c": ["d"], "d": [], "e": []}
    assert levels(diamond) == {"a": 0, "b": 1, "c": 2, "d": 3, "e": 0}
    assert generations(diamond) == [["a", "e"], ["b"], ["c"], ["d"]]
    assert generations({}) == []


def test_a_level_can_leave_nodes_out_of_the_count() -> None:
    assert levels({"a": ["j"], "j": ["b"], "b": []}, lambda node: node != "j") == {"a": 0, "j": 1, "b": 1}


def test_marked_nodes_are_known_to_all_that_come_after() -> None:
    before = marked_before(N_SHAPE, ["b", "a"])
    assert before == {"a": 0, "b": 0, "c": 0b10, "d": 0b11}


def test_ancestors_are_all_from_which_a_way_leads() -> None:
    assert ancestors("d", {"d": ["c", "b"], "c": ["a"], "b": ["a"], "a": []}) == {"a", "b", "c"}


def test_the_critical_path_is_the_heaviest_way() -> None:
    weight = {"a": 1.0, "b": 5.0, "c": 1.0, "d": 2.0}
    assert critical_path(N_SHAPE, weight.__getitem__) == (7.0, ["b", "d"])
    assert critical_path(N_SHAPE, lambda node: 1.0) == (2.0, ["a", "c"])
    assert critical_path({}, lambda node: 1.0) == (0.0, [])


def test_nodes_of_one_cycle_are_one_component() -> None:
    found = components(LOOPS)
    assert found["a"] == found["b"]
    assert len({found[each] for each in "acde"}) == 4


def test_every_tangle_gives_one_cycle() -> None:
    assert [set(cycle.nodes) for cycle in cycles(LOOPS)] == [{"a", "b"}, {"d"}]
    assert cycles(N_SHAPE) == []


def test_a_graph_refuses_an_edge_to_a_node_that_is_not_there() -> None:
    with pytest.raises(KeyError, match="a -> z"):
        build_graph([Node(NodeId("a"), "work")], [("a", "z")])


def test_a_way_through_barriers_is_one_visible_edge() -> None:
    graph = letters("aj", "bj", "jk", "kc", "kd", hidden="jk")
    assert {(edge.source, edge.target) for edge in graph.visible_edges} == {(a, b) for a in "ab" for b in "cd"}
    assert [node.id for node in graph.steps] == ["a", "b", "c", "d"]


def test_a_visible_edge_bears_the_action_by_which_its_source_is_left() -> None:
    nodes = [Node(NodeId(name), "work", hidden=name == "j") for name in "ajb"]
    graph = build_graph(nodes, [Edge(NodeId("a"), NodeId("j"), "yes"), ("j", "b")])
    assert graph.visible_edges == (Edge(NodeId("a"), NodeId("b"), "yes"),)


def test_final_steps_are_those_that_no_step_comes_after() -> None:
    assert letters("ab", "ac").finals == ("b", "c")
    assert letters("aj", "bj", "jc", "cs", hidden="js").finals == ("c",)


def test_the_way_back_of_a_loop_does_not_make_its_end_less_final() -> None:
    nodes = [Node(NodeId(name), "work") for name in "ab"]
    graph = build_graph(nodes, [("a", "b"), Edge(NodeId("b"), NodeId("a"), "again", back=True)])
    assert graph.finals == ("b",)
    assert graph.successors["b"] == []  # type: ignore[index]  # a NodeId is a str


def test_final_steps_of_a_wide_barrier_are_found_without_its_pairs() -> None:
    many = 3000
    names = [f"a{at}" for at in range(many)] + ["j"] + [f"b{at}" for at in range(many)]
    nodes = [Node(NodeId(name), "work", hidden=name == "j") for name in names]
    graph = build_graph(nodes, [(f"a{at}", "j") for at in range(many)] + [("j", f"b{at}") for at in range(many)])
    assert len(graph.finals) == many
    assert "visible_edges" not in graph.__dict__  # nine million of them


def test_graphs_are_equal_when_they_order_the_same_pairs() -> None:
    barrier = letters("aj", "bj", "jc", "jd", hidden="j")
    pairs = letters("ac", "ad", "bc", "bd")
    assert equal(barrier, pairs)
    assert ordered_pairs(barrier) == {(a, b) for a in "ab" for b in "cd"}
    assert equal(letters("ab", "bc"), letters("ab", "bc", "ac"))
    assert not equal(pairs, letters("ac", "ad", "bc", "b"))
    assert not equal(pairs, letters("ac", "ad", "bc", "bd", "e"))


def test_graphs_with_unlike_actions_or_blocks_are_not_equal() -> None:
    plain = letters("ab")
    routed = build_graph(plain.nodes.values(), [Edge(NodeId("a"), NodeId("b"), "yes")])
    inside = letters("ab", blocks=(Block(BlockId("x"), ids("a b")),))
    limited = letters("ab", blocks=(Block(BlockId("x"), ids("a b"), max_concurrent=1),))
    assert not equal(plain, routed)
    assert not equal(plain, inside)
    assert not equal(inside, limited)
    assert equal(inside, letters("ab", blocks=(Block(BlockId("x"), ids("b a"), path="/blocks/0"),)))


# --- properties ------------------------------------------------------------------------------------------------------


@st.composite
def any_graphs(draw: st.DrawFn) -> Mapping[int, Sequence[int]]:
    size = draw(st.integers(1, 8))
    pairs = draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=14))
    return adjacency(range(size), pairs)


@given(any_graphs())
def test_a_graph_can_be_ordered_unless_it_has_a_cycle(successors: Mapping[int, Sequence[int]]) -> None:
    found = cycles(successors)
    for cycle in found:
        pairs = {(node, target) for node in successors for target in successors[node]}
        assert pairs >= set(pairwise((*cycle.nodes, cycle.nodes[0])))
    if found:
        with pytest.raises(Cycle):
            topological(successors)
    else:
        order = topological(successors)
        assert all(order.index(node) < order.index(target) for node in successors for target in successors[node])


@given(any_graphs())
def test_components_are_those_that_reach_each_other(successors: Mapping[int, Sequence[int]]) -> None:
    group = components(successors)
    reached = {node: ancestors(node, adjacency(successors, _turned(successors))) | {node} for node in successors}
    for one in successors:
        for other in successors:
            assert (group[one] == group[other]) == (one in reached[other] and other in reached[one])


@given(any_graphs())
def test_what_is_marked_before_a_node_is_its_ancestors(successors: Mapping[int, Sequence[int]]) -> None:
    if not cycles(successors):
        predecessors = adjacency(successors, _turned(successors))
        before = marked_before(successors, successors)
        for node in successors:
            assert {each for each in successors if before[node] >> each & 1} == ancestors(node, predecessors)


def _turned(successors: Mapping[int, Sequence[int]]) -> list[tuple[int, int]]:
    return [(target, node) for node, targets in successors.items() for target in targets]
