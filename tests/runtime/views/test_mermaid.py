"""The Mermaid flowchart."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from runtime.graph import Block, BlockId, Graph, NodeId
from runtime.views import mermaid


def test_a_flowchart_with_its_critical_path(report: Graph) -> None:
    assert mermaid.render(report).splitlines() == [
        "flowchart TD",
        '  n0["fetch<br/>http"]',
        '  n1["analyze<br/>llm"]',
        '  n2["visualize<br/>llm"]',
        '  n3["summarize<br/>llm"]',
        '  n4["combine<br/>llm"]',
        "  n0 --> n1",
        "  n0 --> n2",
        "  n0 --> n3",
        "  n1 --> n4",
        "  n2 --> n4",
        "  n3 --> n4",
        "  classDef critical stroke:#c2410c,stroke-width:3px",
        "  class n0,n1,n4 critical",
        "  linkStyle 0,3 stroke:#c2410c,stroke-width:3px",
    ]


def test_a_graph_that_does_not_nest_is_drawn_like_any_other(n_shape: Graph) -> None:
    edges = [line.strip() for line in mermaid.render(n_shape).splitlines() if "-->" in line]
    assert edges == ["n0 --> n2", "n0 --> n3", "n1 --> n3"]


def test_actions_label_their_edges_and_loops_are_dotted(routed: Graph) -> None:
    text = mermaid.render(routed)
    assert 'n1 -->|"no, thanks"| n2' in text
    assert "n1 --> n3" in text
    assert 'n1 -.->|"again"| n0' in text


def test_blocks_are_subgraphs_inside_one_another(boxed: Graph) -> None:
    assert mermaid.render(boxed).splitlines()[1:11] == [
        '  subgraph b1["outer, continue, at most 2 at once, within 1#46;5 s"]',
        '    subgraph b0["parallel"]',
        '      n0["a<br/>wait"]',
        '      n1["b<br/>wait"]',
        "    end",
        '    n2["c<br/>wait"]',
        "  end",
        '  subgraph b2["alone"]',
        '    n3["d<br/>wait"]',
        "  end",
    ]


def test_blocks_that_cross_are_left_out_and_the_others_stay(boxed: Graph) -> None:
    crossing = Block(BlockId("crossing"), frozenset(map(NodeId, "cd")))
    text = mermaid.render(replace(boxed, blocks=(*boxed.blocks, crossing)))
    assert re.findall(r'subgraph \w+\["(\w+)', text) == ["parallel", "alone"]


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("fetch-the_data2", "fetch-the_data2"),
        ('"]', "#34;#93;"),
        ("<b>", "#60;b#62;"),
        ("1. list", "1#46; list"),
        ("- item", "#45; item"),
        ("__b__", "#95;#95;b#95;#95;"),
        ("#35;", "#35;35#59;"),
        ("a\nb", "a#92;nb"),
    ],
)
def test_whatever_could_be_syntax_or_markup_is_escaped(text: str, escaped: str) -> None:
    assert mermaid.escape(text) == escaped


def test_hostile_names_leave_the_lines_as_they_are(hostile: Graph) -> None:
    word = r'"(?:[\w ,-]|#\d+;)*"'
    forms = (
        *(r"flowchart TD", r" +end", r"  class(Def)? .*", r"  linkStyle .*", rf" +subgraph b\d+\[{word}\]"),
        *(rf" +n\d+\[{word[:-1]}<br/>{word[1:]}\]", rf"  n\d+ -->(\|{word}\|)? n\d+"),
    )
    for line in mermaid.render(hostile).split("\n"):
        assert any(re.fullmatch(form, line) for form in forms), line
