"""Phase 2: the value has the shape of a workflow, or every place where it has not is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.issues import InvalidWorkflow, JsonValue
from runtime.shape import load_workflow, shape
from runtime.workflow import GraphWorkflow, PipelineWorkflow
from tests.language import Document, errors, fixture, found, graph, issues, only_issue, pipeline, step


def nested(levels: int) -> Document:
    entry = step("a")
    for _ in range(levels):
        entry = {"parallel": [entry]}
    return entry


def test_the_form_is_known_by_its_key() -> None:
    assert isinstance(load_workflow(fixture("report_pipeline")), PipelineWorkflow)
    assert isinstance(load_workflow(fixture("report_graph")), GraphWorkflow)


def test_without_a_version_the_form_decides() -> None:
    assert load_workflow(pipeline(step("a"))).ir_version == "0.2.0"
    assert load_workflow(graph([step("a")])).ir_version == "0.1.0"


@pytest.mark.parametrize(
    "document",
    [
        {**pipeline(step("a")), "ir_version": "0.1.0"},
        {**graph([step("a")]), "ir_version": "0.2.0"},
        {**pipeline(step("a")), "ir_version": "9"},
        {**pipeline(step("a")), "ir_version": 0.2},
    ],
)
def test_a_version_that_does_not_fit_the_form_is_a_schema_issue(document: Document) -> None:
    assert errors(document) == {("schema", "/ir_version")}
    assert "0." in only_issue(document, "schema").hint


@pytest.mark.parametrize("value", [None, 3, "text", [], [step("a")]])
def test_a_workflow_is_an_object(value: JsonValue) -> None:
    (issue,) = shape(value).issues
    assert (issue.code, issue.path) == ("schema", "")
    assert "pipeline" in issue.hint


def test_one_of_the_two_forms_must_be_there() -> None:
    assert errors({"name": "x"}) == {("schema", "/pipeline")}
    assert errors({"edges": []}) == {("schema", "/nodes")}
    assert all('"pipeline"' in issue.hint and '"nodes"' in issue.hint for issue in issues({}) + issues({"edges": []}))


def test_a_misspelt_form_is_missing_and_its_key_has_a_hint() -> None:
    document = {"pipline": [step("a")], "name": 3}
    assert errors(document) == {("schema", "/pipeline"), ("unknown_key", "/pipline"), ("schema", "/name")}
    assert only_issue(document, "unknown_key").hint == "did you mean 'pipeline'?"


def test_only_one_of_the_two_forms_may_be_there() -> None:
    both = {**pipeline({**step("a"), "id": 1}), **graph([step("a")])}
    assert errors(both) == {("schema", "/nodes"), ("schema", "/pipeline/0/id")}


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ({"type": "transform"}, "/id"),
        ({"id": "a"}, "/type"),
        ({"id": "1a", "type": "t"}, "/id"),
        ({"id": "a b", "type": "t"}, "/id"),
        ({"id": "a\n", "type": "t"}, "/id"),
        ({"id": "a", "type": "t!"}, "/type"),
        ({**step("a"), "params": []}, "/params"),
        ({**step("a"), "timeout": 0}, "/timeout"),
        ({**step("a"), "timeout": True}, "/timeout"),
        ({**step("a"), "timeout": "5"}, "/timeout"),
        ({**step("a"), "idempotent": 1}, "/idempotent"),
        ({**step("a"), "retry": {"max_attempts": 0}}, "/retry/max_attempts"),
        ({**step("a"), "retry": {"backoff": 0.5}}, "/retry/backoff"),
        ({**step("a"), "batch": {"items": [], "on_error": "rollback"}}, "/batch/on_error"),
        ({**step("a"), "batch": {"items": [], "error_handling": "stop"}}, "/batch/error_handling"),
        ({**step("a"), "batch": {}}, "/batch/items"),
        ({**step("a"), "undo": {}}, "/undo/type"),
    ],
)
def test_a_step_of_the_wrong_shape_is_named_at_its_place_in_both_forms(entry: Document, path: str) -> None:
    assert errors(pipeline(entry)) == {("schema", f"/pipeline/0{path}")}
    assert errors(graph([entry])) == {("schema", f"/nodes/0{path}")}
    assert all(issue.hint for issue in issues(pipeline(entry)))


@pytest.mark.parametrize(
    ("target", "path"),
    [(3, ""), ({}, ""), ([], ""), ([{"id": "b"}], "/0/type"), ([{"pipeline": []}], "/0")],
)
def test_what_next_leads_to_is_an_id_a_list_of_steps_or_null(target: JsonValue, path: str) -> None:
    assert errors(pipeline(step("a", next={"x": target}))) == {("schema", f"/pipeline/0/next/x{path}")}


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"settings": {"max_concurrent": 0}}, "/settings/max_concurrent"),
        ({"settings": {"on_error": "ignore"}}, "/settings/on_error"),
        ({"settings": {"pools": {"gpu": 0}}}, "/settings/pools/gpu"),
        ({"inputs": []}, "/inputs"),
        ({"inputs": {"x y": {}}}, "/inputs/x y"),
        ({"inputs": {"x": {"type": "text"}}}, "/inputs/x/type"),
        ({"outputs": {"x": {}}}, "/outputs/x/from"),
        ({"outputs": {"x": 3}}, "/outputs/x"),
        ({"name": None}, "/name"),
    ],
)
def test_the_common_keys_are_checked_in_both_forms(more: Document, path: str) -> None:
    assert errors(pipeline(step("a"), **more)) == {("schema", path)}
    assert errors(graph([step("a")], **more)) == {("schema", path)}


def test_messages_say_what_was_found_and_what_would_be_right() -> None:
    (issue,) = issues(pipeline(step("a", settings=1), settings={"on_error": "ignore"}, name=3))[:1]
    assert (issue.message, issue.hint) == ("found 3", "must be a string")
    hints = {issue.path: str(issue) for issue in issues(pipeline(step("a"), settings={"on_error": "ignore"}))}
    assert "found 'ignore'; must be one of 'fail_fast', 'continue' or 'rollback'" in hints["/settings/on_error"]


def test_a_sequence_stands_only_in_a_branch() -> None:
    document = pipeline({"pipeline": [step("a")]})
    assert errors(document) == {("schema", "/pipeline/0")}
    assert "branch" in only_issue(document, "schema").message


def test_all_issues_of_the_phase_are_reported() -> None:
    document = pipeline({"id": 1}, {"parallel": []}, nested(17), extra=1, settings={"timeout": -1})
    assert {code for code, _ in errors(document)} == {"schema", "empty_block", "nesting_limit", "unknown_key"}
    assert {("schema", "/pipeline/0/id"), ("schema", "/pipeline/0/type"), ("schema", "/settings/timeout")} < errors(
        document
    )


# --- unknown keys ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "path", "meant"),
    [
        (pipeline(step("a"), output={}), "/output", "outputs"),
        (pipeline(step("a", prams={})), "/pipeline/0/prams", "params"),
        (pipeline({"parallel": [step("a")], "on_eror": "continue"}), "/pipeline/0/on_eror", "on_error"),
        (pipeline({"parallel": [step("a", tpye="x")]}), "/pipeline/0/parallel/0/tpye", "type"),
        (pipeline({"parallel": [{"pipeline": [step("a", nxt={})]}]}), "/pipeline/0/parallel/0/pipeline/0/nxt", "next"),
        (pipeline(step("a", next={"x": [step("b", idd=1)]})), "/pipeline/0/next/x/0/idd", "id"),
        (pipeline(step("a", retry={"attempts": 1})), "/pipeline/0/retry/attempts", "max_attempts"),
        (pipeline(step("a", batch={"items": [], "item": 1})), "/pipeline/0/batch/item", "items"),
        (pipeline(step("a"), inputs={"x": {"typ": "string"}}), "/inputs/x/typ", "type"),
        (pipeline(step("a"), outputs={"x": {"from": 1, "descripton": ""}}), "/outputs/x/descripton", "description"),
        (pipeline(step("a"), settings={"time_out": 1}), "/settings/time_out", "timeout"),
        (graph([step("a", purpos="x")]), "/nodes/0/purpos", "purpose"),
        (graph([step("a")], start="a"), "/start", "start_node"),
        (graph([step("a")], blocks=[{"id": "b", "nodes": ["a"], "max": 1}]), "/blocks/0/max", "max_concurrent"),
    ],
)
def test_an_unknown_key_has_the_nearest_known_key_as_its_hint(document: Document, path: str, meant: str) -> None:
    issue = only_issue(document, "unknown_key")
    assert issue.path == path
    assert meant in issue.hint


def test_the_names_of_the_code_are_no_keys_of_the_language() -> None:
    document = graph([step("a"), step("b")]) | {"edges": [{"from_": "a", "to": "b"}]}
    assert ("unknown_key", "/edges/0/from_") in found(document)
    assert ("unknown_key", "/pipeline/0/batch/as_") in found(pipeline(step("a", batch={"items": [], "as_": "x"})))


def test_of_a_key_and_its_second_name_only_one_may_stand() -> None:
    document = pipeline(step("a"), outputs={"x": {"from": 1, "source": 2}})
    assert errors(document) == {("unknown_key", "/outputs/x/source")}


def test_an_unknown_key_does_not_hide_what_the_rest_means() -> None:
    document = pipeline(step("a", "${nobody.x}", prams={}), step("b"))
    assert errors(document) == {("unknown_key", "/pipeline/0/prams"), ("unknown_reference", "/pipeline/0/params/value")}
    assert ("missed_parallelism", "/pipeline/1") in found(pipeline(step("a", prams={}), step("b")))


def test_any_other_issue_of_shape_hides_the_later_phase() -> None:
    assert errors(pipeline(step("a", "${nobody.x}"), {"parallel": []})) == {("empty_block", "/pipeline/1/parallel")}


def test_undo_is_a_step_without_the_rest() -> None:
    for key, value in (("id", "u"), ("next", {}), ("batch", {"items": []}), ("retry", {}), ("undo", {"type": "t"})):
        document = pipeline(step("a", undo={"type": "transform", "params": {"value": 1}, key: value}))
        assert errors(document) == {("unknown_key", f"/pipeline/0/undo/{key}")}


# --- blocks ----------------------------------------------------------------------------------------------------------


def test_a_block_without_branches_is_empty_in_both_forms() -> None:
    assert errors(pipeline(step("a"), {"parallel": []})) == {("empty_block", "/pipeline/1/parallel")}
    assert errors(graph([step("a")], blocks=[{"id": "b", "nodes": []}])) == {("empty_block", "/blocks/0/nodes")}


def test_an_empty_branch_or_pipeline_is_a_schema_issue() -> None:
    assert errors(pipeline({"parallel": [{"pipeline": []}]})) == {("schema", "/pipeline/0/parallel/0/pipeline")}
    assert errors({"pipeline": []}) == {("schema", "/pipeline")}
    assert errors({"nodes": []}) == {("schema", "/nodes")}


def test_sixteen_levels_of_blocks_are_legal_and_seventeen_are_not() -> None:
    assert not errors(pipeline(nested(16)))
    assert errors(pipeline(nested(17))) == {("nesting_limit", "/pipeline/0" + "/parallel/0" * 16)}


def test_sequences_and_inline_pipelines_do_not_reset_the_level() -> None:
    inner = pipeline({"parallel": [{"pipeline": [nested(16)]}]})
    routed = pipeline({"parallel": [step("b", next={"x": [nested(16)]})]})
    assert {code for code, _ in errors(inner)} == {code for code, _ in errors(routed)} == {"nesting_limit"}
    assert only_issue(routed, "nesting_limit").path.startswith("/pipeline/0/parallel/0/next/x/0")


def test_the_graph_form_has_the_same_limit() -> None:
    nodes = [step(f"s{at}", f"${{s{at - 1}.result}}" if at else 1) for at in range(17)]
    edges = [f"s{at}-s{at + 1}" for at in range(16)]
    blocks = [{"id": f"b{at}", "nodes": [f"s{each}" for each in range(at, 17)]} for at in range(17)]
    assert not errors(graph(nodes, *edges, blocks=blocks[:16]))
    assert errors(graph(nodes, *edges, blocks=blocks)) == {("nesting_limit", "/blocks/16")}


# --- second ways to say a thing --------------------------------------------------------------------------------------


def test_an_output_may_be_a_bare_string_or_say_source() -> None:
    outputs = {"a": "${x}", "b": {"source": 1, "description": "d"}, "c": {"from": None}}
    workflow = load_workflow(pipeline(step("x"), outputs=outputs))
    assert workflow.outputs is not None
    assert {name: spec.from_ for name, spec in workflow.outputs.items()} == {"a": "${x}", "b": 1, "c": None}


def test_error_handling_is_on_error_of_a_batch() -> None:
    workflow = load_workflow(graph([step("x", batch={"items": [], "error_handling": "continue"})]))
    assert isinstance(workflow, GraphWorkflow)
    assert workflow.nodes[0].batch is not None
    assert workflow.nodes[0].batch.on_error == "continue"


def test_loading_raises_with_every_issue() -> None:
    with pytest.raises(InvalidWorkflow) as caught:
        load_workflow({"pipeline": [{}], "x": 1})
    assert {issue.path for issue in caught.value.issues} == {"/pipeline/0/id", "/pipeline/0/type", "/x"}


keys = st.sampled_from(
    ["pipeline", "nodes", "edges", "parallel", "id", "type", "params", "next", "batch", "inputs", "x"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["a", "transform", "${a}", "${"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(keys, values, max_size=4) | values)
def test_any_value_gives_a_workflow_or_issues_with_words_of_our_own(value: JsonValue) -> None:
    shaped = shape(value)
    assert (shaped.workflow is None) <= bool(shaped.issues)
    for issue in issues(value):
        assert issue.message
        assert issue.hint
        assert "Input should" not in str(issue)
        assert "pydantic" not in str(issue)
