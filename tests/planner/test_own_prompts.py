"""Templates and examples of a directory of one's own, in place of the shipped ones or beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from planner import InvalidRequest, Request, read_prompts, render_messages
from planner.prompting import examples
from runtime.node_types import Registry


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_template_stands_in_for_the_shipped_one(tmp_path: Path, registry: Registry) -> None:
    prompts = read_prompts(written(tmp_path, "plan_system.jinja", "Only my rules.\n"))
    first, *rest = render_messages(Request("x"), registry, prompts=prompts)
    assert first.content == "Only my rules."
    assert tuple(rest) == render_messages(Request("x"), registry)[1:]


def test_an_example_is_added_and_one_of_a_shipped_name_replaces_that(tmp_path: Path) -> None:
    mine = json.dumps({"request": "mine", "workflow": {"pipeline": []}})
    shipped = [example.request.text for example in examples()]
    added = examples(read_prompts(written(tmp_path, "examples/9_mine.json", mine)))
    assert [example.request.text for example in added] == [*shipped, "mine"]
    replaced = examples(read_prompts(written(tmp_path / "other", "examples/1_chain.json", mine)))
    assert [example.request.text for example in replaced] == ["mine", *shipped[1:]]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("plan_sistem.jinja", "x", "did you mean 'plan_system.jinja'?"),
        ("notes.txt", "x", "holds no part of a prompt"),
    ],
)
def test_a_directory_that_replaces_nothing_is_refused(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said.replace("?", r"\?")):
        read_prompts(written(tmp_path, name, text))


def test_a_directory_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no directory of prompts"):
        read_prompts(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plan_user.jinja", "{{ reqest }}"),
        ("plan_user.jinja", "{% if %}"),
        ("plan_system.jinja", "{{ ''.__class__.__mro__ }}"),
        ("examples/9.json", "{"),
        ("examples/9.json", '{"request": "x"}'),
        ("examples/9.json", "[]"),
    ],
)
def test_what_cannot_be_rendered_is_told_with_its_file(
    tmp_path: Path, name: str, text: str, registry: Registry
) -> None:
    prompts = read_prompts(written(tmp_path, name, text))
    with pytest.raises(InvalidRequest, match=name):
        render_messages(Request("x"), registry, prompts=prompts)
