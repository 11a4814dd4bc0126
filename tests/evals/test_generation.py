"""The generation suite, replayed from the cassettes of the embedded model.

What the model does not manage is marked with what is missing, and the mark is strict: it falls when it is managed. No
expectation was changed after a recording.
"""

from __future__ import annotations

import asyncio
import json

import pytest

from evals.dataset import Case, Suite, load_suite
from evals.running import CASSETTES, SUITE, Result, offered, plan_case, replaying_client
from evals.scorers import unmet
from runtime import CassetteMiss, JsonValue, examine

NOT_MET = {
    "readme": "no workflow is accepted: the step that reads the notes is left out, three times",
    "fan-out": "headline and report become one step, and the steps wait for each other",
    "branch-with-sequence": "the command waits for the translation",
    "primes": "the numbers are not saved",
    "three-languages": "only the French translation is saved",
    "five-sources": "the sources are read one after another, and no overview is written",
    "wait-and-poll": "the answer breaks off at the first quotation mark of the request",
}


def suite() -> Suite:
    return load_suite(SUITE)


async def replayed(case: Case) -> Result:
    async with replaying_client() as client:
        return await plan_case(case, client, "replay")


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case,
            id=case.id,
            marks=pytest.mark.xfail(reason=NOT_MET[case.id], strict=True) if case.id in NOT_MET else (),
        )
        for case in suite().cases
    ],
)
def test_the_planner_meets_what_is_expected_of_a_request(case: Case) -> None:
    result = asyncio.run(replayed(case))
    assert result.accepted
    assert result.unmet == ()


def test_some_of_what_was_accepted_was_accepted_after_a_repair() -> None:
    results = [asyncio.run(replayed(case)) for case in suite().cases]
    assert {"chain", "primes", "code-on-a-file"} <= {
        each.case for each in results if each.accepted and each.attempts > 1
    }


def test_every_case_has_its_recording_and_every_recording_its_case() -> None:
    assert {case.id for case in suite().cases} == {path.stem for path in CASSETTES.glob("*.json")}


def test_a_request_that_was_never_recorded_is_a_miss() -> None:
    with pytest.raises(CassetteMiss, match="nearest"):
        asyncio.run(replayed(Case(id="chain", request="Say hello.")))


def test_no_recording_holds_a_key_or_a_place_of_a_machine() -> None:
    for path in CASSETTES.glob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert "authorization" not in text.lower()
        assert {header for each in json.loads(text)["interactions"] for header in each["response"]["headers"]} <= {
            "content-type"
        }


def test_what_an_expectation_misses_is_said_in_words() -> None:
    steps: list[JsonValue] = [{"id": name, "type": "wait", "params": {"seconds": 1}} for name in "ab"]
    graph = examine({"pipeline": steps}, offered()).graph
    assert graph is not None
    expect = Case.model_validate(
        {
            "id": "x",
            "request": "x",
            "expect": {"uses": {"wait": 3}, "parallel": [["wait", "wait"]], "before": [["http", "wait"]]},
        }
    ).expect
    assert unmet(graph, expect) == [
        "uses 2 of 3 wait",
        "no wait beside wait",
        "'a' (wait) without http before it",
        "'b' (wait) without http before it",
    ]
