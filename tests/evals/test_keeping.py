from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from evals.keeping import Finding, Held, Kind, Trials, findings, pruned
from evals.recordings import Answered, Asked, Interaction, Recording
from runtime import Redactor

FOLDER = Path("cassettes/small")
ONE, TWO, OTHER = FOLDER / "one.json", FOLDER / "two.json", Path("cassettes/by-hand/demo.json")
NOW = {"model": "tiny", "prompt": "abc"}
KEY = "sk-canary-4f1d9b27c3-8a60"


def recording(count: int = 2, made_with: Mapping[str, str] = NOW) -> Recording:
    answer = Answered(status=200, headers={}, body=1)
    asked = (Interaction(request=Asked(method="POST", path="/x", body=at), response=answer) for at in range(count))
    return Recording(cassette=1, made_with=dict(made_with), interactions=tuple(asked))


def held(path: Path = ONE, raw: bytes = b"{}", **made_with: str) -> Held:
    return Held(path, raw, recording(made_with=made_with or NOW))


def trials(
    misses: Mapping[Path, str] | None = None, uses: tuple[int, ...] = (0, 1), unsure: frozenset[Path] = frozenset()
) -> Trials:
    return Trials({ONE: NOW}, misses or {}, frozenset((ONE, at) for at in uses), unsure)


def found(*shelf: Held, came_to: Trials | None = None) -> list[tuple[Kind, str, tuple[int, ...]]]:
    told = findings(shelf, came_to or trials(), Redactor({"KEY": KEY}), [FOLDER])
    return [(each.kind, each.what, each.places) for each in told]


def test_a_recording_that_answers_all_and_is_current_is_no_finding() -> None:
    assert found(held()) == []


def test_what_was_made_with_something_else_is_stale_with_all_that_differs() -> None:
    assert found(held(model="large", prompt="abc", old="x")) == [
        ("stale", "model was large and is tiny; old is no longer there", ())
    ]


def test_a_call_that_is_not_answered_makes_it_stale_and_its_rest_is_not_called_unused() -> None:
    came_to = trials({ONE: "no recording answers POST /x"}, uses=(0,), unsure=frozenset({ONE}))
    assert found(held(), came_to=came_to) == [("stale", "no recording answers POST /x", ())]


def test_a_case_without_a_file_is_missing() -> None:
    assert found(held(), came_to=trials({TWO: "no recording answers"})) == [("missing", "is not recorded", ())]


def test_interactions_that_did_not_answer_are_unused() -> None:
    assert found(held(), came_to=trials(uses=(1,))) == [("unused", "nobody asks for /interactions/0", (0,))]


def test_of_a_variant_that_is_not_known_nothing_is_called_unused() -> None:
    came_to = replace(trials(), strangers=frozenset({TWO}))
    assert found(held(), held(TWO), came_to=came_to) == [("unknown", "it is of a variant that is not known", ())]


def test_a_file_of_no_case_is_unused_in_the_folder_of_a_suite_alone() -> None:
    assert found(held(), held(TWO), held(OTHER)) == [("unused", "no case has it", ())]


@pytest.mark.parametrize("path", [ONE, OTHER])
def test_a_secret_is_told_wherever_it_stands_and_never_shown(path: Path) -> None:
    told = found(held(path, raw=f'{{"a": "{KEY}", "b": "{KEY}"}}'.encode()))
    assert told == [("secret", "the value of KEY (plain)", ()), ("secret", "what looks like an API key", ())]


def test_a_file_that_cannot_be_read_is_told_as_it_was_found() -> None:
    broken = Held(ONE, b"{", None, ("unreadable", "no whole cassette (line 1)"))
    assert found(broken) == [("unreadable", "no whole cassette (line 1)", ())]


def test_pruning_leaves_the_rest_as_it_was_or_nothing() -> None:
    whole = recording(3)
    left = pruned(whole, [1])
    assert left is not None
    assert left.interactions == (whole.interactions[0], whole.interactions[2])
    assert left.made_with == whole.made_with
    assert pruned(whole, [0, 1, 2]) is None


def test_a_finding_ends_with_its_mend() -> None:
    assert str(Finding("missing", ONE, "is not recorded")) == (
        "cassettes/small/one.json: missing: is not recorded; plait cassettes record"
    )
