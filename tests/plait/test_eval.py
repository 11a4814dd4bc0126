"""`plait eval run`, replaying the shipped suite and recording a small one from a server of the test's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals.made_with import hashed
from evals.recording_files import read
from evals.results import Report
from runtime.issues import JsonValue
from tests.command_line import Call, Called, Write, pipeline, value
from tests.model_server import Asked, ModelServer, Reply, says

SUITE: dict[str, JsonValue] = {
    "name": "small",
    "cases": [
        {"id": "one", "request": "Give one value.", "expect": {"uses": {"transform": 1}}},
        {"id": "two", "request": "Give two values.", "expect": {"uses": {"transform": 2}}},
    ],
}
MODEL = "openai/tiny"


def one_value(asked: Asked) -> Reply:
    return says(json.dumps(pipeline(value("a", "x"))))


def seconds(called: Called) -> list[float]:
    """How long the model took for each case, as the report says."""
    return [outcome.seconds for outcome in Report.model_validate_json(called.out).outcomes]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> ModelServer:
    """A model that answers everything with one value; it is to be entered."""
    server = ModelServer(answer=one_value)
    monkeypatch.setenv("OPENAI_API_BASE", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-test")
    return server


@pytest.fixture
def suite(call: Call, write: Write, server: ModelServer) -> str:
    """The small suite, recorded: of its two cases the first passes."""
    path = write(SUITE, "small.json")
    with server:
        assert call("eval", "run", path, "--record", "--model", MODEL).code == 0
    return path


def test_the_shipped_suites_are_listed_with_what_can_be_replayed(call: Call) -> None:
    assert "suite       cases  replayable\nexecution" in call("eval", "list").out
    listed = call("eval", "list", "--json").json
    assert isinstance(listed, list)
    assert {"suite": "execution", "cases": 10, "replayable": 10} in listed


def test_a_shipped_suite_is_replayed_by_its_name(call: Call) -> None:
    called = call("eval", "run", "execution", "--case", "chain", "--case", "routed", "--json")
    assert called.code == 0
    outcomes = Report.model_validate_json(called.out).outcomes
    assert [(each.case, each.passed) for each in outcomes] == [("chain", True), ("routed", True)]
    assert called.err == ""


def test_a_suite_is_recorded_and_replays_with_the_model_gone(call: Call, write: Write, server: ModelServer) -> None:
    suite = write(SUITE, "small.json")
    with server:
        recorded = call("eval", "run", suite, "--record", "--model", MODEL, "--json")
        assert recorded.code == 0
        assert call("eval", "run", suite, "--record", "--model", MODEL).code == 0
        assert len(server.asked) == 2
    assert seconds(call("eval", "run", suite, "--model", MODEL, "--json")) == seconds(recorded)
    called = call("eval", "run", suite, "--model", MODEL)
    assert called.code == 0
    assert "1/2  small/one (openai/tiny, shipped): passed" in called.err
    assert "2/2  small/two (openai/tiny, shipped): uses 1 of 2 transform" in called.err


def test_what_was_not_recorded_is_an_error_and_exit_6_and_the_others_are_told(
    call: Call, suite: str, write: Write
) -> None:
    other = write({"name": "other", "cases": [{"id": "unheard", "request": "Give three values."}]}, "other.json")
    called = call("eval", "run", other, suite, "--model", MODEL)
    assert called.code == 6
    assert "other/unheard (openai/tiny, shipped): error: " in called.err
    assert "small/one (openai/tiny, shipped): passed" in called.err


def test_a_threshold_is_of_the_mean_of_a_score_and_a_bare_number_of_what_passed(call: Call, suite: str) -> None:
    run = ("eval", "run", suite, "--model", MODEL)
    assert call(*run, "--threshold", "0.5").code == 0
    called = call(*run, "--threshold", "passed>=0.6", "--threshold", "valid=1")
    assert called.code == 1
    assert "passed of small, openai/tiny, shipped: 0.5 is below passed>=0.6" in called.err
    assert "valid of small, openai/tiny, shipped: 1 meets valid>=1" in called.err


def test_the_report_is_written_as_a_page_and_as_junit_xml(call: Call, suite: str, tmp_path: Path) -> None:
    assert call("eval", "run", suite, "--model", MODEL, "--report", "out/r.html", "--junit", "out/r.xml").code == 0
    assert "Give two values." in (tmp_path / "out" / "r.html").read_text(encoding="utf-8")
    assert "<testsuites" in (tmp_path / "out" / "r.xml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("generatoin",), "there is no suite 'generatoin'; did you mean 'generation'?"),
        (("generation", "--case", "chian"), "there is no case 'chian'; did you mean 'chain'?"),
        (("generation", "--variant", "shiped"), "there is no variant 'shiped'; did you mean 'shipped'?"),
        (("generation", "--threshold", "passed<1"), "'passed<1' is no threshold; write NAME>=X"),
        (("generation", "--prompts", "nowhere"), "nowhere: no directory of prompts"),
        (("generation", "--record", "--live"), "one of --replay, --record and --live"),
        (("generation", "--case", "chain", "--threshold", "pased>=1"), "did you mean 'passed'?"),
    ],
)
def test_bad_usage_is_exit_2_and_names_the_nearest(call: Call, arguments: tuple[str, ...], said: str) -> None:
    called = call("eval", "run", *arguments)
    assert called.code == 2
    assert said in called.err


def test_a_missing_model_is_one_clear_sentence_while_recording(
    call: Call, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAIT_MODELS", str(tmp_path))
    called = call("eval", "run", write(SUITE, "small.json"), "--record")
    assert called.code == 6
    assert called.err.count("\n") == 1
    assert "run `plait model pull`" in called.err


def test_what_is_in_the_results_file_is_not_tried_again(call: Call, write: Write, server: ModelServer) -> None:
    suite = write(SUITE, "small.json")
    run = ("eval", "run", suite, "--live", "--model", MODEL, "--results", "kept.jsonl")
    with server:
        assert call(*run, "--case", "one").code == 0
        assert call(*run).code == 0
        assert len(server.asked) == 2
        changed = write({**SUITE, "cases": [{"id": "one", "request": "Give another value."}]}, "small.json")
        assert call(*run).code == 0
        assert len(server.asked) == 3, changed


def prompts(folder: Path, system: str) -> str:
    """A directory of prompts whose rules are other ones."""
    folder.mkdir(parents=True)
    (folder / "plan_system.jinja").write_text(system, encoding="utf-8")
    return str(folder)


def test_each_directory_of_prompts_is_a_variant_with_recordings_of_its_own(
    call: Call, write: Write, server: ModelServer, tmp_path: Path
) -> None:
    suite, terse, kind = (
        write(SUITE, "small.json"),
        prompts(tmp_path / "terse", "Plan."),
        prompts(tmp_path / "kind", "?"),
    )
    run = ("eval", "run", suite, "--model", MODEL, "--variant", "shipped", "--prompts", terse, "--prompts", kind)
    with server:
        assert call(*run, "--record").code == 0
    began = [json.dumps(asked.body["messages"])[:60] for asked in server.asked]
    assert (len(began), sum('"Plan."' in each for each in began)) == (6, 2)
    outcomes = Report.model_validate_json(call(*run, "--json").out).outcomes
    assert {(each.variant, each.status) for each in outcomes} == {
        ("shipped", "accepted"),
        ("terse", "accepted"),
        ("kind", "accepted"),
    }
    made_with = read(tmp_path / "cassettes/small/openai+tiny@terse/one.json").made_with
    assert made_with["prompts/plan_system.jinja"] == hashed(b"Plan.")


def test_a_directory_cannot_be_called_as_another_variant(call: Call, tmp_path: Path) -> None:
    plain, one, other = (prompts(tmp_path / name, "Plan.") for name in ("plain", "a/mine", "b/mine"))
    for named, said in (((plain,), "'plain'"), ((one, other), "'mine'")):
        called = call("eval", "run", "generation", *(word for each in named for word in ("--prompts", each)))
        assert called.code == 2
        assert f"there would be two variants {said}; give the directory another name" in called.err


def test_prompts_that_cannot_be_rendered_are_told_before_anything_is_asked(call: Call, tmp_path: Path) -> None:
    called = call("eval", "run", "generation", "--prompts", prompts(tmp_path / "mine", "{{ nothing }}"))
    assert called.code == 2
    assert "plan_system.jinja: 'nothing' is undefined" in called.err


def test_an_outcome_is_taken_from_the_results_file_as_long_as_the_prompts_say_the_same(
    call: Call, write: Write, server: ModelServer, tmp_path: Path
) -> None:
    same, moved, changed = (
        prompts(tmp_path / place / "mine", text) for place, text in (("a", "Plan."), ("b", "Plan."), ("c", "Plan!"))
    )
    run = ("eval", "run", write(SUITE, "small.json"), "--live", "--model", MODEL, "--results", "kept.jsonl")
    with server:
        counts = [(call(*run, "--prompts", each).code, len(server.asked)) for each in (same, moved, changed)]
    assert counts == [(0, 2), (0, 2), (0, 4)]
