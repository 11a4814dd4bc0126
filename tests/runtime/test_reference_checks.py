"""Is every reference legal where it stands? In both forms, at the string that holds it."""

from __future__ import annotations

import pytest

from tests.language import Document, errors, found, graph, issues, only_issue, pipeline, step


def block(*branches: Document) -> Document:
    return {"parallel": list(branches)}


def row(*entries: Document) -> Document:
    return {"pipeline": list(entries)}


def shell(name: str, command: str, **params: object) -> Document:
    return {"id": name, "type": "shell", "params": {"command": command, **params}}


# --- unknown names ---------------------------------------------------------------------------------------------------


def test_an_unknown_first_name_has_the_nearest_one_as_its_hint() -> None:
    for document, path in (
        (pipeline(step("fetch"), step("b", {"deep": ["${fetsh.result}"]})), "/pipeline/1/params/value/deep/0"),
        (graph([step("fetch"), step("b", {"deep": ["${fetsh.result}"]})], "fetch-b"), "/nodes/1/params/value/deep/0"),
    ):
        assert errors(document) == {("unknown_reference", path)}
        assert only_issue(document, "unknown_reference").hint == "did you mean 'fetch'?"


def test_every_path_of_a_reference_is_checked() -> None:
    assert len(issues(pipeline(step("a", "${x.y ?? z.y ?? 1} ${w}")))) == 3


def test_an_output_the_type_does_not_have_is_unknown_in_both_forms() -> None:
    assert errors(pipeline(step("a"), step("b", "${a.reslt}"))) == {("unknown_output", "/pipeline/1/params/value")}
    document = graph([step("a"), step("b", "x${a[0]}")], "a-b")
    assert errors(document) == {("unknown_output", "/nodes/1/params/value")}
    assert "result" in only_issue(document, "unknown_output").hint


@pytest.mark.parametrize("text", ["${a}", "${a.result.any[0].depth}", "${a.error}", "${a.error.code}"])
def test_outputs_places_inside_them_and_the_error_are_known(text: str) -> None:
    assert not issues(pipeline(step("a"), step("b", text)))


def test_aliases_are_outputs_too() -> None:
    llm = {"id": "a", "type": "llm", "params": {"prompt": "x"}}
    assert not errors(pipeline(llm, step("b", "${a.response} ${a.result}")))


def test_a_step_of_an_unknown_type_may_have_any_output() -> None:
    document = pipeline({"id": "a", "type": "nothing"}, step("b", "${a.whatever}"))
    assert errors(document) == {("unknown_node_type", "/pipeline/0/type")}


def test_outputs_of_the_workflow_are_checked_where_they_are_written() -> None:
    outputs = {
        "a": {"from": "${x.y}"},
        "b": "${x.y}",
        "c": {"source": ["${x.y}"]},
        "d/e": {"from": {"k": "${s.nope}"}},
        "f": "${s.result}",
    }
    assert errors(pipeline(step("s"), outputs=outputs)) == {
        ("unknown_reference", "/outputs/a/from"),
        ("unknown_reference", "/outputs/b"),
        ("unknown_reference", "/outputs/c/source/0"),
        ("unknown_output", "/outputs/d~1e/from/k"),
    }


def test_undo_may_refer_to_its_own_step_and_to_what_its_step_may_refer_to() -> None:
    undo = {"type": "transform", "params": {"value": "${b.result ?? a.result}"}}
    assert not issues(pipeline(step("a"), step("b", "${a.result}", undo=undo), step("c", "${b.result}")))


def test_undo_may_not_refer_to_more() -> None:
    undo = {"type": "transform", "params": {"value": ["${c.result}", "${x.y}", "${b.nope}"]}}
    assert errors(pipeline(step("a"), step("b", "${a.result}", undo=undo), step("c", "${b.result}"))) == {
        ("forward_reference", "/pipeline/1/undo/params/value/0"),
        ("unknown_reference", "/pipeline/1/undo/params/value/1"),
        ("unknown_output", "/pipeline/1/undo/params/value/2"),
    }


# --- in time ---------------------------------------------------------------------------------------------------------


def test_a_reference_to_itself_or_to_a_later_step_is_a_forward_reference() -> None:
    assert errors(pipeline(step("a", "${b.result}"), step("b", "${b.result}"))) == {
        ("forward_reference", "/pipeline/0/params/value"),
        ("forward_reference", "/pipeline/1/params/value"),
    }
    document = graph([step("a", "${c.result}"), step("b"), step("c", "${b.result} ${c.result}")], "a-b", "b-c")
    assert errors(document) == {
        ("forward_reference", "/nodes/0/params/value"),
        ("forward_reference", "/nodes/2/params/value"),
    }
    assert all(issue.hint for issue in issues(document))


def test_a_fallback_does_not_lift_a_forward_reference_without_a_loop() -> None:
    document = pipeline(step("a", "${b.result ?? 1}"), step("b", "${a.result}"))
    assert errors(document) == {("forward_reference", "/pipeline/0/params/value")}


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (pipeline(block(step("a"), step("b", "${a.result}"))), "/pipeline/0/parallel/1/params/value"),
        (pipeline(block(step("b", "${a.result}"), step("a"))), "/pipeline/0/parallel/0/params/value"),
        (
            pipeline(block(row(step("x"), step("a", "${x.result}")), block(step("b", "${a.result}"), step("c")))),
            "/pipeline/0/parallel/1/parallel/0/params/value",
        ),
        (graph([step("r"), step("a"), step("b", "${a.result}")], "r-a", "r-b"), "/nodes/2/params/value"),
        (graph([step("a"), step("b", "${a.result}")]), "/nodes/1/params/value"),
    ],
)
def test_a_reference_to_what_runs_beside_is_a_sibling_reference(document: Document, path: str) -> None:
    assert errors(document) == {("parallel_sibling_reference", path)}
    assert "behind 'a'" in only_issue(document, "parallel_sibling_reference").hint


def test_what_came_before_may_be_referred_to_across_blocks_and_joins() -> None:
    assert not errors(
        pipeline(
            step("a"),
            block(row(step("b", "${a.result}"), step("c", "${b.result}${a.result}")), step("d", "${a.result}")),
            block(step("e", "${c.result}${b.result}"), step("f", "${d.result}${a.result}")),
            step("g", "${a.result}${b.result}${c.result}${d.result}${e.result}${f.result}"),
        )
    )


def test_a_reference_names_no_step_before_it_in_time_when_only_the_text_stands_before_it() -> None:
    document = graph([step("late", "${early.result}"), step("early")], "early-late")
    assert not issues(document)


# --- routing and batches give no false issue -------------------------------------------------------------------------


def test_a_loop_may_ask_for_the_round_before() -> None:
    loop = [step("a", "${b.result ?? null}"), step("b", "${a.result}", next={"again": "a"})]
    assert not errors(pipeline(*loop))
    nodes = [step("a", "${b.result ?? null}"), step("b", "${a.result}")]
    assert not errors(graph(nodes, "a-b", "b-a:again"))


def test_without_a_fallback_even_a_loop_may_not() -> None:
    loop = [step("a", "${b.result}"), step("b", "${a.result}", next={"again": "a"})]
    assert errors(pipeline(*loop)) == {("forward_reference", "/pipeline/0/params/value")}


def test_a_step_before_the_loop_may_not_ask_for_its_rounds() -> None:
    document = pipeline(
        step("x", "${b.result ?? 1}"),
        step("a", "${x.result}"),
        step("b", "${a.result}", next={"again": "a"}),
    )
    assert errors(document) == {("forward_reference", "/pipeline/0/params/value")}


def test_arms_may_refer_to_what_led_to_them_and_the_join_to_the_arms() -> None:
    inline = [step("i", "${r.result}"), step("j", "${i.result}")]
    assert not errors(
        pipeline(
            step("r", next={"x": "arm", "y": inline, "z": None}),
            step("above", "${r.result}"),
            step("arm", "${r.result}"),
            step("join", "${arm.result ?? j.result ?? above.result}"),
        )
    )


def test_a_batch_gives_its_item_and_index_under_the_chosen_name_too() -> None:
    batch = {"items": "${a.result}", "as": "file"}
    assert not errors(pipeline(step("a"), step("b", "${item} ${index} ${file.name} ${file}", batch=batch)))
    assert not errors(pipeline(step("b", "${item}", batch={"items": [1, 2]})))


def test_outside_of_a_batch_there_is_no_item() -> None:
    document = pipeline(step("a", "${item}"), step("b", "${index} ${a.result}"))
    assert errors(document) == {
        ("unknown_reference", "/pipeline/0/params/value"),
        ("unknown_reference", "/pipeline/1/params/value"),
    }


def test_a_batch_has_the_outputs_of_a_batch_and_no_others() -> None:
    batch = step("b", "${item}", batch={"items": [1]})
    assert not errors(
        pipeline(batch, step("c", "${b.results} ${b.count} ${b.success_count} ${b.error_count} ${b.errors}"))
    )
    document = pipeline(batch, step("c", "${b.result}"))
    assert errors(document) == {("unknown_output", "/pipeline/1/params/value")}
    assert only_issue(document, "unknown_output").hint == "did you mean 'results'?"


def test_the_items_of_a_batch_are_checked_like_params() -> None:
    document = pipeline(step("a", batch={"items": ["${x.y}"]}))
    assert errors(document) == {("unknown_reference", "/pipeline/0/batch/items/0")}


@pytest.mark.parametrize("items", ["text", "${a.result} and more", "$${a.result}", 3, {"a": 1}, None])
def test_what_can_be_no_list_is_no_items(items: object) -> None:
    document = pipeline(step("a"), step("b", "${a.result}", batch={"items": items}))
    assert errors(document) == {("batch_items", "/pipeline/1/batch/items")}


# --- inputs ----------------------------------------------------------------------------------------------------------


def test_an_undeclared_input_is_undefined_at_every_string_that_names_it() -> None:
    document = pipeline(step("a", ["${workflow.urll}", "${workflow.urll}", "${workflow.url}"]), inputs={"url": {}})
    assert errors(document) == {
        ("undefined_input", "/pipeline/0/params/value/0"),
        ("undefined_input", "/pipeline/0/params/value/1"),
    }
    assert {issue.hint for issue in issues(document)} == {"did you mean 'url'?"}


def test_an_empty_inputs_key_declares_that_there_are_none() -> None:
    assert errors(graph([step("a", "${workflow.x}")], inputs={})) == {("undefined_input", "/nodes/0/params/value")}


def test_without_an_inputs_key_inputs_are_implicit() -> None:
    for document, path in (
        (pipeline(step("a", ["${workflow.x}", "${workflow.x}"])), "/pipeline/0/params/value/0"),
        (graph([step("a", ["${workflow.x}", "${workflow.x}"])]), "/nodes/0/params/value/0"),
    ):
        assert found(document) == {("implicit_input", path)}
        assert '"x": {"type": "string"}' in only_issue(document, "implicit_input").hint


def test_the_short_name_of_an_input_is_known_where_no_step_bears_it() -> None:
    assert not issues(pipeline(step("a", "${url}"), inputs={"url": {}}))
    assert not errors(pipeline(step("a", ["${workflow.url}", "${url}"])))
    assert errors(pipeline(step("a", "${url}"))) == {("unknown_reference", "/pipeline/0/params/value")}


def test_an_input_used_nowhere_is_pointed_out() -> None:
    document = pipeline(step("a", "${workflow.used}"), inputs={"used": {}, "not used": {}} | {"spare": {}})
    assert errors(document) == {("schema", "/inputs/not used")}
    document["inputs"].pop("not used")
    assert found(document) == {("unused_input", "/inputs/spare")}


@pytest.mark.parametrize(
    "document",
    [
        pipeline(step("a"), inputs={"x": {}}, outputs={"o": "${workflow.x}"}),
        pipeline(step("a", "${x}"), inputs={"x": {}}),
        pipeline(step("a", "${item}", batch={"items": "${workflow.x}"}), inputs={"x": {"type": "array"}}),
        pipeline(step("a", undo={"type": "transform", "params": {"value": "${workflow.x}"}}), inputs={"x": {}}),
    ],
)
def test_an_input_may_be_used_anywhere(document: Document) -> None:
    assert not issues(document)


def test_a_step_or_an_item_hides_the_input_of_its_name() -> None:
    assert ("unused_input", "/inputs/x") in found(pipeline(step("x"), step("b", "${x.result}"), inputs={"x": {}}))
    hidden = pipeline(step("a", "${x}", batch={"items": [1], "as": "x"}), inputs={"x": {}})
    assert found(hidden) == {("unused_input", "/inputs/x")}


# --- invalid references ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["${", "${}", "${a..b}", "x ${a b} y", "${workflow}", "${secret}", "${workflow[0]}"])
def test_what_is_no_reference_is_invalid_in_both_forms(text: str) -> None:
    assert errors(pipeline(step("s", text))) == {("invalid_reference", "/pipeline/0/params/value")}
    document = graph([step("s", text)])
    assert errors(document) == {("invalid_reference", "/nodes/0/params/value")}
    assert only_issue(document, "invalid_reference").hint


def test_a_default_of_the_shell_is_invalid_with_its_escape_as_the_hint() -> None:
    document = pipeline(shell("a", "cd ${HOME:-x}"))
    assert errors(document) == {("invalid_reference", "/pipeline/0/params/command")}
    assert "$${HOME:-x}" in only_issue(document, "invalid_reference").hint
    assert not errors(pipeline(shell("a", "cd $${HOME:-x}")))


def test_a_key_takes_no_reference() -> None:
    document = pipeline(step("a"), step("b", {"${a.result}": "${a.result}"}), outputs={"o": {"from": {"${a}": 1}}})
    assert errors(document) == {
        ("invalid_reference", "/pipeline/1/params/value/${a.result}"),
        ("invalid_reference", "/outputs/o/from/${a}"),
    }


def test_the_source_of_code_takes_no_reference_but_has_inputs() -> None:
    source = "def run(x):\n    return '${a.result}' + f'${x}'"
    code = {"id": "b", "type": "code", "params": {"source": source, "inputs": {"x": "${a.result}"}}}
    document = pipeline(step("a"), code)
    assert errors(document) == {("invalid_reference", "/pipeline/1/params/source")}
    assert "inputs" in only_issue(document, "invalid_reference").hint
    assert errors(graph([step("a"), code], "a-b")) == {("invalid_reference", "/nodes/1/params/source")}


def test_a_reference_where_a_shell_can_take_no_value_names_the_way_out() -> None:
    command = "cat <<EOF\n${a.result}\nEOF"
    document = pipeline(step("a"), shell("b", command))
    assert errors(document) == {("shell_reference_context", "/pipeline/1/params/command")}
    assert "env" in only_issue(document, "shell_reference_context").hint
    assert errors(graph([step("a"), shell("b", "echo $((${a.result}))")], "a-b")) == {
        ("shell_reference_context", "/nodes/1/params/command")
    }
    assert not errors(pipeline(step("a"), shell("b", "echo '${a.result}' # $(${a.result})")))


def test_ten_thousand_wrong_references_cost_no_more_comparisons_than_a_few() -> None:
    names = [step(f"step{at}") for at in range(1500)]
    wrong = step("wrong", [f"${{stop{at}.result}}" for at in range(10_000)])
    hints = [issue.hint for issue in issues(pipeline(*names, wrong)) if issue.code == "unknown_reference"]
    assert len(hints) == 10_000
    assert sum("did you mean" in hint for hint in hints) < 20
    assert all(hints)


# --- what an output's schema knows -----------------------------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "tags": {"type": "array", "items": {"properties": {"name": {}}}}},
}


def asked(path: str, schema: object = SCHEMA) -> Document:
    ask: Document = {"id": "a", "type": "llm", "params": {"prompt": "p", "output_schema": schema}}
    return pipeline(ask, step("b", f"${{a.{path}}}"))


@pytest.mark.parametrize("path", ["result", "result.title", "response.title", "result.tags[0].name", "usage.x"])
def test_a_path_that_the_schema_knows_is_legal(path: str) -> None:
    assert not errors(asked(path))


@pytest.mark.parametrize("path", ["result.titel", "response.titel", "result.tags[0].nam"])
def test_a_path_that_the_schema_does_not_know_is_an_unknown_output(path: str) -> None:
    issue = only_issue(asked(path), "unknown_output")
    assert issue.path == "/pipeline/1/params/value"
    assert "did you mean" in issue.hint


def test_a_schema_that_allows_more_rules_out_nothing() -> None:
    assert not errors(asked("result.more", {**SCHEMA, "additionalProperties": True}))
    assert not errors(asked("result.more.deep", {"type": "object"}))
