"""The prompt: a prefix of equal bytes, the request as data."""

from __future__ import annotations

import pytest

from planner.prompting import Correction, examples, render_messages, show_messages
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
    assert asked.content.endswith("\n\nRequest: read a")


@pytest.mark.parametrize("text", HOSTILE)
def test_what_looks_like_a_template_enters_as_data(text: str, registry: Registry) -> None:
    assert render_messages(Request(text), registry)[-1].content.endswith(f"\n\nRequest: {text}")
    correction = Correction("fresh", (text,), None)
    assert f"- {text}\n" in render_messages(Request("a"), registry, correction)[-1].content


def test_inputs_are_named_with_what_is_said_of_them(registry: Registry) -> None:
    *_, asked = render_messages(Request("fetch it", {"url": "where", "n": ""}), registry)
    assert asked.content.endswith("\n\nRequest: fetch it\nInput: ${workflow.n}\nInput: ${workflow.url} is where")


def test_every_node_type_and_the_main_output_of_each_stand_before_the_request(registry: Registry) -> None:
    *_, asked = render_messages(Request("total it"), registry)
    catalogue, _, request = asked.content.partition("\n\n")
    assert "total(numbers: list, labels?: object): Adds numbers. Gives sum, also count." in catalogue
    assert "sort_out" not in catalogue
    assert request == "Request: total it"


def test_rules_and_examples_are_the_same_whatever_is_offered_and_stand_first(registry: Registry) -> None:
    few, many = (render_messages(Request("a"), each) for each in (registry, installed_types()))
    assert few[:-1] == many[:-1]
    assert [message.role for message in few] == ["system", *["user", "assistant"] * len(examples()), "user"]


def test_all_before_the_request_is_the_same_for_every_request(registry: Registry) -> None:
    one, other = (show_messages(render_messages(Request(text), registry)) for text in ("one", "other"))
    assert one.removesuffix("one") == other.removesuffix("other")


def test_the_prompt_speaks_of_no_type_that_is_not_offered(registry: Registry) -> None:
    *_, asked = render_messages(Request("a"), registry)
    assert not {name for name in installed_types() if name in asked.content}
    *_, asked = render_messages(Request("a"), installed_types().only(["llm"]))
    assert "Use llm to" in asked.content
    assert "write_file" not in asked.content


def test_a_prompt_keeps_to_the_room_for_node_types(registry: Registry) -> None:
    assert "\ntotal(" not in render_messages(Request("a"), registry, room=25)[-1].content
    assert "\ntotal(" in render_messages(Request("a total"), registry, room=25)[-1].content


def test_the_prompt_stays_within_what_a_small_model_reads_quickly() -> None:
    offered = installed_types().only(["code", "http", "llm", "read_file", "shell", "wait", "write_file"])
    assert len(show_messages(render_messages(Request("a"), offered))) < 5800  # some 1,450 tokens of the embedded model
