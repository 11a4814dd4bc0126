"""The Graphviz source."""

from __future__ import annotations

import re

import pytest

from runtime.graph import Graph
from runtime.views import dot


def body(graph: Graph) -> list[str]:
    return [line.strip() for line in dot.render(graph).splitlines()[4:-1]]


def test_a_digraph_with_its_critical_path_bold(report: Graph) -> None:
    bold = 'color="#c2410c", penwidth=2.5'
    assert dot.render(report).startswith('digraph "report" {\n')
    assert body(report) == [
        f'"fetch" [label="fetch\\nhttp", {bold}];',
        f'"analyze" [label="analyze\\nllm", {bold}];',
        '"visualize" [label="visualize\\nllm"];',
        '"summarize" [label="summarize\\nllm"];',
        f'"combine" [label="combine\\nllm", {bold}];',
        f'"fetch" -> "analyze" [{bold}];',
        '"fetch" -> "visualize";',
        '"fetch" -> "summarize";',
        f'"analyze" -> "combine" [{bold}];',
        '"visualize" -> "combine";',
        '"summarize" -> "combine";',
    ]


def test_a_graph_that_does_not_nest_is_drawn_like_any_other(n_shape: Graph) -> None:
    assert [line.partition(" [")[0] for line in body(n_shape)[4:]] == ['"a" -> "c"', '"a" -> "d";', '"b" -> "d";']


def test_actions_label_their_edges_and_loops_are_dashed(routed: Graph) -> None:
    assert '"review" -> "publish" [label="approved"];' in body(routed)
    assert '"review" -> "draft" [label="again", style=dashed, constraint=false];' in body(routed)


def test_blocks_are_clusters_inside_one_another(boxed: Graph) -> None:
    lines = [line.partition(" [")[0] for line in body(boxed)]
    assert [line for line in lines if not line.startswith("label") and "->" not in line] == [
        *('subgraph "cluster outer" {', 'subgraph "cluster #inner" {', '"a"', '"b"', "}", '"c"', "}"),
        *('subgraph "cluster alone" {', '"d"', "}"),
    ]


@pytest.mark.parametrize(("text", "quoted"), [('a"b', r'"a\"b"'), ("a\\", r'"a\\"'), ("a\n", r'"a\\n"')])
def test_names_are_quoted(text: str, quoted: str) -> None:
    assert dot.quote(text) == quoted


def test_hostile_names_stay_inside_their_quotes(hostile: Graph) -> None:
    outside = [re.sub(r'"(?:[^"\\]|\\.)*"', "_", line) for line in body(hostile)]
    forms = r"_ \[label=_.*\];|_ -> _ \[label=_, color=_, penwidth=2.5\];|subgraph _ \{|label=_; style=_; color=_;|\}"
    assert [line for line in outside if not re.fullmatch(forms, line)] == []
    assert r'label="&amp;amp;\n&amp;amp;"' in dot.render(hostile)
