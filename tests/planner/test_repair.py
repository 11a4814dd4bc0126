"""The repair loop as a state machine."""

from __future__ import annotations

import pytest

from planner.attempt import Attempt, best_of, total_cost
from planner.repair import Accept, Ask, Budget, GiveUp, Move, Policy, next_move
from runtime.completion import Usage
from runtime.issues import Code, Issue

AMPLE = Budget(attempts=9)


def wrong(message: str = "no", code: Code = "unknown_node_type", **rest: object) -> Attempt:
    details = {"candidate": {"pipeline": []}, "usage": Usage(90, 10), "cost_usd": 0.5, **rest}
    return Attempt(1, "", issues=(Issue(code, "", message),), **details)  # type: ignore[arg-type]  # fields by name


def after(*attempts: Attempt, budget: Budget = AMPLE, elapsed: float = 0.0) -> Move:
    return next_move(attempts, budget, Policy(), elapsed)


def test_it_begins_by_asking() -> None:
    assert after() == Ask()


def test_an_answer_with_nothing_but_warnings_is_accepted() -> None:
    good = Attempt(1, "", issues=(Issue("unused_input", "", "spare"),))
    assert after(wrong(), good) == Accept(good)


def test_the_first_repair_is_fresh_and_the_second_a_conversation() -> None:
    assert after(wrong("a")) == Ask("fresh")
    assert after(wrong("a"), wrong("b")) == Ask("conversation")
    assert after(wrong("a"), wrong("b"), wrong("c")) == Ask("fresh")


def test_an_answer_that_could_not_be_read_is_never_shown_again() -> None:
    assert after(wrong("a"), wrong("b", "json_syntax", candidate=None)) == Ask("fresh")


def test_the_same_issues_three_times_end_it_in_a_row_or_not() -> None:
    given_up = GiveUp("the model made the same mistake 3 times")
    assert after(wrong("a"), wrong("a")) == Ask("conversation")
    assert after(wrong("b"), wrong("a"), wrong("b")) == Ask("fresh")
    assert after(wrong("b"), wrong("a"), wrong("a"), wrong("a")) == given_up
    assert after(wrong("a"), wrong("b"), wrong("a"), wrong("b"), wrong("a")) == given_up


def lacking(*names: str) -> Attempt:
    return Attempt(1, "", {"pipeline": []}, tuple(Issue("left_out", "", name) for name in names))


def test_a_workflow_that_lacks_what_the_request_names_is_looked_at_once_more() -> None:
    first = lacking("a.txt", "b.txt")
    assert after(first) == Ask("conversation")
    assert after(first, whole := lacking()) == Accept(whole)
    assert after(first, better := lacking("a.txt")) == Accept(better)
    assert after(first, lacking("c.txt", "d.txt")) == Accept(first)
    assert after(first, wrong()) == Accept(first)
    assert after(wrong(), first) == Ask("conversation")


def test_a_second_look_keeps_to_the_policy_and_to_the_budget() -> None:
    lacks = lacking("a.txt")
    assert next_move([lacks], AMPLE, Policy(second_looks=0), 0.0) == Accept(lacks)
    assert next_move([lacks], AMPLE, Policy(completing="fresh"), 0.0) == Ask("fresh")
    assert next_move([lacks, wrong()], AMPLE, Policy(second_looks=2), 0.0) == Ask("conversation")
    assert next_move([lacks, wrong(candidate=None)], AMPLE, Policy(second_looks=2), 0.0) == Ask("fresh")
    assert after(lacks, budget=Budget(attempts=1)) == Accept(lacks)
    assert after(lacks, budget=Budget(seconds=7), elapsed=8.0) == Accept(lacks)


@pytest.mark.parametrize(
    ("budget", "reason"),
    [
        (Budget(attempts=2), "the budget of 2 attempts is used up"),
        (Budget(tokens=200), "200 tokens are used, of a budget of 200"),
        (Budget(seconds=7), "8.0 seconds have passed, of a budget of 7"),
        (Budget(cost_usd=1), "$1.0000 are spent, of a budget of $1"),
    ],
)
def test_each_part_of_the_budget_ends_it(budget: Budget, reason: str) -> None:
    assert after(wrong("a"), wrong("b"), budget=budget, elapsed=8.0) == GiveUp(reason)


def test_a_cost_limit_cannot_be_kept_when_the_cost_is_unknown() -> None:
    move = after(wrong(cost_usd=None), budget=Budget(cost_usd=1))
    assert move == GiveUp("what the model costs is unknown, so the budget of $1 cannot be kept")


def test_an_unknown_cost_stays_unknown_in_the_sum() -> None:
    assert total_cost([wrong(), wrong()]) == 1.0
    assert total_cost([wrong(), wrong(cost_usd=None)]) is None


def test_the_best_attempt_got_furthest_with_the_fewest_errors() -> None:
    unread, shapeless, one = wrong(code="json_syntax"), wrong(code="schema"), wrong()
    two = Attempt(2, "", issues=(*one.issues, *one.issues))
    assert best_of([unread, shapeless, two, one, unread]) is one
    assert best_of([]) is None


def test_what_no_node_type_can_do_is_not_asked_for_again() -> None:
    assert after(wrong("no node type can do this: fly", "cannot_do")) == GiveUp("no node type can do this: fly")
