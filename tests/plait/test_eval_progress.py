"""What is told of an eval while it goes on."""

from __future__ import annotations

import io

from rich.console import Console

from evals.results import Outcome, Score, Status
from plait.eval_bar import Bar
from plait.outcomes import MOST, line_of


def outcome(case: str, status: Status = "accepted", why: str = "", epoch: int = 1, **scores: Score) -> Outcome:
    return Outcome(
        suite="s",
        case=case,
        epoch=epoch,
        model="m",
        status=status,
        request="r",
        scores=scores,
        why=dict.fromkeys(scores, why),
        error=why if status == "error" else None,
    )


def test_a_line_says_which_trial_it_was_and_how_it_went() -> None:
    assert line_of(outcome("a")) == "s/a (m, shipped): passed"
    assert line_of(outcome("a", "not_accepted", epoch=2)) == "s/a (m, shipped, epoch 2): no workflow accepted"
    assert line_of(outcome("a", "error", "down\nfor reasons")) == "s/a (m, shipped): error: down"
    assert line_of(outcome("a", why="uses 0 of 1 llm", meets=False)) == "s/a (m, shipped): uses 0 of 1 llm"


def test_a_line_stays_short_and_leaves_out_what_fails_no_case() -> None:
    assert line_of(outcome("a", why="missing: x", valid_first=False, node_f1=0.5)) == "s/a (m, shipped): passed"
    assert len(line_of(outcome("a", why="word " * 100, meets=False))) < MOST + 30


def test_a_bar_stands_below_what_did_not_pass() -> None:
    shown = io.StringIO()
    with Bar(2, Console(file=shown, width=100, force_terminal=True, no_color=True)) as bar:
        bar.take(outcome("a"))
        bar.take(outcome("b", "not_accepted", why="[red]\x1b[2J"))
    assert "s/b (m, shipped): no workflow accepted" in shown.getvalue()
    assert "s/a (m, shipped)" not in shown.getvalue()
    assert "2/2" in shown.getvalue()
