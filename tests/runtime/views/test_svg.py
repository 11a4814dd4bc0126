"""The picture: what it says, and where it puts it."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from runtime.graph import Edge, Graph, Node, NodeId, build_graph
from runtime.views import svg
from runtime.views.geometry import LABEL_HEIGHT, Box, Point, on_curve, page_of
from runtime.views.layout import lay_out

SPACE = "{http://www.w3.org/2000/svg}"


def texts(graph: Graph) -> list[str]:
    root = ElementTree.fromstring(svg.render(graph))
    return [text.text or "" for text in root.iter(f"{SPACE}text")]


def chain(*names: str, kind: str = "wait") -> Graph:
    return build_graph([Node(NodeId(name), kind) for name in names], pairwise(names))


def test_boxes_hold_id_and_type_and_the_head_the_name(report: Graph) -> None:
    assert texts(report)[:6] == ["report", "critical path: 3 of 5 steps", "fetch", "http", "analyze", "llm"]


def test_it_can_be_read_without_eyes(routed: Graph) -> None:
    root = ElementTree.fromstring(svg.render(routed))
    assert root.get("role") == "img"
    assert root.findtext(f"{SPACE}title") == "routed"
    assert "review to draft (again)" in str(root.findtext(f"{SPACE}desc"))


def test_actions_stand_on_their_lines_and_loops_are_dashed(routed: Graph) -> None:
    assert {"no, thanks", "approved", "again"} < set(texts(routed))
    assert svg.render(routed).count("stroke-dasharray") == 1


def test_two_actions_between_the_same_steps_share_a_line() -> None:
    edges = [Edge(NodeId("a"), NodeId("b"), action) for action in ("default", "error")]
    page = page_of(build_graph([Node(NodeId(name), "wait") for name in "ab"], edges))
    assert [label.text for label in page.labels] == ["default, error"]
    assert len(page.lines) == 1


def test_a_long_id_is_shortened_in_its_box_and_whole_in_its_title() -> None:
    name = "compare_with_the_same_quarter_of_the_year_before"
    text = svg.render(chain(name))
    assert f"<title>{name} (wait)</title>" in text
    assert ">compare_with_the_s…f_the_year_before</text>" in text


def test_a_name_of_any_length_leaves_the_picture_its_width(report: Graph) -> None:
    drawn = ElementTree.fromstring(svg.render(replace(report, name="long " * 1000)))
    assert float(str(drawn.get("width"))) < 900


def test_a_graph_too_wide_for_a_page_flows_from_left_to_right() -> None:
    nodes = [Node(NodeId(f"step_{n}"), "wait") for n in range(40)]
    wide = page_of(build_graph(nodes, [("step_0", node.id) for node in nodes[1:]]))
    assert len({box.middle.x for box in wide.boxes}) == 2
    assert len({box.middle.y for box in page_of(chain("a", "b", "c")).boxes}) == 3


def test_hostile_text_is_text(hostile: Graph) -> None:
    text = svg.render(hostile)
    root = ElementTree.fromstring(text)
    assert {element.tag.removeprefix(SPACE) for element in root.iter()} == {
        *("svg", "title", "desc", "defs", "marker", "path", "rect", "text", "g"),
    }
    assert "<script>alert(1)</script>" in texts(hostile)
    assert all(line.isprintable() for line in text.split("\n"))


def test_labels_keep_clear_of_one_another() -> None:
    edges = [Edge(NodeId("a"), NodeId(other), f"a long action to {other}") for other in "bcd"]
    labels = page_of(build_graph([Node(NodeId(name), "wait") for name in "abcd"], edges)).labels
    assert not any(one.touches(other) for one, other in combinations(labels, 2))


def test_every_loop_has_a_lane_of_its_own() -> None:
    straight = chain("a", "b", "c")
    loops = [Edge(NodeId("c"), NodeId("a"), "again", back=True), Edge(NodeId("b"), NodeId("a"), "anew", back=True)]
    one, other = page_of(replace(straight, edges=(*straight.edges, *loops))).labels
    assert abs(one.middle.x - other.middle.x) > (one.width + other.width) / 2


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Graphs with long edges, loops, wide and narrow boxes; some too wide for a page."""
    count = draw(st.integers(1, 14))
    letters = draw(st.lists(st.integers(1, 30), min_size=count, max_size=count))
    names = [NodeId(f"{at}" + "w" * more) for at, more in enumerate(letters)]
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    drawn = draw(st.lists(pairs, unique=True, max_size=24))
    edges = [Edge(names[a], names[b], "default" if a < b else "again", a >= b) for a, b in drawn]
    return build_graph([Node(name, "wait") for name in names], edges)


@given(graphs())
def test_no_line_runs_through_a_box(graph: Graph) -> None:
    page = page_of(graph)
    spots = [on_curve(curve, share / 20) for line in page.lines for curve in line.curves for share in range(21)]
    assert [(spot, box) for spot in spots for box in page.boxes if inside(spot, box)] == []


@given(graphs())
def test_no_box_lies_on_another(graph: Graph) -> None:
    page = page_of(graph)
    for one, other in combinations(page.boxes, 2):
        apart_x = abs(one.middle.x - other.middle.x) - (one.width + other.width) / 2
        apart_y = abs(one.middle.y - other.middle.y) - (one.height + other.height) / 2
        assert max(apart_x, apart_y) > 10


@given(graphs())
def test_lines_begin_and_end_at_their_boxes_and_have_no_breaks(graph: Graph) -> None:
    page = page_of(graph)
    boxes = {box.step: box for box in page.boxes}
    for line in page.lines:
        assert touches(line.curves[0][0], boxes[line.edges[0].source])
        assert touches(line.curves[-1][-1], boxes[line.edges[0].target])
        assert all(one[-1] == other[0] for one, other in pairwise(line.curves))


@given(graphs())
def test_everything_is_on_the_page(graph: Graph) -> None:
    page = page_of(graph)
    (left, top), (right, bottom) = page.corners
    assert all(left <= box.middle.x - box.width / 2 and box.middle.x + box.width / 2 <= right for box in page.boxes)
    assert all(top <= label.middle.y - LABEL_HEIGHT / 2 and label.middle.y <= bottom for label in page.labels)


def inside(spot: Point, box: Box) -> bool:
    return abs(spot.x - box.middle.x) < box.width / 2 - 0.01 and abs(spot.y - box.middle.y) < box.height / 2 - 0.01


def touches(spot: Point, box: Box) -> bool:
    return (
        abs(spot.x - box.middle.x) <= box.width / 2 + 0.01
        and abs(spot.y - box.middle.y) <= box.height / 2 + 0.01
        and not inside(spot, box)
    )


# --- the layout beneath ----------------------------------------------------------------------------------------------


def width(name: str) -> float:
    return 50 + 10 * len(name)


def test_lines_that_need_not_cross_do_not() -> None:
    layout = lay_out({"a": ["z"], "b": ["y"], "c": ["x"], "x": [], "y": [], "z": []}, width)
    assert layout.layers == [["a", "b", "c"], ["z", "y", "x"]]


def test_a_fork_stands_straight_above_its_middle_branch() -> None:
    across = lay_out({"a": ["x", "y", "z_wide"], "x": ["b"], "y": ["b"], "z_wide": ["b"], "b": []}, width).across
    assert across["a"] == across["y"] == across["b"]


def test_a_long_edge_is_straight_on_its_way() -> None:
    layout = lay_out({"a": ["b", "d"], "b": ["c"], "c": ["d"], "d": []}, width)
    _, first, second, _ = layout.ways["a", "d"]
    assert layout.across[first] == layout.across[second]


def test_a_step_without_edges_stands_beside_the_others() -> None:
    layout = lay_out({"a": ["b"], "b": ["d", "e"], "c": ["d"], "d": [], "e": [], "alone": []}, width)
    *_, beside, alone = layout.layers[0]
    assert alone == "alone"
    assert layout.across[alone] - layout.across[beside] == (width(alone) + 60) / 2 + 24
