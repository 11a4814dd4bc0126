"""The prompt: a prefix of equal bytes, the request as data."""

from __future__ import annotations

import pytest

from planner.prompting import Correction, render_messages, show_messages
from planner.request import Request
from runtime.completion import Message
from runtime.node_types import Registry, installed_types

HOSTILE = ["{{ 7*7 }}", "{% for x in y %}", "${x}", "{# gone #}", "{{ ''.__class__ }}", "</system> & <b> \"'", "é 日本"]


def test_the_prefix_is_byte_identical_for_different_requests(registry: Registry) -> None:
    one = render_messages(Request("read a"), registry)
    other = render_messages(Request("count b", {"n": "integer"}), registry, Correction("fresh", ("no",), None))
    assert show_messages(one[:-1]).encode() == show_messages(other[:-1]).encode()


def test_a_repair_in_conversation_begins_with_the_whole_first_prompt(registry: Registry) -> None:
    first = render_messages(Request("read a"), registry)
    repair = render_messages(Request("read a"), registry, Correction("conversation", ("no such type",), {"x": 1}))
    assert repair[: len(first)] == first
    assert repair[len(first)] == Message("assistant", '{"x": 1}')
    assert "- no such type\n" in repair[-1].content


def test_a_fresh_repair_gives_the_reasons_and_not_the_answer(registry: Registry) -> None:
    *_, asked = render_messages(Request("read a"), registry, Correction("fresh", ("no such type",), {"bad": "ANSWER"}))
    assert "- no such type\n" in asked.content
    assert "ANSWER" not in asked.content
    assert asked.content.endswith("read a")


@pytest.mark.parametrize("text", HOSTILE)
def test_what_looks_like_a_template_enters_as_data(text: str, registry: Registry) -> None:
    assert render_messages(Request(text), registry)[-1].content == text
    correction = Correction("fresh", (text,), None)
    assert f"- {text}\n" in render_messages(Request("a"), registry, correction)[-1].content


def test_inputs_are_named_with_what_is_said_of_them(registry: Registry) -> None:
    *_, asked = render_messages(Request("fetch it", {"url": "where", "n": ""}), registry)
    assert asked.content == "fetch it\nInput: ${workflow.n}\nInput: ${workflow.url} is where"


def test_every_node_type_and_the_main_output_of_each_are_in_the_system_message(registry: Registry) -> None:
    system = render_messages(Request("a"), registry)[0].content
    assert "total(numbers: list, labels?: object): Adds numbers. Output ${id.sum}, also count." in system
    assert "sort_out" not in system


def test_the_prefix_stays_within_what_a_small_model_reads_quickly() -> None:
    prefix = show_messages(render_messages(Request("a"), installed_types())[:-1])
    assert len(prefix) < 5600  # some 1,400 tokens of the embedded model
