"""`plait eval diff` and `plait eval show`."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from evals.results import Outcome, Report
from evals.results_file import ResultsFile
from tests.command_line import Call, Write
from tests.eval_reports import HOSTILE, failed, passed, unjudged

SIX = [f"c{at}" for at in range(6)]


def report(*outcomes: Outcome) -> str:
    return Report.of(outcomes).model_dump_json()


@pytest.fixture
def bad(write: Write) -> str:
    return write(report(*map(failed, SIX)), "bad.json")


@pytest.fixture
def good(write: Write) -> str:
    return write(report(*map(passed, SIX)), "good.json")


def test_it_says_what_is_better_and_shows_both_workflows_of_what_flipped(call: Call, bad: str, good: str) -> None:
    called = call("eval", "diff", bad, good)
    assert called.code == 0
    assert "over all: better (6 cases better, 0 worse" in called.out
    assert "generation/c0: passes now" in called.out
    assert "expected: no read_file beside shell" in called.out
    assert "* ┌─ notes  read_file" in called.out
    assert '-    {"id": "notes", "type": "read_file"' in called.out


def test_json_has_the_figures_and_the_flipped_cases(call: Call, bad: str, good: str) -> None:
    found = call("eval", "diff", bad, good, "--json").object
    assert (found["verdict"], found["pairs"]) == ("better", 6)
    scores = found["scores"]
    assert isinstance(scores, list)
    first = scores[0]
    assert isinstance(first, dict)
    assert first["score"] == "passed"
    assert first["p"] == pytest.approx(2 / 64)
    flipped = found["flipped"]
    assert isinstance(flipped, list)
    assert len(flipped) == 6


def made(changes: dict[str, str], *cases: str) -> str:
    """A report of cases that were made with something else than the others."""
    return report(
        *(each.model_copy(update={"made_with": {**each.made_with, **changes}}) for each in map(passed, cases))
    )


def test_it_says_what_differs_of_what_both_were_made_with(call: Call, write: Write, good: str, tmp_path: Path) -> None:
    changed = {"prompts/plan_system.jinja": "0c", "model": "openai/x\x1b[2J", "max_tokens": "9"}
    other = write(made(changed, *SIX), "other.json")
    told = (
        "made with different: model (local -> openai/x\\x1b[2J), parameters (max_tokens 2000 -> 9), "
        "prompts (prompts/plan_system.jinja); the same: language"
    )
    assert f"\n{told}\n" in call("eval", "diff", good, other, "--report", "d.html").out
    page = (tmp_path / "d.html").read_text(encoding="utf-8")
    assert "prompts (prompts/plan_system.jinja); the same: language" in page
    found = call("eval", "diff", good, other, "--json").object["made_with"]
    assert isinstance(found, list)
    assert found[2] == {
        "aspect": "prompts",
        "same": False,
        "pairs": 6,
        "different": [{"name": "prompts/plan_system.jinja", "a": "5f2c9a", "b": "0c"}],
    }


def test_what_differs_in_some_pairs_alone_says_in_how_many(call: Call, write: Write, good: str) -> None:
    some = made({"schema": "0c"}, "c0", "c1")
    rest = Report.of([*Report.model_validate_json(some).outcomes, *map(passed, SIX[2:])]).model_dump_json()
    shown = call("eval", "diff", good, write(rest, "some.json")).out
    assert "made with different: node types in 2 of 6 pairs; the same: model, parameters, prompts, language" in shown


def test_what_reports_do_not_say_of_their_making_is_not_made_up(call: Call, write: Write, good: str) -> None:
    silent = write(report(*(each.model_copy(update={"made_with": {}}) for each in map(passed, SIX))), "silent.json")
    assert "made with" not in call("eval", "diff", good, silent).out


def test_a_score_that_not_all_pairs_have_says_how_many_do(call: Call, write: Write) -> None:
    some = report(*(passed(case).model_copy(update={"scores": {"repaired": True}}) for case in SIX), passed("at-once"))
    [line] = [
        line
        for line in call("eval", "diff", write(some, "a.json"), write(some, "b.json")).out.splitlines()
        if line.startswith("repaired")
    ]
    assert "same (of 6)" in line


def test_a_gate_fails_on_what_is_worse(call: Call, bad: str, good: str) -> None:
    assert call("eval", "diff", good, bad).code == 0
    assert call("eval", "diff", good, bad, "--fail-on", "worse").code == 1
    assert call("eval", "diff", good, bad, "--fail-on", "any-worse").code == 1
    assert call("eval", "diff", bad, good, "--fail-on", "any-worse").code == 0


def test_a_gate_does_not_open_where_nothing_could_be_compared(call: Call, good: str, write: Write) -> None:
    other = write(report(passed("other")), "other.json")
    called = call("eval", "diff", good, other, "--fail-on", "worse")
    assert called.code == 1
    assert "only in B:\n  generation/other" in called.out
    assert "no case in common" in called.err


def test_results_files_are_compared_too(call: Call, good: str, tmp_path: Path) -> None:
    with ResultsFile(tmp_path / "results.jsonl") as file:
        for case in SIX:
            file.add(failed(case), "stamp")
    assert "over all: better" in call("eval", "diff", "results.jsonl", good).out


def test_two_variants_of_one_report_are_compared(call: Call, write: Write) -> None:
    both = write(report(*map(passed, SIX), *(failed(case, variant="plain") for case in SIX)), "both.json")
    called = call("eval", "diff", both, both, "--variant", "shipped", "--variant-b", "plain", "--fail-on", "worse")
    assert called.code == 1
    assert "B  both.json: local, plain" in called.out
    assert call("eval", "diff", both, both).code == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no report of an eval"),
        ("[]", "no report of an eval"),
        ('{"report": 1, "outcomes": [{"suite": "s"}]}', "/outcomes/0/case: field required"),
        ('{"stamp": "x", "outcome": {}}\n', "no line of eval results"),
        ("[" * 100_000, "no report of an eval"),
    ],
)
def test_what_is_no_report_is_told_with_its_place(call: Call, good: str, write: Write, text: str, told: str) -> None:
    called = call("eval", "diff", good, write(text, "odd.json"))
    assert called.code == 2
    assert f"odd.json: {told}" in called.err or told in called.err
    assert len(called.err) < 400


def test_a_file_that_is_not_there_is_wrong_usage(call: Call, good: str) -> None:
    called = call("eval", "diff", good, "nothing.json")
    assert called.code == 2
    assert "nothing.json: cannot be read (no such file or directory)" in called.err


def test_hostile_text_is_shown_and_not_obeyed(call: Call, write: Write) -> None:
    outcome = passed(HOSTILE.replace("\ud800", "")).model_copy(update={"error": "\x1b[31m"})
    one, other = (
        write(report(each), name)
        for each, name in ((outcome, "1.json"), (outcome.model_copy(update={"status": "not_accepted"}), "2.json"))
    )
    called = call("eval", "diff", one, other)
    assert called.code == 0
    assert "\x1b" not in called.out
    assert r"\x1b[31m" in called.out


def test_an_error_on_one_side_is_told_apart(call: Call, good: str, write: Write) -> None:
    called = call("eval", "diff", good, write(report(*map(unjudged, SIX)), "down.json"), "--fail-on", "worse")
    assert called.code == 1
    assert "could not be judged in both" in called.out


def test_a_comparison_is_a_page_too(call: Call, bad: str, good: str, tmp_path: Path) -> None:
    assert call("eval", "diff", bad, good, "--report", "page.html").code == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<title>plait eval diff: better</title>" in page
    assert page.count("<img ") == 12


# --- show ------------------------------------------------------------------------------------------------------------


def test_a_report_is_shown_again_case_by_case(call: Call, bad: str) -> None:
    called = call("eval", "show", bad, "--cases")
    assert called.code == 0
    assert "0 % [0–39]" in called.out
    assert called.out.count("c3 ") == 1
    assert "case  verdict  attempts" in called.out


def test_a_report_is_written_again_as_page_xml_and_json(call: Call, good: str, tmp_path: Path) -> None:
    called = call("eval", "show", good, "--report", "page.html", "--junit", "junit.xml", "--json")
    assert Report.model_validate(called.json) == Report.of(map(passed, SIX))
    assert "<title>plait eval: generation</title>" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert len(list(ElementTree.parse(tmp_path / "junit.xml").iter("testcase"))) == 6


def test_a_page_that_cannot_be_written_is_told(call: Call, good: str) -> None:
    called = call("eval", "show", good, "--report", "no/such/folder/page.html")
    assert called.code == 2
    assert "no/such/folder/page.html: no such file or directory" in called.err
