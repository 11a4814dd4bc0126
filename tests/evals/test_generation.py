"""The shipped suites, replayed from the cassettes of the embedded model.

What the model does not manage stands in `unmet.json` with what is missing, and the replay is compared with it exactly:
a case falls out of the list when it is managed. No expectation was changed after a recording.
"""

from __future__ import annotations

import asyncio
import json
from functools import cache

import pytest

from evals import expectations
from evals.dataset import Case
from evals.lookup import CASSETTES, find_suite
from evals.results import Report
from evals.running import run_suites
from evals.stage import offered
from runtime import JsonValue, examine
from tests.unmet import LIST, SUITES, replayed, unmet


@cache
def report(suite: str) -> Report:
    return replayed(suite)


def listed(suite: str) -> JsonValue:
    known: dict[str, JsonValue] = json.loads(LIST.read_text(encoding="utf-8"))
    return known[suite]


@pytest.mark.parametrize("suite", SUITES)
def test_the_planner_meets_what_is_expected_of_each_request_but_what_is_in_the_list(suite: str) -> None:
    assert unmet(report(suite)) == listed(suite), "see tests/unmet.py"


@pytest.mark.parametrize("suite", SUITES)
def test_nothing_of_a_suite_is_an_error(suite: str) -> None:
    assert [each.error for each in report(suite).outcomes if each.status == "error"] == []


def test_some_of_what_was_accepted_was_accepted_after_a_repair() -> None:
    assert any(each.status == "accepted" and len(each.attempts) > 1 for each in report("generation").outcomes)


@pytest.mark.parametrize("suite", SUITES)
def test_every_recording_has_its_case_and_every_case_its_recording(suite: str) -> None:
    recorded = {path.stem for path in (CASSETTES / suite).glob("*.json")}
    assert recorded == {case.id for case in find_suite(suite).suite.cases}


def test_a_request_that_was_never_recorded_is_a_miss() -> None:
    found = find_suite("generation")
    asked = found.suite.model_copy(update={"cases": (Case(id="chain", request="Say hello."),)})
    [outcome] = asyncio.run(run_suites([type(found)(asked, found.cassettes)])).outcomes
    assert outcome.status == "error"
    assert outcome.passed is None
    assert "nearest" in (outcome.error or "")


def test_no_recording_holds_a_key_or_a_place_of_a_machine() -> None:
    for path in (CASSETTES / "generation").glob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert "authorization" not in text.lower()
        assert {header for each in json.loads(text)["interactions"] for header in each["response"]["headers"]} <= {
            "content-type"
        }


def test_what_an_expectation_misses_is_said_in_words() -> None:
    steps: list[JsonValue] = [{"id": name, "type": "wait", "params": {"seconds": 1}} for name in "ab"]
    case = Case.model_validate(
        {
            "id": "x",
            "request": "x",
            "expect": {"uses": {"wait": 3}, "parallel": [["wait", "wait"]], "before": [["http", "wait"]]},
        }
    )
    graph = examine({"pipeline": steps}, offered(find_suite("generation").suite, case)).graph
    assert graph is not None
    assert expectations.unmet(graph, case.expect) == [
        "uses 2 of 3 wait",
        "no wait beside wait",
        "'a' (wait) without http before it",
        "'b' (wait) without http before it",
    ]
