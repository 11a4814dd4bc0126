"""`plait plan`: attempts told as they happen, the workflow as data, and on to its run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from plait.wiring import answering
from runtime.completion import Completion, ModelUnreachable, ScriptedClient, Usage
from tests.command_line import SHELL_ONLY, Call, Called, Write, pipeline, shell, value

GOOD = json.dumps(SHELL_ONLY)
WRONG = json.dumps(pipeline(shell("a", "echo ${b.stdout}")))
HARMLESS = json.dumps(pipeline(value("a", "done")))
KEYS = {"accepted", "workflow", "attempts", "usage", "cost_usd", "model"}


def planned(call: Call, answers: list[str | Completion | ModelUnreachable], *options: str, stdin: str = "") -> Called:
    with answering(ScriptedClient(answers)):
        request = [] if stdin else ["print one and two"]
        return call("plan", *request, *options, stdin=stdin)


def test_the_accepted_workflow_is_data_and_the_rest_is_told(call: Call) -> None:
    done = planned(call, [GOOD])
    assert done.code == 0
    assert json.loads(done.out)["pipeline"] == SHELL_ONLY["pipeline"]
    assert "attempt 1: accepted; " in done.err
    assert "* both    shell\n" in done.err


def test_a_program_that_this_machine_does_not_have_is_pointed_out(call: Call) -> None:
    steps = [
        *(shell("lamp", "turn_on_lamp kitchen"), shell("list", "ls -l"), shell("go", "cd /tmp && turn_on_lamp")),
        *(shell("by path", "./turn_on_lamp"), shell("set", "A=1 turn_on_lamp"), value("say", "turn_on_lamp")),
    ]
    for at, step in enumerate(steps):
        step["id"] = f"s{at}"
    done = planned(call, [json.dumps(pipeline(*steps))])
    assert done.code == 0
    told = "warning: 's0' runs 'turn_on_lamp', and this machine has no program of that name; see if there is one"
    assert [line for line in done.err.splitlines() if line.startswith("warning: ")] == [told]


def test_each_attempt_is_told_with_its_issues(call: Call) -> None:
    done = planned(call, [WRONG, GOOD])
    assert done.code == 0
    assert "attempt 1: not accepted" in done.err
    assert "/pipeline/0/params/command: " in done.err.partition("attempt 2, fresh: accepted")[0]


def test_json_has_the_keys_of_the_contract(call: Call) -> None:
    answer = Completion(GOOD, "scripted", Usage(10, 5, 2), 0.5, seconds=1.5)
    done = planned(call, [answer], "--json")
    told = done.object
    assert (done.code, done.err) == (0, "")
    assert set(told) >= KEYS
    assert (told["accepted"], told["cost_usd"], told["model"]) == (True, 0.5, "scripted")
    assert told["usage"] == {"prompt_tokens": 10, "completion_tokens": 5, "cached_tokens": 2}
    assert isinstance(told["attempts"], list)
    assert all(
        isinstance(each, dict) and {"issues", "usage", "cost_usd", "seconds"} <= set(each) for each in told["attempts"]
    )


def test_json_says_how_each_answer_was_asked_for(call: Call) -> None:
    attempts = planned(call, [WRONG, WRONG, GOOD], "--json").object["attempts"]
    assert isinstance(attempts, list)
    asked = [each["strategy"] for each in attempts if isinstance(each, dict)]
    assert asked == [None, "fresh", "conversation"]


def test_an_accepted_workflow_is_explained_where_that_is_asked_for(call: Call) -> None:
    answer = json.dumps(pipeline(value("a", 1), value("b", "${a.result}"), value("c", 2)))
    told = planned(call, [answer], "--explain")
    assert "  mended: 'c' no longer waits for 'b': it uses nothing of it\n" in told.err
    assert "b: waits for\n  a: uses ${a.result}\nc: starts at once\n" in told.err
    explained = planned(call, [answer], "--explain", "--json").object["explanation"]
    assert isinstance(explained, dict)
    assert (explained["levels"], explained["speedup"]) == (2, 1.5)


def test_what_is_not_accepted_shows_the_best_candidate_and_what_is_wrong_with_it(call: Call) -> None:
    done = planned(call, [WRONG] * 4)
    assert done.code == 5
    assert json.loads(done.out)["pipeline"][0]["id"] == "a"
    assert "no workflow was accepted" in done.err
    assert "/pipeline/0/params/command" in done.err


@pytest.mark.parametrize("answer", ["I would rather not.", "", '{"pipeline": [', "```json\n{}\n```"])
def test_an_answer_that_is_no_workflow_ends_in_a_clear_refusal(call: Call, answer: str) -> None:
    done = planned(call, [answer] * 4)
    assert done.code == 5
    assert "What is wrong with it:" in done.err


def test_what_is_not_accepted_is_json_too(call: Call) -> None:
    done = planned(call, [WRONG] * 4, "--json")
    told = done.object
    assert (done.code, told["accepted"]) == (5, False)
    assert set(told) >= KEYS
    assert done.codes


@pytest.mark.parametrize("request_", ["", "   ", "x" * 40_000])
def test_a_request_that_is_none_is_bad_usage(call: Call, request_: str) -> None:
    with answering(ScriptedClient([])):
        done = call("plan", request_)
    assert (done.code, done.out) == (2, "")


def test_a_model_that_does_not_answer_is_6(call: Call) -> None:
    done = planned(call, [ModelUnreachable("model 'm': nothing answers; start its server")])
    assert (done.code, done.out) == (6, "")
    assert "plait: model 'm': nothing answers; start its server" in done.err


def test_the_model_is_named(call: Call) -> None:
    assert "model: local, the embedded " in planned(call, [GOOD]).err
    assert "model: openai/m\n" in planned(call, [GOOD], "--model", "openai/m").err


def test_a_request_comes_from_standard_input(call: Call) -> None:
    client = ScriptedClient([GOOD])
    with answering(client):
        assert call("plan", "-", stdin="print a rare word: xylem\n").code == 0
    assert "xylem" in client.requests[0].messages[-1].content


def test_the_planner_hears_the_names_and_types_of_inputs_and_never_their_values(call: Call) -> None:
    client = ScriptedClient([HARMLESS])
    with answering(client):
        call("plan", "do it", "--input", "word=hush-hush", "--input", "files=[1]")
    sent = "".join(message.content for message in client.requests[0].messages)
    assert "word" in sent
    assert "files" in sent
    assert "array" in sent
    assert "hush-hush" not in sent


def test_the_prompt_is_shown_and_nobody_is_asked(call: Call) -> None:
    done = planned(call, [], "--show-prompt")
    assert done.code == 0
    assert done.out.startswith("--- system ---\n")
    assert "print one and two" in done.out


def test_the_workflow_goes_to_a_file(call: Call, tmp_path: Path) -> None:
    done = planned(call, [GOOD], "-o", "made.json")
    assert (done.code, done.out) == (0, "")
    assert json.loads((tmp_path / "made.json").read_text())["pipeline"] == SHELL_ONLY["pipeline"]
    assert [path.name for path in tmp_path.iterdir()] == ["made.json"]


@pytest.mark.parametrize("place", ["nowhere/made.json", "."])
def test_where_no_file_can_be_written_no_model_is_asked(call: Call, place: str) -> None:
    client = ScriptedClient([GOOD])
    with answering(client):
        assert call("plan", "x", "-o", place).code == 2
    assert client.requests == []


# --- on to its run


def test_with_run_standard_output_is_what_the_run_gives(call: Call) -> None:
    done = planned(call, [GOOD], "--run", "--allow", "shell")
    assert (done.code, done.out) == (0, "1\n2\n")
    assert '"pipeline"' in done.err


def test_what_a_model_wrote_is_refused_without_somebody_to_approve_it(call: Call, tmp_path: Path) -> None:
    answer = json.dumps(pipeline(shell("a", "touch ran")))
    done = planned(call, [answer], "--run")
    assert (done.code, done.out) == (4, "")
    assert "touch ran" in done.err
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "step",
    [
        {"id": "a", "type": "code", "params": {"source": "def run():\n    return 1"}},
        {"id": "a", "type": "http", "params": {"url": "http://127.0.0.1:9/"}},
        {"id": "a", "type": "write_file", "params": {"path": "x", "content": "y"}},
    ],
)
def test_so_is_code_a_request_and_a_written_file(call: Call, step: dict[str, object]) -> None:
    answer = json.dumps({"pipeline": [step]})
    assert planned(call, [answer], "--run").code == 4


def test_what_needs_no_grant_runs_at_once(call: Call) -> None:
    done = planned(call, [HARMLESS], "--run")
    assert (done.code, done.out) == (0, "done\n")


def test_run_in_json_has_the_record_beside_the_plan(call: Call) -> None:
    done = planned(call, [GOOD], "--run", "--yes", "--json")
    record = done.object["run"]
    assert isinstance(record, dict)
    assert (done.code, record["status"]) == (0, "succeeded")


def test_a_refused_run_in_json_is_the_record_of_no_run(call: Call) -> None:
    done = planned(call, [GOOD], "--run", "--json")
    record = done.object["run"]
    assert isinstance(record, dict)
    assert (done.code, record["status"], record["nodes"]) == (4, None, {})


def test_values_of_inputs_reach_the_run(call: Call) -> None:
    answer = json.dumps(pipeline(value("a", "${workflow.word}")))
    done = planned(call, [answer], "--run", "--input", "word=spoken")
    assert (done.code, done.out) == (0, "spoken\n")


def test_no_further_answer_is_asked_for_beyond_the_budget(call: Call) -> None:
    expensive = Completion(WRONG, "scripted", Usage(10, 5), 0.5)
    for option, most, reason in (
        ("--max-attempts", "2", "budget of 2 attempts"),
        ("--max-tokens", "20", "of a budget of 20"),
        ("--max-cost", "0.9", "of a budget of $0.9"),
    ):
        done = planned(call, [expensive] * 4, option, most, "--json")
        attempts = done.object["attempts"]
        assert (done.code, len(attempts) if isinstance(attempts, list) else None) == (5, 2)
        assert reason in planned(call, [expensive] * 4, option, most).err


def test_no_further_answer_is_asked_for_when_the_time_is_over(call: Call) -> None:
    done = planned(call, [WRONG] * 4, "--max-seconds", "0")
    assert done.code == 5
    assert "seconds have passed, of a budget of 0" in done.err


def test_the_money_is_for_planning_and_its_run_together(call: Call) -> None:
    asks = json.dumps(pipeline({"id": "a", "type": "llm", "params": {"prompt": "hi"}}))
    answers: list[str | Completion | ModelUnreachable] = [
        Completion(asks, "scripted", cost_usd=0.5),
        Completion("hello", "scripted", cost_usd=0.5),
    ]
    assert planned(call, list(answers), "--run", "--max-cost", "0.6").code == 0
    spent = planned(call, list(answers), "--run", "--max-cost", "0.5")
    assert spent.code == 1
    assert "--max-cost allows 0" in spent.err


def test_a_workflow_is_changed_and_the_difference_told(call: Call, write: Write) -> None:
    before = pipeline(value("a", "x"), settings={"on_error": "continue"})
    answer = json.dumps({"description": "d", **pipeline(value("a", "x"), value("b", "${a.result}"))})
    done = planned(call, [answer], "--from", write(before))
    assert done.code == 0
    assert done.object["settings"] == {"on_error": "continue"}
    assert "added b; 1 as before" in done.err


def test_what_is_to_be_changed_must_be_valid(call: Call, write: Write) -> None:
    done = planned(call, [], "--from", write(pipeline(value("a", "x"), value("a", "y"))))
    assert done.code == 2
    assert "/pipeline/1/id" in done.err


def test_own_prompts_are_shown_and_wrong_ones_told(call: Call, tmp_path: Path) -> None:
    (tmp_path / "plan_system.jinja").write_text("Only my rules.", encoding="utf-8")
    shown = call("plan", "x", "--prompts", str(tmp_path), "--show-prompt")
    assert shown.out.startswith("--- system ---\nOnly my rules.\n")
    (tmp_path / "plan_sistem.jinja").touch()
    wrong = call("plan", "x", "--prompts", str(tmp_path))
    assert wrong.code == 2
    assert "did you mean 'plan_system.jinja'?" in wrong.err


def test_nobody_is_asked_without_a_terminal(call: Call) -> None:
    done = planned(call, [WRONG] * 4)
    assert done.code == 5
    assert "What should the model know?" not in done.err


def test_no_secret_and_no_value_of_an_input_is_sent_to_a_planner(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("API_TOKEN", "a-canary-in-the-environment")
    Path(".env").write_text("OTHER=a-canary-in-the-file\n", encoding="utf-8")
    client = ScriptedClient([WRONG, GOOD])
    with answering(client):
        done = call("plan", "use a token", "--input", "key=a-canary-as-an-input")
    assert (done.code, len(client.requests)) == (0, 2), done.err
    assert "a-canary" not in str(client.requests)
