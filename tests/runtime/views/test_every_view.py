"""What holds for each view of any graph: every edge is there once, the same graph gives the same text."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import takewhile
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.graph import Cycle, Edge, Graph, Node, NodeId, build_graph
from runtime.views import ascii, dot, draw, graph_json, mermaid, svg

ACTIONS = ["default", "error", "no, thanks", "", '"', "a]b"]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Acyclic graphs of up to twelve steps and hidden joins, some edges with an action, some closing a loop."""
    count = draw(st.integers(1, 12))
    hidden = draw(st.sets(st.integers(1, count), max_size=3))
    nodes = [Node(NodeId(f"s{at}"), "wait", hidden=at in hidden) for at in range(count)]
    pairs = [(a, b) for b in range(count) for a in range(b)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=24)) if pairs else []
    actions = st.sampled_from(ACTIONS)
    edges = [Edge(nodes[a].id, nodes[b].id, draw(actions)) for a, b in chosen]
    for a, b in draw(st.lists(st.sampled_from(pairs), max_size=2)) if pairs else []:
        if not nodes[a].hidden and not nodes[b].hidden:
            edges.append(Edge(nodes[b].id, nodes[a].id, "again", back=True))
    return build_graph(nodes, edges, name="any")


def drawn(graph: Graph) -> Counter[tuple[str, str]]:
    return Counter((edge.source, edge.target) for edge in graph.visible_edges)


@given(graphs())
def test_mermaid_holds_every_edge_once(graph: Graph) -> None:
    text = mermaid.render(graph)
    names = dict(re.findall(r'^ +(n\d+)\["(\w+)<br/>', text, re.MULTILINE))
    edges = re.findall(r'^ +(n\d+) -(?:-|\.-)>(?:\|".*"\|)? (n\d+)$', text, re.MULTILINE)
    assert Counter((names[one], names[other]) for one, other in edges) == drawn(graph)


@given(graphs())
def test_dot_holds_every_edge_once(graph: Graph) -> None:
    edges = re.findall(r'^ +"(\w+)" -> "(\w+)"', dot.render(graph), re.MULTILINE)
    assert Counter(edges) == drawn(graph)


@given(graphs())
def test_the_svg_parses_and_holds_every_step_and_one_line_for_each_pair(graph: Graph) -> None:
    root = ElementTree.fromstring(svg.render(graph))
    space = "{http://www.w3.org/2000/svg}"
    titles = [title.text for title in root.iterfind(f".//{space}g/{space}title")]
    assert sorted(map(str, titles)) == sorted(f"{step.id} (wait)" for step in graph.steps)
    lines = [path for path in root.iter(f"{space}path") if "marker-end" in path.attrib]
    assert len(lines) == len({(edge.source, edge.target, edge.back) for edge in graph.visible_edges})


@given(graphs())
def test_every_edge_can_be_read_off_the_outline(graph: Graph) -> None:
    assert Counter(Reader(ascii.render(graph, width=100_000)).edges) == Counter(
        (edge.source, edge.target, edge.action, edge.back) for edge in graph.visible_edges
    )


@pytest.mark.parametrize("render", [ascii.render, dot.render, graph_json.render, mermaid.render, svg.render])
@given(graph=graphs())
def test_the_same_graph_gives_the_same_view(render: Callable[[Graph], object], graph: Graph) -> None:
    again = Graph(dict(graph.nodes), graph.edges, name=graph.name)
    assert render(graph) == render(again)


@pytest.mark.parametrize("render", [ascii.render, dot.render, graph_json.render, mermaid.render, svg.render])
def test_a_graph_without_steps_has_a_view(render: Callable[[Graph], object]) -> None:
    assert render(build_graph([]))


@pytest.mark.parametrize("render", [ascii.render, dot.render, graph_json.render, mermaid.render, svg.render])
def test_a_cycle_has_no_critical_path(render: Callable[[Graph], object]) -> None:
    nodes = [Node(NodeId(name), "wait") for name in "ab"]
    with pytest.raises(Cycle, match="b -> a -> b"):
        render(build_graph(nodes, [("a", "b"), ("b", "a")]))


TIE = re.compile(r'(\w+)(?: \[("(?:\\.|[^"\\])*"|[^\]]*)\])?')


class Reader:
    """Reads the edges off an outline as a person does: by the rule that the module states."""

    def __init__(self, outline: str) -> None:
        self.edges = list[tuple[str, str, str, bool]]()
        self.before = dict[str, set[str]]()
        self.series([line[2:] for line in takewhile(bool, outline.splitlines())], set())

    def series(self, lines: list[str], above: set[str]) -> None:
        while lines:
            above = self.group(lines, above) if lines[0][0] in "┌├└" else self.step(lines.pop(0), above)

    def group(self, lines: list[str], above: set[str]) -> set[str]:
        """Takes the lines of a group; gives its ends."""
        known, corner = set(self.before), ""
        while corner != "└":
            corner, branch = lines[0][0], [lines.pop(0)[3:]]
            rail = "   " if corner == "└" else "│  "
            while lines and lines[0].startswith(rail):
                branch.append(lines.pop(0)[3:])
            self.series(branch, above)
        inside = self.before.keys() - known
        return inside - set[str]().union(*(self.before[step] for step in inside))

    def step(self, line: str, above: set[str]) -> set[str]:
        name, _, *ties = line.split(maxsplit=2)
        into, _, loops = f" {''.join(ties)}".partition(" -> ")
        back = list(self.tied(into.removeprefix(" <- "))) if into.strip() else [(one, "default") for one in above]
        self.edges += [(source, name, action, False) for source, action in back]
        self.edges += [(name, target, action, True) for target, action in self.tied(loops)]
        self.before[name] = {source for source, _ in back}
        return {name}

    def tied(self, text: str) -> Iterator[tuple[str, str]]:
        for step, action in TIE.findall(text):
            yield step, json.loads(action) if action.startswith('"') else action or "default"


def test_a_view_is_drawn_by_its_name() -> None:
    graph = build_graph([Node(NodeId("one"), "wait"), Node(NodeId("two"), "wait")], [("one", "two")], name="pair")
    assert draw(graph, "ascii") == ascii.render(graph)
    assert draw(graph, "mermaid") == mermaid.render(graph)
    assert draw(graph, "dot") == dot.render(graph)
    assert draw(graph, "svg") == svg.render(graph)
