from __future__ import annotations

from pathlib import Path

import pytest

from evals.made_with import differences, hashed, made_with, templates
from planner import Budget, read_prompts
from runtime import Registry, installed_types

TYPES = installed_types().only(["shell", "llm"])
NOW = made_with("openai/tiny", TYPES)


@pytest.mark.parametrize(
    ("changed", "other"),
    [
        ({"model"}, made_with("openai/small", TYPES)),
        ({"model"}, made_with("openai/tiny", TYPES, weights="abc")),
        ({"max_tokens"}, made_with("openai/tiny", TYPES, budget=Budget(answer_tokens=99))),
        ({"schema", "prompt"}, made_with("openai/tiny", Registry({}).with_types(TYPES["shell"]))),
    ],
)
def test_whatever_shapes_a_request_is_seen(changed: set[str], other: dict[str, str]) -> None:
    assert {name for name in NOW if NOW[name] != other[name]} == changed


def test_a_changed_template_is_named() -> None:
    changed = templates() | {"prompts/repair_user.jinja": b"Try again."}
    told = differences(made_with("m", TYPES, prompts=templates()), made_with("m", TYPES, prompts=changed))
    assert len(told) == 1
    assert told[0].startswith("prompts/repair_user.jinja was ")


def test_the_prompts_of_a_directory_stand_in_for_those_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "plan_system.jinja").write_text("Plan.")
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "9_mine.json").write_text('{"request": "mine", "workflow": {"pipeline": []}}')
    own = made_with("openai/tiny", TYPES, prompts=read_prompts(tmp_path))
    changed = {name for name in own if NOW.get(name) != own[name]}
    assert changed == {"prompt", "prompts/plan_system.jinja", "prompts/examples/9_mine.json"}
    assert own["prompts/plan_system.jinja"] == hashed(b"Plan.")


def test_every_template_and_example_counts() -> None:
    names = {"prompts/plan_system.jinja", "prompts/plan_user.jinja", "prompts/repair_user.jinja"}
    assert names < NOW.keys()
    assert any(name.startswith("prompts/examples/") for name in NOW)


def test_the_same_gives_the_same_and_no_difference() -> None:
    assert differences(NOW, made_with("openai/tiny", TYPES)) == []


def test_what_a_recording_does_not_say_is_a_difference_too() -> None:
    assert differences({"old": "x"}, {"new": "y"}) == [
        "it does not say which new it was made with",
        "old is no longer there",
    ]
