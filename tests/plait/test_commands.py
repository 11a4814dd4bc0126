"""The commands that answer a question: validate, graph, nodes, schema, model, doctor."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest

from planner.model_download import MODEL
from runtime.node_types import installed_types
from runtime.schema import language_schema
from tests.command_line import SHELL_ONLY, WITH_INPUTS, Call, Document, Write, pipeline, shell, value

ISSUE = {"code", "path", "message", "hint", "severity", "line"}
BUILT_IN = ["code", "http", "llm", "read_file", "shell", "transform", "wait", "write_file"]
WARNED = pipeline(value("a", "${workflow.x}"))

# --- validate


def test_many_documents_are_validated_in_one_process(call: Call, write: Write) -> None:
    write(SHELL_ONLY, "good.json")
    write("{", "bad.json")
    done = call("validate", "good.json", "bad.json", "nowhere.json", "--json")
    assert isinstance(done.json, list)
    good, bad, nowhere = (each for each in done.json if isinstance(each, dict))
    assert (done.code, good) == (2, {"file": "good.json", "valid": True, "issues": []})
    assert (bad["valid"], nowhere["valid"], nowhere["file"]) == (False, False, "nowhere.json")
    for found in (bad, nowhere):
        assert isinstance(found["issues"], list)
        assert all(isinstance(issue, dict) and set(issue) == ISSUE for issue in found["issues"])


def test_warnings_alone_are_valid(call: Call, write: Write) -> None:
    done = call("validate", write(WARNED))
    assert done.code == 0
    assert "warning: " in done.out
    assert "work.json: valid" in done.out


def test_a_document_from_standard_input_is_validated(call: Call) -> None:
    done = call("validate", "-", stdin="pipeline: []")
    assert done.code == 2
    assert done.out.startswith("<stdin>:1 /pipeline: ")


# --- graph


def test_a_graph_explains_why_its_steps_wait(call: Call, write: Write) -> None:
    document = pipeline(value("a", 1), value("b", "${a.result}"))
    told = call("graph", write(document), "--explain")
    assert (told.code, told.err) == (0, "")
    assert "b: waits for\n  a: uses ${a.result}\n" in told.out
    as_json = call("graph", write(document), "--explain", "--json").object
    assert (as_json["levels"], as_json["speedup"]) == (2, 1.0)


def test_a_graph_as_json_is_the_same_by_either_option(call: Call, write: Write) -> None:
    assert (
        call("graph", write(SHELL_ONLY), "--json").object == call("graph", write(SHELL_ONLY), "--format", "json").object
    )


@pytest.mark.parametrize(
    ("form", "begins"), [("ascii", "* "), ("mermaid", "flowchart"), ("dot", "digraph"), ("svg", "<svg")]
)
def test_a_graph_is_drawn_in_each_form(call: Call, write: Write, form: str, begins: str) -> None:
    drawn = call("graph", write(SHELL_ONLY), "--format", form)
    assert (drawn.code, drawn.err) == (0, "")
    assert drawn.out.lstrip("\n").startswith(begins)


def test_a_graph_is_json_too(call: Call, write: Write) -> None:
    drawn = call("graph", write(SHELL_ONLY), "--format", "json").object
    assert drawn["nodes"] == [{"id": each, "type": "shell"} for each in ("one", "two", "both")]
    assert drawn["edges"] == [{"from": each, "to": "both", "action": "default"} for each in ("one", "two")]
    assert set(drawn) >= {"blocks", "critical_path"}


def test_an_invalid_document_has_no_graph(call: Call, write: Write) -> None:
    drawn = call("graph", write("{"))
    assert (drawn.code, drawn.out) == (2, "")
    assert "work.json:1" in drawn.err


def test_warnings_do_not_stand_between_the_lines_of_a_graph(call: Call, write: Write) -> None:
    drawn = call("graph", write(WARNED), "--format", "json")
    assert drawn.object["nodes"]
    assert "warning: " in drawn.err


def test_an_unknown_form_names_those_there_are(call: Call, write: Write) -> None:
    drawn = call("graph", write(SHELL_ONLY), "--format", "png")
    assert drawn.code == 2
    assert "'mermaid'" in drawn.err


# --- nodes


def test_every_built_in_type_is_listed(call: Call) -> None:
    listed = call("nodes", "--json").json
    assert isinstance(listed, list)
    types = [each for each in listed if isinstance(each, dict)]
    assert {str(each["type"]) for each in types} >= set(BUILT_IN)
    assert all(each["description"] and isinstance(each["outputs"], dict) for each in types)
    assert all(name in call("nodes").out for name in BUILT_IN)


def test_a_type_says_all_of_its_params(call: Call) -> None:
    shown = call("nodes", "read-file", "--json").object
    assert shown["type"] == "read_file"
    assert isinstance(shown["params"], list)
    path, encoding = (each for each in shown["params"] if isinstance(each, dict))
    assert (path["name"], path["type"], path["required"]) == ("path", "string", True)
    assert (encoding["default"], encoding["required"]) == ("utf-8", False)
    assert "path" in call("nodes", "read_file").out


def test_an_unknown_type_is_answered_with_the_nearest(call: Call) -> None:
    done = call("nodes", "shel")
    assert (done.code, done.out) == (2, "")
    assert "did you mean 'shell'?" in done.err


# --- schema

EXAMPLE: Document = {
    "ir_version": "0.2.0",
    "name": "report",
    "inputs": {"url": {"type": "string", "description": "where the data is", "default": "https://example.com/"}},
    "outputs": {"report": {"from": "${combine.result}", "description": "the combined report"}},
    "pipeline": [
        {"id": "fetch", "type": "http", "params": {"url": "${workflow.url}"}},
        {
            "parallel": [
                {"id": "analyze", "type": "llm", "params": {"prompt": "Analyze: ${fetch.response}"}},
                {"id": "summarize", "type": "llm", "params": {"prompt": "Summarize: ${fetch.response}"}},
            ]
        },
        {"id": "combine", "type": "llm", "params": {"prompt": "Combine:\n${analyze.result}\n${summarize.result}"}},
    ],
}
WAIT: Document = {"id": "w", "type": "wait", "params": {"seconds": "${workflow.seconds}"}}


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    document = language_schema(installed_types())
    jsonschema.Draft202012Validator.check_schema(document)
    return jsonschema.Draft202012Validator(document)


@pytest.mark.parametrize(
    "document",
    [
        EXAMPLE,
        SHELL_ONLY,
        WITH_INPUTS,
        pipeline(WAIT),
        pipeline({"id": "r", "type": "read-file", "params": {"path": "x"}}, outputs={"o": "${r.content}"}),
        pipeline(value("a", 1), outputs={"o": {"source": "${a.result}"}}),
        pipeline({**value("a", 1), "batch": {"items": [1], "error_handling": "continue"}}),
        pipeline({**value("a", 1), "next": {"default": None, "error": [value("b", 2)]}}),
        {"nodes": [shell("a", "true"), shell("b", "true")], "edges": [{"from": "a", "to": "b"}]},
    ],
)
def test_the_schema_takes_every_legal_form(schema: jsonschema.Draft202012Validator, document: Document) -> None:
    assert [error.message for error in schema.iter_errors(document)] == []


@pytest.mark.parametrize(
    "document",
    [
        {},
        pipeline(),
        {**SHELL_ONLY, "nodes": []},
        {**SHELL_ONLY, "nmae": "x"},
        pipeline({"id": "a", "type": "shell", "params": {"comand": "x"}}),
        pipeline({"id": "a", "type": "read-file", "params": {}}),
        pipeline({"id": "a", "type": "read_file"}),
        pipeline({"id": "w", "type": "wait", "params": {"seconds": "soon"}}),
        pipeline({"parallel": [pipeline({"id": "1a", "type": "wait", "params": {"seconds": 1}})]}),
    ],
)
def test_the_schema_refuses_what_the_language_refuses(
    schema: jsonschema.Draft202012Validator, document: Document
) -> None:
    assert not schema.is_valid(document)


def test_the_schema_is_printed(call: Call) -> None:
    assert call("schema").object == json.loads(json.dumps(language_schema(installed_types())))


# --- model and doctor


def test_a_model_that_was_not_pulled_is_listed_with_its_mend(call: Call) -> None:
    listed = call("model", "list", "--json").json
    assert isinstance(listed, list)
    about = listed[0]
    assert isinstance(about, dict)
    assert (about["name"], about["size"], about["licence"]) == (MODEL.name, MODEL.size, "Apache-2.0")
    assert (about["present"], about["verified"]) == (False, False)
    assert "plait model pull" in call("model", "list").out


def test_a_model_that_is_not_there_is_not_served(call: Call) -> None:
    served = call("model", "serve", "local:nowhere.gguf")
    assert (served.code, served.out) == (6, "")
    assert "nowhere.gguf: the model is not there" in served.err


def test_a_pull_without_room_ends_in_a_sentence(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setenv("PLAIT_MODELS", str(tmp_path / "a file" / "models"))
    pulled = call("model", "pull")
    assert (pulled.code, pulled.out) == (6, "")
    assert "PLAIT_MODELS" in pulled.err


def test_the_doctor_names_what_is_missing_with_its_mend(call: Call) -> None:
    found = call("doctor", "--json")
    assert isinstance(found.json, list)
    by_name = {str(each["name"]): each for each in found.json if isinstance(each, dict)}
    assert found.code == 0
    assert by_name["python"]["ok"]
    assert by_name["/bin/sh"]["needed"]
    assert (by_name[MODEL.name]["ok"], by_name[MODEL.name]["mend"]) == (False, "plait model pull")
    assert f"missing  {MODEL.name}: " in call("doctor").out


def test_the_doctor_says_whether_there_is_a_sandbox(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "missing  sandbox: there is no program 'bwrap' on the path; install bubblewrap" in call("doctor").out


def test_the_doctor_never_tells_a_key(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary-value")
    monkeypatch.setenv("PLAIT_MODEL", "openai/some-model")
    examined = call("doctor")
    assert "openai/some-model (PLAIT_MODEL)" in examined.out
    assert "OPENAI_API_KEY" in examined.out
    assert "canary-value" not in examined.out + examined.err


def test_what_no_workflow_runs_without_makes_the_doctor_fail(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *place, **how: False)
    assert call("doctor").code == 6
