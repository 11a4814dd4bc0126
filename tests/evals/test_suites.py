"""The shipped suites, and what is wrong with a suite of one's own."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import jsonschema
import pytest

import evals
from evals.dataset import Case, Suite, suite_schema
from evals.scorers import score
from evals.stage import scripted
from evals.subject import Subject, of_run
from evals.suite_files import load_suite
from runtime import (
    InvalidWorkflow,
    Node,
    NodeId,
    build_graph,
    examine,
    installed_types,
    read_document,
    run,
)

SUITES = Path(evals.__path__[0]) / "suites"
SHIPPED = ("execution", "generation", "repair")


def shipped(name: str) -> Suite:
    return load_suite(SUITES / f"{name}.yaml")


def test_these_suites_are_shipped() -> None:
    assert tuple(sorted(path.stem for path in SUITES.glob("*.yaml"))) == SHIPPED
    assert [shipped(name).name for name in SHIPPED] == list(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_suite_is_of_the_schema_that_editors_are_given(name: str) -> None:
    value = read_document((SUITES / f"{name}.yaml").read_bytes(), "suite.yaml").value
    jsonschema.Draft202012Validator(suite_schema()).validate(value)


def test_the_schema_refuses_a_misspelt_key() -> None:
    wrong = {"name": "x", "cases": [{"id": "a", "reqest": "Do it."}]}
    assert not jsonschema.Draft202012Validator(suite_schema()).is_valid(wrong)


def test_a_third_of_the_requests_are_chains_a_third_fan_outs_and_a_third_mixed() -> None:
    cases = shipped("generation").cases
    assert len(cases) >= 30
    assert set(Counter(case.kind for case in cases).values()) == {len(cases) // 3}


@pytest.mark.parametrize("name", ["generation", "repair"])
def test_every_request_has_a_gold_graph_that_meets_what_is_said_of_it(name: str) -> None:
    for case in shipped(name).cases:
        found = score(case, _gold_answer(case))
        assert {value for key, value in found.scores.items() if key not in ("seconds", "cost")} <= {1.0}, found


def _gold_answer(case: Case) -> Subject:
    gold = case.expect.gold
    assert gold is not None
    return Subject(True, graph=build_graph([Node(NodeId(node.id), node.type) for node in gold.nodes], gold.edges))


@pytest.mark.parametrize("case", shipped("execution").cases, ids=lambda case: case.id)
def test_an_accepted_workflow_runs_as_the_suite_says(case: Case, tmp_path: Path) -> None:
    found = score(case, executed(case, tmp_path))
    assert {found.scores.get(name, True) for name in ("runs", "outputs", "meets")} == {True}, found.why


def executed(case: Case, folder: Path) -> Subject:
    """A workflow case run as it says, in a folder."""
    assert isinstance(case.workflow, dict)
    for name, text in case.files.items():
        (folder / name).write_text(text, encoding="utf-8")
    installed = installed_types()
    examined = examine(case.workflow, installed)
    assert examined.graph is not None
    registry = scripted(case, examined.graph, installed)
    record = asyncio.run(run(examined, inputs=case.values, registry=registry, allow=["write"], directory=folder))
    return of_run(case.workflow, installed, record)


BASE = """\
name: mine
cases:
  - id: first
    request: Fetch it.
"""


@pytest.mark.parametrize(
    ("text", "code", "path", "line", "words"),
    [
        (BASE.replace("request", "reqest"), "unknown_key", "/cases/0/reqest", 4, "did you mean 'request'?"),
        (BASE + "    expect: {use: {http: 1}}\n", "unknown_key", "/cases/0/expect/use", 5, "'uses'"),
        (BASE + "    kind: fan\n", "schema", "/cases/0/kind", 5, "one of 'chain'"),
        ("name: mine\ncases: []\n", "schema", "/cases", 2, "without cases"),
        ("name: mine\n", "schema", "/cases", 1, "missing"),
        ("[1]\n", "schema", "", 1, "an object"),
        (BASE + "  - {id: first, request: Again.}\n", "duplicate_id", "/cases/1/id", 5, "/cases/0 already"),
        (BASE + "  - {id: a/b, request: Again.}\n", "schema", "/cases/1/id", 5, "not a legal name"),
        (BASE + "types: [htp]\n", "unknown_node_type", "/types/0", 5, "did you mean 'http'?"),
        (BASE + "    types: [htp]\n", "unknown_node_type", "/cases/0/types/0", 5, "did you mean 'http'?"),
        (BASE + "    expect: {uses: {htp: 1}}\n", "unknown_node_type", "/cases/0/expect/uses/htp", 5, "'http'"),
        (BASE + "    expect: {before: [[http, lm]]}\n", "unknown_node_type", "/cases/0/expect/before/0/1", 5, "'llm'"),
        (BASE + "    scripted: {htp: {}}\n", "unknown_node_type", "/cases/0/scripted/htp", 5, "'http'"),
        (BASE + "    expect: {forbidden: [shel]}\n", "schema", "/cases/0/expect/forbidden/0", 5, "'shell'"),
        (BASE + "    expect: {status: succeded}\n", "schema", "/cases/0/expect/status", 5, "'succeeded'"),
        (
            BASE + "    run: false\n    expect: {outputs: {a: {equals: 1}}}\n",
            "schema",
            "/cases/0/expect/outputs",
            6,
            "run",
        ),
        (BASE + "    expect: {outputs: {a: {}}}\n", "schema", "/cases/0/expect/outputs/a", 5, "nothing is checked"),
        (
            BASE + "    expect: {outputs: {a: {matches: '('}}}\n",
            "schema",
            "/cases/0/expect/outputs/a/matches",
            5,
            "regular",
        ),
        (
            BASE + "    expect: {outputs: {a: {schema: {type: x}}}}\n",
            "schema",
            "/cases/0/expect/outputs/a/schema",
            5,
            "'x'",
        ),
        (
            BASE + "    expect: {outputs: {a: {schema: 3}}}\n",
            "schema",
            "/cases/0/expect/outputs/a/schema",
            5,
            "found 3",
        ),
        (BASE + "    files: {../../x: a}\n", "schema", "/cases/0/files/..~1..~1x", 5, "run's folder"),
        (BASE + "    values: {b: 1}\n", "unknown_input", "/cases/0/values/b", 5, "there is none here"),
        (BASE + "    workflow: {pipeline: []}\n", "schema", "/cases/0/workflow", 5, "both"),
        (BASE + "  - {id: b}\n", "schema", "/cases/1", 5, "neither"),
        (BASE + "  - {id: b, workflow: nowhere.yaml}\n", "schema", "/cases/1/workflow", 5, "cannot be read"),
        (BASE + "  - {id: b, workflow: [1]}\n", "schema", "/cases/1/workflow", 5, "neither a file"),
    ],
)
def test_what_is_wrong_with_a_suite_is_an_issue(
    tmp_path: Path, text: str, code: str, path: str, line: int, words: str
) -> None:
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidWorkflow) as caught:
        load_suite(tmp_path / "mine.yaml")
    (issue, *_) = [each for each in caught.value.issues if each.path == path] or [caught.value.issues[0]]
    assert (issue.code, issue.path, issue.line) == (code, path, line)
    assert words in str(issue)


GOLD = BASE + "    expect:\n      gold:\n        nodes: [{id: a, type: http}, {id: b, type: llm}]\n"


@pytest.mark.parametrize(
    ("edges", "code", "path", "words"),
    [
        ("[[a, c]]", "unknown_reference", "/cases/0/expect/gold/edges/0/1", "no gold node 'c'"),
        ("[[a, b], [b, a]]", "cycle", "/cases/0/expect/gold/edges", "wait for each other"),
        ("[[a, a]]", "cycle", "/cases/0/expect/gold/edges", "wait for each other"),
    ],
)
def test_a_gold_graph_that_is_none_is_an_issue(tmp_path: Path, edges: str, code: str, path: str, words: str) -> None:
    (tmp_path / "mine.yaml").write_text(f"{GOLD}        edges: {edges}\n", encoding="utf-8")
    with pytest.raises(InvalidWorkflow) as caught:
        load_suite(tmp_path / "mine.yaml")
    (issue,) = caught.value.issues
    assert (issue.code, issue.path, issue.line) == (code, path, 8)
    assert words in str(issue)


def test_all_issues_of_a_suite_come_at_once(tmp_path: Path) -> None:
    text = BASE + "    expect: {uses: {htp: 1}, forbidden: [shel]}\n  - {id: first, workflow: nowhere.yaml}\n"
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidWorkflow) as caught:
        load_suite(tmp_path / "mine.yaml")
    assert len(caught.value.issues) == 4


def test_a_misspelt_key_hides_nothing_but_what_it_stands_for(tmp_path: Path) -> None:
    text = BASE.replace("request", "reqest") + "  - {id: b, request: Do it., expect: {uses: {htp: 1}}}\n"
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidWorkflow) as caught:
        load_suite(tmp_path / "mine.yaml")
    assert [(issue.code, issue.path) for issue in caught.value.issues] == [
        ("unknown_key", "/cases/0/reqest"),
        ("unknown_node_type", "/cases/1/expect/uses/htp"),
    ]


def test_the_issues_of_a_workflow_in_a_file_are_shown_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: mine\ncases:\n  - {id: a, workflow: w.json}\n", encoding="utf-8")
    (tmp_path / "w.json").write_text('{"pipeline": [', encoding="utf-8")
    with pytest.raises(InvalidWorkflow, match=r"^/cases/0/workflow: w.json, /pipeline/0: the document ends too early"):
        load_suite(tmp_path / "mine.yaml")
