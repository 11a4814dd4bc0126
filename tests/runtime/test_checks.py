"""What a document means: types, params, and that all issues of the phase come together."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.checks import check, check_params, examine
from runtime.graph import Node, NodeId, build_graph
from runtime.issues import Issue, JsonValue
from runtime.node_types import node_type
from tests.language import Document, errors, found, graph, issues, only_issue, pipeline, registry, step


@node_type("typed")
def typed(
    count: int,
    ratio: float = 1.0,
    flag: bool = False,
    day: date | None = None,
    folder: Path = Path(),
    pair: tuple[int, int] = (0, 0),
    kind: Literal["a", "b"] = "a",
    names: list[str] | None = None,
) -> int:
    return count


def param_issues(**params: JsonValue) -> list[Issue]:
    return check_params(typed, params, "/params")


# --- types and params ------------------------------------------------------------------------------------------------


def test_an_unknown_type_has_the_nearest_one_as_its_hint() -> None:
    for document, path in (
        (pipeline({"id": "a", "type": "shel"}), "/pipeline/0/type"),
        (graph([step("x"), {"id": "a", "type": "shel"}]), "/nodes/1/type"),
        (pipeline(step("a", undo={"type": "shel"})), "/pipeline/0/undo/type"),
    ):
        assert errors(document) == {("unknown_node_type", path)}
        assert only_issue(document, "unknown_node_type").hint == "did you mean 'shell'?"


def test_a_missing_param_is_named_where_it_should_be() -> None:
    for document, path in (
        (pipeline({"id": "a", "type": "http"}), "/pipeline/0/params/url"),
        (graph([{"id": "a", "type": "http", "params": {}}]), "/nodes/0/params/url"),
        (pipeline(step("a", undo={"type": "write-file", "params": {"path": "x"}})), "/pipeline/0/undo/params/content"),
    ):
        assert errors(document) == {("missing_param", path)}
        assert only_issue(document, "missing_param").hint


def test_an_unknown_param_has_the_nearest_one_as_its_hint() -> None:
    bad = {"id": "a", "type": "http", "params": {"url": "http://localhost", "metod": "GET"}}
    for document, path in ((pipeline(bad), "/pipeline/0/params/metod"), (graph([bad]), "/nodes/0/params/metod")):
        assert errors(document) == {("unknown_param", path)}
        assert only_issue(document, "unknown_param").hint == "did you mean 'method'?"


@pytest.mark.parametrize(
    ("params", "path", "words"),
    [
        ({"count": "3"}, "/params/count", "a whole number"),
        ({"count": 3.5}, "/params/count", ""),
        ({"count": True}, "/params/count", "a whole number"),
        ({"count": None}, "/params/count", "a whole number"),
        ({"count": 1, "ratio": "1"}, "/params/ratio", "a number"),
        ({"count": 1, "flag": 1}, "/params/flag", "true or false"),
        ({"count": 1, "flag": "true"}, "/params/flag", "true or false"),
        ({"count": 1, "kind": "c"}, "/params/kind", "one of 'a' or 'b'"),
        ({"count": 1, "day": "someday"}, "/params/day", "a valid date"),
        ({"count": 1, "names": "x"}, "/params/names", "a list"),
        ({"count": 1, "names": ["x", 2]}, "/params/names/1", "a string"),
        ({"count": 1, "pair": [1]}, "/params/pair/1", ""),
    ],
)
def test_literals_are_judged_strictly(params: dict[str, JsonValue], path: str, words: str) -> None:
    (issue,) = param_issues(**params)
    assert issue.path == path
    assert words in str(issue)
    assert "Input should" not in str(issue)


def test_what_json_can_only_say_as_text_or_list_is_no_wrong_type() -> None:
    assert not param_issues(count=1, ratio=2, day="2024-02-29", folder="out", pair=[1, 2], names=["x"])


@pytest.mark.parametrize(
    "params",
    [
        {"count": "${a.result}"},
        {"count": "1${a.result}"},
        {"count": 1, "names": "${a.result}"},
        {"count": 1, "names": ["x", "${a.result}"]},
        {"count": 1, "pair": ["${a.result}", 2]},
        {"count": 1, "day": "2024-${a.result}"},
    ],
)
def test_what_a_reference_will_bring_is_not_judged(params: dict[str, JsonValue]) -> None:
    assert not param_issues(**params)


def test_all_params_are_judged_not_only_the_first() -> None:
    assert {(issue.code, issue.path) for issue in param_issues(flag=3, names=[1, "x", None], cout=1)} == {
        ("missing_param", "/params/count"),
        ("param_type", "/params/flag"),
        ("param_type", "/params/names/0"),
        ("param_type", "/params/names/2"),
        ("unknown_param", "/params/cout"),
    }


def test_a_type_may_have_checks_of_its_own() -> None:
    nothing = pipeline({"id": "a", "type": "shell", "params": {}})
    assert errors(nothing) == {("missing_param", "/pipeline/0/params/command")}
    both = pipeline({"id": "a", "type": "shell", "params": {"command": "x", "argv": ["x"]}})
    assert errors(both) == {("param_type", "/pipeline/0/params/argv")}


def test_a_pool_must_be_named_in_the_settings() -> None:
    assert errors(pipeline(step("a", pool="gpu"))) == {("schema", "/pipeline/0/pool")}
    assert not errors(pipeline(step("a", pool="gpu"), settings={"pools": {"gpu": 1}}))


@pytest.mark.parametrize(
    ("spec", "wrong"),
    [
        ({"type": "integer", "default": "3"}, True),
        ({"type": "integer", "default": 3.0}, False),
        ({"type": "boolean", "default": 0}, True),
        ({"type": "string", "enum": ["a"], "default": "b"}, True),
        ({"type": "string", "enum": ["a"], "default": "a"}, False),
        ({"type": "string", "default": None}, False),
    ],
)
def test_a_default_must_be_a_value_that_the_input_could_be_given(spec: Document, wrong: bool) -> None:
    document = pipeline(step("a", "${x}"), inputs={"x": spec})
    assert errors(document) == ({("schema", "/inputs/x/default")} if wrong else set())


# --- phases ----------------------------------------------------------------------------------------------------------


def test_all_issues_of_the_phase_are_reported_together() -> None:
    document = pipeline(
        {"id": "a", "type": "shel"},
        {"id": "a", "type": "http", "params": {"metod": "GET"}, "prupose": ""},
        {"parallel": [step("item", "${workflow.x}"), step("c", "${item.result} ${d.result} ${nobody} ${")]},
        step("d", "${c.reslt}", next={"x": "nowhere"}),
        inputs={"y": {}},
    )
    assert found(document) == {
        ("unknown_key", "/pipeline/1/prupose"),
        ("duplicate_id", "/pipeline/1/id"),
        ("unknown_next_target", "/pipeline/3/next/x"),
        ("reserved_id", "/pipeline/2/parallel/0/id"),
        ("unknown_node_type", "/pipeline/0/type"),
        ("missing_param", "/pipeline/1/params/url"),
        ("unknown_param", "/pipeline/1/params/metod"),
        ("invalid_reference", "/pipeline/2/parallel/1/params/value"),
        ("unknown_reference", "/pipeline/2/parallel/1/params/value"),
        ("unknown_output", "/pipeline/3/params/value"),
        ("parallel_sibling_reference", "/pipeline/2/parallel/1/params/value"),
        ("forward_reference", "/pipeline/2/parallel/1/params/value"),
        ("undefined_input", "/pipeline/2/parallel/0/params/value"),
        ("unused_input", "/inputs/y"),
    }
    assert all(issue.message and issue.hint for issue in issues(document))


def test_a_document_is_valid_with_warnings_alone() -> None:
    warned = examine(pipeline(step("a", "${workflow.x}"), step("b")), registry())
    assert {issue.severity for issue in warned.issues} == {"warning"}
    assert warned.valid
    assert not examine(pipeline(step("a", "${x}")), registry()).valid
    assert not examine({}, registry()).valid


def test_a_graph_made_in_python_is_checked_the_same_way() -> None:
    nodes = [Node(NodeId("a"), "transform", {"value": "${b.result}"}), Node(NodeId("b"), "nothing")]
    codes = {issue.code for issue in check(build_graph(nodes, [("a", "b")]), registry())}
    assert codes == {"unknown_node_type", "forward_reference"}
    assert [issue.code for issue in check(build_graph(nodes[1:], [("b", "b")]), registry())][:1] == ["cycle"]


# --- properties ------------------------------------------------------------------------------------------------------

names = st.sampled_from(["a", "b", "c", "item", "k"])
texts = st.sampled_from(["x", "${a.result}", "${b.result ?? 1}", "${c.nope}", "${item}", "${workflow.x}", "${", "$${"])
targets = st.none() | names
steps = st.builds(
    step,
    names,
    texts | st.lists(texts, max_size=2) | st.integers(),
    next=st.dictionaries(st.sampled_from(["x", "error", "default"]), targets, max_size=2),
)
entries = st.recursive(
    steps,
    lambda inner: st.builds(
        lambda branches, name: {"parallel": branches} | name,
        st.lists(inner | st.builds(lambda row: {"pipeline": row}, st.lists(steps, min_size=1, max_size=3)), max_size=3),
        st.just({}) | st.just({"id": "k", "on_error": "continue"}),
    ),
    max_leaves=6,
)


def _at(document: JsonValue, path: str) -> bool:
    """Whether a pointer leads into the document, or to where its last part is missing."""
    value = document
    parts = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    for at, part in enumerate(parts):
        if isinstance(value, list) and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            return at == len(parts) - 1
    return True


@given(st.lists(entries, min_size=1, max_size=5))
def test_every_issue_of_any_pipeline_points_into_the_document(entries: list[Document]) -> None:
    document = pipeline(*entries)
    for issue in issues(document):
        assert _at(document, issue.path), issue
        assert issue.message
        assert issue.hint
    json.dumps([issue.to_json() for issue in issues(document)])


@given(
    st.lists(names, min_size=1, max_size=5, unique=True),
    st.lists(st.tuples(names, names, st.sampled_from(["default", "x"])), max_size=8),
    texts,
)
def test_every_issue_of_any_graph_points_into_the_document(
    ids: list[str], edges: list[tuple[str, str, str]], text: str
) -> None:
    document = graph([step(name, text) for name in ids], *(f"{one}-{other}:{action}" for one, other, action in edges))
    for issue in issues(document):
        assert _at(document, issue.path), issue
        assert issue.hint


def test_a_value_built_in_python_may_be_no_deeper_than_a_document() -> None:
    block: Document = step("a")
    for _ in range(1_000):
        block = {"parallel": [block]}
    value: object = 1
    for _ in range(5_000):
        value = [value]
    for document in (pipeline(block), pipeline(step("a", value))):
        assert errors(document) == {("document_limits", "")}


@pytest.mark.parametrize("kind", ["approve", "mcp", "workflow"])
def test_a_type_of_the_language_that_is_not_there_yet_is_no_unknown_one(kind: str) -> None:
    issue = only_issue(pipeline({"id": "a", "type": kind}, step("b")), "not_yet_supported")
    assert (issue.path, issue.severity) == ("/pipeline/0/type", "error")
    assert issue.hint


def test_an_undo_of_a_type_that_is_not_there_yet() -> None:
    assert errors(pipeline(step("a", undo={"type": "mcp"}))) == {("not_yet_supported", "/pipeline/0/undo/type")}


def test_the_pool_of_an_undo_must_be_there_too() -> None:
    undo = {"type": "transform", "params": {"value": 1}, "pool": "nowhere"}
    assert errors(pipeline(step("a", undo=undo))) == {("schema", "/pipeline/0/undo/pool")}
