"""The file of outcomes: it grows line by line, survives a kill in the middle of one, and belongs to one eval."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals.results import Outcome, Status
from evals.results_file import ResultsFile, read_results
from runtime import Unavailable


def outcome(
    case: str, status: Status = "accepted", request: str = "r", made_with: dict[str, str] | None = None
) -> Outcome:
    return Outcome(suite="s", case=case, model="m", status=status, request=request, made_with=made_with or {})


def kept(path: Path, *outcomes: Outcome) -> Path:
    with ResultsFile(path) as file:
        for each in outcomes:
            file.add(each, "stamp")
    return path


def test_what_was_added_is_done_as_long_as_nothing_it_depends_on_has_changed(tmp_path: Path) -> None:
    done = outcome("a", request="two\nlines, ümlaut \ud800")
    with ResultsFile(kept(tmp_path / "deep" / "kept.jsonl", done)) as file:
        assert file.done(done.key, "stamp") == done.model_copy(update={"request": "two\nlines, ümlaut ?"})
        assert file.done(done.key, "another") is None
        assert file.done(outcome("b").key, "stamp") is None


def test_what_could_not_be_judged_is_not_done(tmp_path: Path) -> None:
    with ResultsFile(kept(tmp_path / "kept.jsonl", outcome("a", "error"))) as file:
        assert file.done(outcome("a").key, "stamp") is None


def test_a_torn_last_line_is_dropped_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = kept(tmp_path / "kept.jsonl", outcome("a"), outcome("b"))
    path.write_bytes(path.read_bytes()[:-20])
    assert [each.case for each in read_results(path).outcomes] == ["a"]
    kept(path, outcome("c"))
    assert [each.case for each in read_results(path).outcomes] == ["a", "c"]


def test_what_outcomes_were_made_with_is_in_the_file_and_what_they_share_of_it_in_the_report(tmp_path: Path) -> None:
    one, other = ({"model": "m", "language": "1"}, {"model": "m", "language": "2"})
    told = (outcome("a", made_with=one), outcome("b", made_with=other), outcome("c", "error"))
    report = read_results(kept(tmp_path / "kept.jsonl", *told))
    assert [each.made_with for each in report.outcomes] == [one, other, {}]
    assert report.made_with == {"model": "m"}


def test_the_later_of_two_outcomes_of_one_trial_counts(tmp_path: Path) -> None:
    path = kept(tmp_path / "kept.jsonl", outcome("a", "error"), outcome("a"))
    assert [each.status for each in read_results(path).outcomes] == ["accepted"]


def test_a_file_that_holds_something_else_is_refused_with_the_line(tmp_path: Path) -> None:
    path = kept(tmp_path / "kept.jsonl", outcome("a"))
    path.write_bytes(path.read_bytes() + b'{"other": 1}\n')
    with pytest.raises(Unavailable, match=r"kept.jsonl:2: no line of eval results"):
        kept(path)


def test_two_evals_do_not_write_to_one_file(tmp_path: Path) -> None:
    with ResultsFile(tmp_path / "kept.jsonl"), pytest.raises(Unavailable, match="another eval"):
        kept(tmp_path / "kept.jsonl")
