"""Two reports compared: what pairs, what the verdicts rest on, and that chance is not taken for a difference."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.comparing import Change, Comparison, Place, Unclear, compare, side_of
from evals.report.pictures import difference, outline, written
from evals.results import Outcome, Report
from runtime import JsonValue
from tests.eval_reports import CHAIN, failed, passed, refused, unjudged, workflow

JSON: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("abc äß{}[]\"',\n", max_size=60),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=5),
    max_leaves=20,
)


def compared(before: Iterable[Outcome], after: Iterable[Outcome]) -> Comparison:
    return compare(side_of("A", Report.of(before)), side_of("B", Report.of(after)))


def change(found: Comparison, score: str) -> Change:
    return next(each for each in found.changes if each.score == score)


def cases(count: int, of: str = "c") -> list[str]:
    return [f"{of}{at}" for at in range(count)]


def test_a_report_against_itself_differs_in_nothing() -> None:
    outcomes = [passed(), failed(), refused(), unjudged()]
    found = compared(outcomes, outcomes)
    assert found.verdict == "not distinguishable"
    assert {each.verdict for each in found.changes} == {"not distinguishable"}
    assert found.flipped == ()


def test_six_cases_that_pass_now_are_better_and_five_are_still_chance() -> None:
    six = compared(map(failed, cases(6)), map(passed, cases(6)))
    assert (six.verdict, change(six, "passed").better) == ("better", 6)
    assert compared(map(passed, cases(6)), map(failed, cases(6))).verdict == "worse"
    assert compared(map(failed, cases(5)), map(passed, cases(5))).verdict == "not distinguishable"


def test_cases_that_became_better_and_as_many_that_became_worse_are_no_difference() -> None:
    some, others = cases(8), cases(8, "d")
    found = compared(
        [*map(failed, some), *map(passed, others)],
        [*map(passed, some), *map(failed, others)],
    )
    assert found.verdict == "not distinguishable"
    assert len(found.flipped) == 16


def test_trying_five_cases_ten_times_each_makes_no_difference_of_chance() -> None:
    tries = [(case, epoch) for case in cases(5) for epoch in range(1, 11)]
    found = compared(
        [failed(case, epoch=epoch) for case, epoch in tries], [passed(case, epoch=epoch) for case, epoch in tries]
    )
    assert change(found, "passed").pairs == 50
    assert found.verdict == "not distinguishable"


def test_of_what_is_paid_less_is_better() -> None:
    dear = [passed(case).model_copy(update={"cost_usd": 1.0 + at / 10}) for at, case in enumerate(cases(8))]
    found = compared(dear, map(passed, cases(8)))
    assert change(found, "cost").difference < 0
    assert change(found, "cost").verdict == "better"
    assert change(found, "cost").better == 8


def test_an_unknown_cost_is_not_compared() -> None:
    found = compared([passed("a"), failed("b")], [passed("a"), failed("b")])
    assert change(found, "cost").pairs == 1


def test_outcomes_pair_by_suite_case_and_epoch_and_the_rest_is_listed() -> None:
    found = compared(
        [passed("a"), passed("a", epoch=2), passed("b", suite="repair")], [passed("a"), passed("b"), passed("c")]
    )
    assert [pair.place for pair in found.pairs] == [Place("generation", "a", 1)]
    assert found.only_before == (Place("generation", "a", 2), Place("repair", "b", 1))
    assert found.only_after == (Place("generation", "b", 1), Place("generation", "c", 1))


def test_what_could_not_be_judged_on_one_side_is_in_no_figure() -> None:
    found = compared([unjudged("a"), passed("b")], [passed("a"), passed("b")])
    assert change(found, "passed").pairs == 1
    assert [pair.place.case for pair in found.unjudged] == ["a"]
    assert found.flipped == ()


def test_labels_are_not_compared() -> None:
    assert "kind" not in {each.score for each in compared([passed()], [passed()]).changes}


def test_one_of_several_variants_has_to_be_named() -> None:
    report = Report.of([passed(), passed(variant="plain")])
    assert side_of("A", report, variant="plain").variant == "plain"
    with pytest.raises(Unclear, match=r"A: there are several .*'plain'; model 'local', variant 'shipped'"):
        side_of("A", report)
    with pytest.raises(Unclear, match=r"no variant 'plane'; did you mean 'plain'\?"):
        side_of("A", report, variant="plane")
    with pytest.raises(Unclear, match="no model 'x'; there is model 'local'"):
        side_of("A", report, model="x")
    with pytest.raises(Unclear, match="there are no outcomes in it"):
        side_of("A", Report())


@given(st.lists(st.sampled_from(["passed", "failed", "error", "none"]), min_size=1, max_size=12), st.randoms())
def test_turned_round_every_verdict_is_its_opposite(kinds: list[str], random: object) -> None:
    make = {"passed": passed, "failed": failed, "error": unjudged}
    before = [make[kind](f"c{at}") for at, kind in enumerate(kinds) if kind != "none"] or [passed()]
    after = [make[kind](f"c{at}") for at, kind in enumerate(reversed(kinds)) if kind != "none"] or [passed()]
    there, back = compared(before, after), compared(after, before)
    opposite = {"better": "worse", "worse": "better", "not distinguishable": "not distinguishable"}
    assert back.verdict == opposite[there.verdict]
    assert [(each.score, each.worse, each.better) for each in back.changes] == [
        (each.score, each.better, each.worse) for each in there.changes
    ]


# --- workflows as text -----------------------------------------------------------------------------------------------


def test_an_outline_shows_the_graph_and_of_what_has_none_the_document() -> None:
    assert "summary" in outline(workflow())
    assert outline(["no", "workflow"]) == '["no", "workflow"]'
    assert outline(None) == ""
    circle = refused().workflow
    assert outline(circle) == written(circle)


def test_a_difference_shows_steps_as_lines() -> None:
    lines = difference(CHAIN, workflow(), ("A", "B")).splitlines()
    assert '-    {"id": "notes", "type": "read_file", "params": {"path": "notes.txt"}},' in lines
    assert '+        {"id": "notes", "type": "read_file", "params": {"path": "notes.txt"}},' in lines
    assert difference(CHAIN, CHAIN, ("A", "B")) == ""


@given(JSON)
def test_what_is_written_is_the_same_value(value: JsonValue) -> None:
    if value is not None:
        assert json.loads(written(value)) == value
