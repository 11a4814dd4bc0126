"""Thresholds: how they are written, and what they are held against."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.gates import NoSuchScore, Threshold, judge, read_threshold
from evals.results import Outcome, Report, Score, Status


def outcome(case: str, status: Status = "accepted", variant: str = "shipped", **scores: Score) -> Outcome:
    return Outcome(suite="s", case=case, model="m", variant=variant, status=status, request="r", scores=scores)


@pytest.mark.parametrize("text", ["node_f1>=0.8", "node_f1=0.8", " node_f1 >= 0.8 "])
def test_both_ways_of_writing_a_threshold_mean_the_same(text: str) -> None:
    assert read_threshold(text) == Threshold("node_f1", 0.8)


def test_a_bare_number_is_of_the_cases_that_passed() -> None:
    assert read_threshold("0.9") == Threshold("passed", 0.9)


@pytest.mark.parametrize("text", ["", "passed", "passed>0.5", "passed<=0.5", ">=0.5", "passed>=many", "a b=1", "nan"])
def test_anything_else_is_refused_and_says_what_would_be_right(text: str) -> None:
    with pytest.raises(ValueError, match=r"write NAME>=X, for example passed>=0\.9"):
        read_threshold(text)


@given(st.text())
def test_no_text_breaks_the_reading_of_a_threshold(text: str) -> None:
    try:
        read = read_threshold(text)
    except ValueError:
        return
    assert read_threshold(str(read)).name == read.name


def test_a_mean_is_over_the_outcomes_that_have_the_score_and_errors_have_none() -> None:
    found = [
        outcome("a", node_f1=1.0, valid=True, kind="chain"),
        outcome("b", node_f1=0.5, valid=False),
        outcome("c"),
        outcome("d", "error"),
        outcome("e", "not_accepted"),
    ]
    thresholds = [Threshold(name, 0.6) for name in ("node_f1", "passed", "valid")]
    verdicts = judge(Report.of(found), thresholds)
    assert [(each.threshold.name, each.found, each.met) for each in verdicts] == [
        ("node_f1", 0.75, True),
        ("passed", 0.5, False),
        ("valid", 0.5, False),
    ]
    with pytest.raises(NoSuchScore, match="no case has a score 'kind'"):
        judge(Report.of(found), [Threshold("kind", 0)])


def test_of_several_tries_the_chance_of_one_and_of_all_has_a_threshold_too() -> None:
    tries = [("a", True), ("a", False), ("b", True), ("b", True)]
    found = [outcome(case, met=met).model_copy(update={"epoch": at}) for at, (case, met) in enumerate(tries)]
    verdicts = judge(Report.of(found), [read_threshold("passed@2>=1"), read_threshold("passed^2>=1")])
    assert [each.found for each in verdicts] == [1.0, 0.5]


def test_a_refused_first_answer_fails_no_case() -> None:
    assert outcome("a", valid_first=False).passed is True
    assert outcome("a", valid=False, repaired=False).broken == ("valid",)
    assert outcome("a", valid=False).passed is False
    assert outcome("a", "error").passed is None


def test_a_threshold_holds_for_each_row_by_itself_and_not_where_there_is_no_such_score() -> None:
    found = [outcome("a", node_f1=1.0), outcome("a", variant="plain", node_f1=0.2), outcome("b", variant="x")]
    report = Report.of(found)
    verdicts = judge(report, [Threshold("node_f1", 0.5)])
    assert [(each.row.variant, each.met) for each in verdicts] == [("plain", False), ("shipped", True)]


def test_a_score_that_no_case_has_is_not_taken_for_met() -> None:
    with pytest.raises(NoSuchScore, match="did you mean 'node_f1'"):
        judge(Report.of([outcome("a", node_f1=1.0)]), [Threshold("node_f2", 0.0)])
