"""What two sides were made with: what differs, what is the same, and what nobody can say."""

from __future__ import annotations

import pytest

from evals.making import Aspect, Different, aspects

MADE = {
    "model": "local",
    "temperature": "0",
    "max_tokens": "2000",
    "prompt": "aa",
    "prompts/plan_system.jinja": "bb",
    "schema": "cc",
    "language": "1",
    "code": "dd",
}
ORDER = ["model", "parameters", "prompts", "node types", "language", "code"]


def different(changed: dict[str, str]) -> dict[str, tuple[Different, ...]]:
    return {each.name: each.different for each in aspects([(MADE, MADE | changed)]) if not each.same}


def test_of_the_same_every_aspect_is_the_same_in_one_order() -> None:
    assert aspects([(MADE, MADE)] * 2) == tuple(Aspect(name) for name in ORDER)


@pytest.mark.parametrize(
    ("name", "aspect"),
    [
        ("model", "model"),
        ("temperature", "parameters"),
        ("max_tokens", "parameters"),
        ("prompts/plan_system.jinja", "prompts"),
        ("prompts/examples/9.json", "prompts"),
        ("evals/prompts/plain.txt", "prompts"),
        ("schema", "node types"),
        ("prompt", "node types"),
        ("language", "language"),
        ("code", "code"),
        ("another", "another"),
    ],
)
def test_what_differs_is_named_under_its_aspect(name: str, aspect: str) -> None:
    assert different({name: "x"}) == {aspect: (Different(name, MADE.get(name), "x"),)}


def test_where_templates_differ_the_rendered_prompt_says_nothing_more() -> None:
    assert set(different({"prompts/plan_system.jinja": "x", "prompt": "x"})) == {"prompts"}


def test_it_is_counted_how_many_pairs_differ_and_a_difference_is_named_once() -> None:
    [*_, code] = aspects([(MADE, MADE), (MADE, MADE | {"code": "x"}), (MADE, MADE | {"code": "x"})])
    assert code == Aspect("code", (Different("code", "dd", "x"),), 2)


def test_of_what_one_side_does_not_say_nothing_is_said() -> None:
    assert aspects([({}, MADE), (MADE, {})]) == ()
