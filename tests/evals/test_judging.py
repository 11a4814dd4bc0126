"""A model as judge of outputs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from evals.dataset import Case, Suite
from evals.judging import judge, questions, ruling
from evals.scorers import score
from evals.subject import Subject
from evals.trial import Trial, tried
from evals.variants import SHIPPED
from runtime import RunRecord, ScriptedClient

CASE = Case.model_validate(
    {
        "id": "a",
        "request": "Do it.",
        "expect": {"outputs": {"note": {"judged": "It is friendly."}, "other": {"contains": "x"}}},
    }
)
SUBJECT = Subject(True, run=RunRecord("r", "w", "succeeded", {"note": 'Hello "you"', "other": "x"}))


def test_a_judge_is_asked_about_the_statement_and_the_output_and_nothing_else() -> None:
    [(name, asked)] = questions(CASE, SUBJECT, "some-model").items()
    assert (name, asked.model) == ("note", "some-model")
    assert asked.messages[1].content == 'Statement: It is friendly.\n\nText:\n"Hello \\"you\\""'


@pytest.mark.parametrize(
    ("answer", "holds", "why"),
    [
        ('{"reason": "It greets.", "holds": true}', True, "It greets."),
        ('Sure:\n```json\n{"holds": false, "reason": "It is rude."}\n```', False, "It is rude."),
        ("yes", False, "the judge's answer cannot be read: 'yes'"),
        ('{"holds": "true"}', False, "the judge's answer cannot be read"),
        ("[" * 100_000, False, "the judge's answer cannot be read"),
    ],
)
def test_an_answer_is_a_finding_and_one_that_cannot_be_read_does_not_agree(answer: str, holds: bool, why: str) -> None:
    found = ruling(answer)
    assert found.value is holds
    assert found.why.startswith(why)


@pytest.mark.parametrize("holds", [True, False])
def test_what_the_judge_says_is_a_score(holds: bool) -> None:
    client = ScriptedClient([f'{{"reason": "So it is.", "holds": {str(holds).lower()}}}'])
    subject = Subject(True, run=SUBJECT.run, judged=asyncio.run(judge(CASE, SUBJECT, client)))
    found = score(CASE, subject)
    assert found.scores["judged"] is holds
    assert found.why.get("judged", "") == ("" if holds else "'note': So it is.")


def test_an_output_that_is_not_there_is_not_agreed_to_and_nobody_is_asked() -> None:
    found = asyncio.run(judge(CASE, Subject(True, run=RunRecord("r", "w", "failed")), ScriptedClient([])))
    assert [each.value for each in found.values()] == [False]
    assert asyncio.run(judge(CASE, Subject(True), ScriptedClient([]))) == {}


def test_a_workflow_of_a_suite_is_run_and_its_output_judged(tmp_path: Path) -> None:
    case = Case.model_validate(
        {
            "id": "a",
            "workflow": {"pipeline": [{"id": "note", "type": "transform", "params": {"value": "Dear Ada"}}]},
            "expect": {"outputs": {"note": {"judged": "It is a greeting."}}},
        }
    )
    trial = Trial(Suite(name="s", cases=(case,)), case, "a-model", SHIPPED, 1, tmp_path)
    client = ScriptedClient(['{"reason": "It greets Ada.", "holds": true}'])
    outcome = asyncio.run(tried(trial, client))
    assert outcome.scores["judged"] is True
    assert "Dear Ada" in client.requests[0].messages[1].content
