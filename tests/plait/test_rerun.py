"""`--only`, `--from`, `--use`, `--mock`: what is run, what is given, and what cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runtime.issues import JsonValue
from tests.command_line import Call, Document, Write, pipeline, shell, value


def counted(name: str, then: str = "true") -> Document:
    """A step that leaves a mark each time it runs."""
    return shell(name, f"echo {name} >> ran; echo {name}; {then}")


STEPS = pipeline(
    counted("a"),
    {"parallel": [counted("b"), counted("c", "test -e fixed")], "on_error": "continue"},
    shell("d", 'echo d >> ran; echo ${a.stdout}${b.stdout}${c.stdout ?? "none"}'),
)


@pytest.fixture
def first(call: Call, write: Write) -> Document:
    """A run of all steps, of which `c` failed."""
    ran = call("run", write(STEPS), "--yes", "--json")
    assert ran.code == 3
    forget()
    return ran.object


def forget() -> None:
    Path("ran").write_text("")


def ran() -> list[str]:
    return Path("ran").read_text().split()


def test_from_a_step_on_the_rest_is_given(call: Call, first: Document) -> None:
    Path("fixed").touch()
    again = call("run", "work.json", "--yes", "--from", "c", "--use", "last")
    assert (again.code, again.out) == (0, "a\nb\nc\n\n")
    assert sorted(ran()) == ["c", "d"]
    assert "given, not run: a, b\n" in again.err


def test_a_run_is_used_by_its_id_and_the_new_one_can_be_used_in_turn(call: Call, first: Document) -> None:
    assert call("run", "work.json", "--yes", "--from", "c", "--use", str(first["run_id"])).code == 3
    assert call("run", "work.json", "--yes", "--from", "c", "--use", "last").code == 3
    assert sorted(ran()) == ["c", "c", "d", "d"]


def test_an_input_that_was_too_large_to_keep_must_be_given_again(
    call: Call, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = pipeline(value("a", "${workflow.text}"), value("b", "${a.result}"), inputs={"text": {}})
    monkeypatch.setenv("PLAIT_LIMITS", "kept_run_bytes=100")
    assert call("run", write(document), "--input", f"text={'x' * 200}").code == 0
    refused = call("run", "work.json", "--from", "a", "--use", "last", "--json")
    assert (refused.code, refused.codes) == (2, ["missing_input"])
    assert call("run", "work.json", "--from", "a", "--use", "last", "--input", "text=short").out == "short\n"


def test_what_did_not_succeed_there_is_named_with_the_mend(call: Call, first: Document) -> None:
    refused = call("run", "work.json", "--yes", "--from", "b", "--use", "last", "--json")
    assert (refused.code, refused.codes, ran()) == (2, ["missing_input"], [])
    told = call("run", "work.json", "--yes", "--from", "b", "--use", "last").err
    assert "work.json /pipeline/1/parallel/1: run-" in told
    assert "gives no outputs of 'c', which is failed there" in told
    assert "--mock c=JSON or --from c" in told


def test_several_steps_may_be_run_again(call: Call, first: Document) -> None:
    call("run", "work.json", "--yes", "--from", "b", "--from", "c", "--use", "last")
    assert sorted(ran()) == ["b", "c", "d"]


def test_without_a_run_to_use_everything_before_is_missing(call: Call, write: Write) -> None:
    refused = call("run", write(STEPS), "--yes", "--from", "d", "--json")
    assert refused.codes == ["missing_input"] * 3


def test_a_step_of_another_type_now_is_not_given(call: Call, write: Write, first: Document) -> None:
    changed = pipeline(value("a", 1), value("b", "${a.result}"))
    refused = call("run", write(changed), "--from", "b", "--use", "last")
    assert refused.code == 2
    assert "of the type 'shell' there" in refused.err


def test_a_router_that_is_given_takes_the_way_it_took(call: Call, write: Write) -> None:
    route: Document = {
        "id": "route",
        "type": "code",
        "params": {"source": "def run(): return {'action': 'right', 'result': 7}"},
        "next": {"left": "on_left", "right": "on_right"},
    }
    document = pipeline(route, counted("on_left"), counted("on_right"), counted("end"))
    call("run", write(document), "--yes")
    forget()
    again = call("run", "work.json", "--yes", "--from", "end", "--use", "last", "--json")
    assert (again.code, ran()) == (0, ["end"])
    nodes = again.object["nodes"]
    assert isinstance(nodes, dict)
    assert [(name, node["status"]) for name, node in nodes.items() if isinstance(node, dict)] == [
        ("route", "succeeded"),
        ("on_left", "skipped"),
        ("on_right", "succeeded"),
        ("end", "succeeded"),
    ]


# --- one step


def test_one_step_runs_on_what_a_run_gives(call: Call, first: Document) -> None:
    alone = call("run", "work.json", "--yes", "--only", "d", "--use", "last", "--json")
    nodes = alone.object["nodes"]
    assert isinstance(nodes, dict)
    assert (alone.code, ran(), list(nodes)) == (0, ["d"], ["a", "b", "d"])
    assert alone.object["outputs"] == {"d": {"stdout": "a\nb\nnone\n", "stderr": "", "exit_code": 0}}


def test_one_step_that_refers_to_nothing_needs_nothing(call: Call, write: Write) -> None:
    Path("ran").touch()
    assert call("run", write(STEPS), "--yes", "--only", "b").out == "b\n"
    assert ran() == ["b"]


def test_what_one_step_refers_to_must_be_given(call: Call, write: Write) -> None:
    refused = call("run", write(STEPS), "--yes", "--only", "d")
    assert refused.code == 2
    assert "no outputs of 'a' are given, and 'd' refers to it; add --use RUN, --mock a=JSON" in refused.err
    assert "'b'" in refused.err
    assert "'c'" not in refused.err


def test_the_last_run_to_use_is_one_of_all_steps_of_this_workflow(call: Call, write: Write, first: Document) -> None:
    call("run", "work.json", "--yes", "--only", "b")
    call("run", write(pipeline(value("a", 1)), "other.json"))
    assert call("run", "work.json", "--yes", "--only", "d", "--use", "last").code == 0


def test_one_step_needs_the_grants_of_that_step_alone(call: Call, write: Write) -> None:
    document = pipeline(shell("a", "touch never"), value("b", "${a.stdout}"))
    alone = call("run", write(document), "--only", "b", "--mock", 'a={"stdout": "said"}')
    assert (alone.code, alone.out) == (0, "said\n")


def test_the_inputs_of_the_run_are_used_where_none_are_given(call: Call, write: Write) -> None:
    document = pipeline(value("a", "${x}"), value("b", "${a.result} ${y}"), inputs={"x": {}, "y": {}})
    call("run", write(document), "--input", "x=1", "--input", "y=2")
    assert call("run", "work.json", "--from", "b", "--use", "last").out == "1 2\n"
    assert call("run", "work.json", "--only", "b", "--use", "last", "--input", "y=3").out == "1 3\n"


# --- outputs from the line


def test_a_mocked_step_is_not_run(call: Call, write: Write) -> None:
    Path("ran").touch()
    mocked = call("run", write(STEPS), "--yes", "--mock", 'a={"stdout": "A"}', "--mock", 'c={"stdout": "C"}')
    assert (mocked.code, mocked.out) == (0, "Ab\nC\n")
    assert sorted(ran()) == ["b", "d"]


def test_a_mock_may_be_a_file(call: Call, write: Write) -> None:
    write({"result": "from a file"}, "outputs.json")
    document = pipeline(value("a", 1), value("b", "${a.result}"))
    assert call("run", write(document), "--mock", "a=@outputs.json").out == "from a file\n"


def test_a_mock_wins_over_the_run_that_is_used(call: Call, first: Document) -> None:
    alone = call("run", "work.json", "--yes", "--only", "d", "--use", "last", "--mock", 'a={"stdout": "mine "}')
    assert alone.out == "mine b\nnone\n"


def test_a_dry_run_knows_what_is_given(call: Call, write: Write) -> None:
    document = pipeline(shell("a", "true"), value("b", "${a.stdout}"))
    shown = call("run", write(document), "--dry-run", "--json", "--mock", "a={}").object
    assert shown["capabilities"] == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--mock", "aa={}"], "outputs are given for 'aa', and there is no such step; did you mean 'a'?"),
        (["--mock", 'a={"stout": 1}'], "'a' has no output 'stout'; did you mean 'stdout'?"),
        (["--mock", "a=[]"], "the outputs of 'a' are one JSON object; found '[]'"),
        (["--mock", "a=text"], "the outputs of 'a' are one JSON object; found 'text'"),
        (["--mock", "a"], "write NAME=VALUE"),
        (["--mock", "a=@nowhere"], "nowhere: no such file or directory"),
        (["--only", "e"], "there is no step 'e' to run"),
        (["--from", "e"], "there is no step 'e' to run"),
        (["--only", "a", "--from", "b"], "either --only or --from"),
        (["--use", "last"], "add one"),
        (["--only", "d", "--use", "run-nope"], "there is no run 'run-nope'; none has been kept yet"),
        (["--only", "d", "--use", "last"], "there is no run 'last'; none has been kept yet"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(
    call: Call, write: Write, options: list[str], told: str
) -> None:
    refused = call("run", write(STEPS), "--yes", *options)
    assert (refused.code, refused.out) == (2, "")
    assert told in refused.err
    assert not Path("ran").exists()


def test_all_that_is_missing_is_said_at_once(call: Call, write: Write) -> None:
    refused = call("run", write(STEPS), "--only", "x", "--mock", "y={}", "--json")
    messages: JsonValue = refused.object["issues"]
    assert "'x'" in json.dumps(messages)
    assert "'y'" in json.dumps(messages)
