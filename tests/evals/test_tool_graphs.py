"""Rows of tool graphs as a suite. The rows themselves are not in this repository: tests of them skip without."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

import evals
from evals.dataset import Case, Suite
from evals.scorers import score
from evals.stage import offered, scripted
from evals.subject import Subject
from evals.suite_files import load_suite
from runtime import InvalidWorkflow, JsonValue, Node, NodeId, build_graph, examine, installed_types, run

ROWS = Path(__file__).parents[3] / "shared" / "data" / "tool_graphs_dev.jsonl"
CHOSEN = Path(evals.__path__[0]) / "suites" / "tool_graphs.ids"
needs_rows = pytest.mark.skipif(not ROWS.exists(), reason="the rows of the public benchmarks are not here")

ROW: dict[str, JsonValue] = {
    "id": "one/two",
    "request": "Do it.",
    "tools": [
        {
            "name": "math.add-up",
            "description": "Adds. " * 100,
            "params": [{"name": "from", "type": "int", "required": True}, {"name": "exact", "type": "STRING"}],
            "returns": [{"name": "sum"}],
        },
        {"name": "math add up", "params": None},
    ],
    "gold": {
        "nodes": [
            {"id": "1", "tool": "math.add-up", "params": {"from": 3, "exact": True}},
            {"id": "2", "tool": "math add up", "params": {"of": "$1.sum$"}},
        ],
        "edges": [["1", "2"]],
    },
    "structure": "dag",
    "licence": "MIT",
}


def suite_of(tmp_path: Path, *rows: object) -> Suite:
    path = tmp_path / "my rows.jsonl"
    path.write_text("\n".join(each if isinstance(each, str) else json.dumps(each) for each in rows), encoding="utf-8")
    return load_suite(path)


def test_a_row_becomes_a_case_with_tools_of_its_own(tmp_path: Path) -> None:
    suite = suite_of(tmp_path, ROW, "", {**ROW, "id": "without", "tools": []})
    assert (suite.name, suite.types) == ("my_rows", ())
    (case,) = suite.cases
    assert (case.id, case.kind) == ("one_two", "mixed")
    assert [(tool.name, tool.label) for tool in case.tools] == [
        ("math_add_up", "math.add-up"),
        ("math_add_up_2", "math add up"),
    ]
    assert len(case.tools[0].description) <= 200
    gold = case.expect.gold
    assert gold is not None
    assert [(node.id, node.label) for node in gold.nodes] == [("n1", "math.add-up"), ("n2", "math add up")]
    assert gold.nodes[1].params == {"of": "${n1.result.sum}"}
    assert gold.edges == (("n1", "n2"),)


def test_a_param_whose_right_value_is_of_another_type_is_of_any(tmp_path: Path) -> None:
    (case,) = suite_of(tmp_path, ROW).cases
    assert [(param.name, param.type, param.required) for param in case.tools[0].params] == [
        ("from", "integer", True),
        ("exact", "any", False),
    ]


def test_the_tools_are_node_types_with_params_checked_and_one_output(tmp_path: Path) -> None:
    suite = suite_of(tmp_path, ROW)
    registry = offered(suite, suite.cases[0], installed_types())
    assert list(registry) == ["math_add_up", "math_add_up_2"]
    assert dict(registry["math_add_up"].outputs) == {"result": "any"}
    step: JsonValue = {"id": "a", "type": "math_add_up", "params": {"from": "three", "to": 4}}
    found = examine({"pipeline": [step]}, registry).issues
    assert {(issue.code, issue.path) for issue in found} == {
        ("param_type", "/pipeline/0/params/from"),
        ("unknown_param", "/pipeline/0/params/to"),
    }


def test_tools_have_no_effects_unless_the_row_says_so(tmp_path: Path) -> None:
    tools = [{"name": "a"}, {"name": "b", "writes": ["mail"]}]
    row = {"id": "x", "request": "Do it.", "tools": tools, "gold": {"nodes": [{"id": "n", "tool": "a"}]}}
    suite = suite_of(tmp_path, row)
    registry = offered(suite, suite.cases[0], installed_types())
    assert [len(list(registry[name].effects({}))) for name in ("a", "b")] == [0, 1]


@pytest.mark.parametrize(
    ("row", "path", "words"),
    [
        ("{", "", "ends too early"),
        ({**ROW, "gold": {}}, "/gold/nodes", "missing"),
        ({**ROW, "gold": {"nodes": [{"id": "a", "tool": "math.add"}]}}, "/gold/nodes/0/type", "math_add_up"),
        ({**ROW, "gold": {**ROW["gold"], "edges": [["1", "3"]]}}, "/gold/edges/0/1", "no gold node '3'"),  # type: ignore[dict-item]  # an object
        ({**ROW, "gold": {**ROW["gold"], "edges": [["1", "2"], ["2", "1"]]}}, "/gold/edges", "wait for each other"),  # type: ignore[dict-item]  # an object
        ({**ROW, "id": "first"}, "/id", "already"),
    ],
)
def test_what_is_wrong_with_a_row_is_an_issue_with_its_line(tmp_path: Path, row: object, path: str, words: str) -> None:
    with pytest.raises(InvalidWorkflow) as caught:
        suite_of(tmp_path, {**ROW, "id": "first"}, row, {**ROW, "id": "last"})
    (issue,) = caught.value.issues
    assert (issue.line, issue.path) == (2, path)
    assert words in str(issue)


# --- the rows of the public benchmarks -------------------------------------------------------------------------------


@cache
def rows() -> Suite:
    return load_suite(ROWS)


def plan_of(case: Case) -> tuple[Subject, dict[str, JsonValue]]:
    """The gold graph as if a model had written it, with its steps named anew and turned around."""
    gold = case.expect.gold
    assert gold is not None
    nodes = [
        {
            "id": f"step_{at}",
            "type": node.type,
            "params": {
                **{name: values[0] for name, values in node.params_allowed.items() if "" not in values},
                **node.params,
            },
        }
        for at, node in enumerate(gold.nodes)
    ]
    names = {node.id: f"step_{at}" for at, node in enumerate(gold.nodes)}
    text = json.dumps(nodes[::-1])
    for old, new in names.items():
        text = text.replace(f"${{{old}.", f"${{{new}.")
    edges = [{"from": names[a], "to": names[b]} for a, b in gold.edges]
    workflow: dict[str, JsonValue] = {"nodes": json.loads(text), "edges": edges}  # type: ignore[dict-item]  # JSON
    graph = build_graph(
        [Node(NodeId(each["id"]), each["type"], each["params"]) for each in json.loads(text)],
        [(names[a], names[b]) for a, b in gold.edges],
    )
    return Subject(True, workflow=workflow, graph=graph), workflow


@needs_rows
def test_the_gold_graph_of_every_row_is_perfect_under_other_names() -> None:
    for case in rows().cases:
        subject, _ = plan_of(case)
        found = score(case, subject)
        perfect = {name: value for name, value in found.scores.items() if name not in ("seconds", "cost")}
        assert set(perfect.values()) <= {1.0}, (case.id, found)


@needs_rows
def test_the_gold_graph_of_every_row_is_valid_and_runs_with_scripted_tools() -> None:
    for case in rows().cases:
        registry = offered(rows(), case, installed_types())
        _, workflow = plan_of(case)
        examined = examine(workflow, registry)
        assert examined.valid, (case.id, examined.issues)
        assert examined.graph is not None
        record = asyncio.run(run(examined, registry=scripted(case, examined.graph, registry)))
        assert record.status == "succeeded", (case.id, record.errors)


def chosen(listed: Sequence[Mapping[str, object]]) -> list[str]:
    """Of the rows with tools and an even index, counted from 0 over the whole file: every dag, 15 chains, and fan-outs
    to make 45; of each structure as many from each source as its share, the larger remainders first, evenly spaced.
    """
    strata: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in listed[::2]:
        if row["tools"]:
            strata[str(row["structure"])][str(row["source"]).split(" ")[0]].append(str(row["id"]))
    dags = sum(map(len, strata["dag"].values()))
    wanted = {"dag": dags, "chain": 15, "parallel": 30 - dags}
    picked = {name for structure, count in wanted.items() for name in _spread(strata[structure], count)}
    return [str(row["id"]) for row in listed if row["id"] in picked]


def _spread(sources: Mapping[str, Sequence[str]], count: int) -> list[str]:
    total = sum(map(len, sources.values()))
    shares = {source: divmod(count * len(ids), total) for source, ids in sources.items()}
    left = count - sum(whole for whole, _ in shares.values())
    more = sorted(shares, key=lambda source: (-shares[source][1], source))[:left]
    take = {source: whole + (source in more) for source, (whole, _) in shares.items()}
    return [ids[at * len(ids) // take[source]] for source, ids in sources.items() for at in range(take[source])]


@needs_rows
def test_the_chosen_rows_are_those_of_the_rule() -> None:
    listed = [json.loads(line) for line in ROWS.read_text(encoding="utf-8").splitlines()]
    assert CHOSEN.read_text(encoding="utf-8").split() == chosen(listed)
    assert len(chosen(listed)) == 45
