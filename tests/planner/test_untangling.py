"""Steps come after what they use, twins get names, and outputs are called by their names."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.untangling import untangle
from runtime.checks import examine
from runtime.issues import JsonValue
from runtime.node_types import Registry, installed_types


def step(name: str, *uses: str) -> JsonValue:
    return {"id": name, "type": "echo", "params": {"text": " ".join([name, *(f"${{{each}.result}}" for each in uses)])}}


def said(name: str, text: str) -> JsonValue:
    return {"id": name, "type": "echo", "params": {"text": text}}


def block(*branches: JsonValue) -> JsonValue:
    return {"parallel": list(branches)}


def sequence(*steps: JsonValue) -> JsonValue:
    return {"pipeline": list(steps)}


def names(entry: JsonValue) -> JsonValue:
    """Only the ids: a list is a sequence, {"|": [...]} a block."""
    if isinstance(entry, list):
        return [names(each) for each in entry]
    assert isinstance(entry, dict)
    if "parallel" in entry:
        return {"|": names(entry["parallel"])}
    return names(entry["pipeline"]) if "pipeline" in entry else entry["id"]


A, B, C, D = step("a"), step("b"), step("c", "a"), step("d", "a", "b")
ROUTED: JsonValue = {"id": "c", "type": "echo", "params": {"text": "${a.result}"}, "next": {"default": "a"}}


@pytest.mark.parametrize(
    ("written", "order", "note"),
    [
        ([block(A, B, D)], [{"|": ["a", "b"]}, "d"], "put 'd' after the block, which it uses"),
        ([block(A, C)], ["a", "c"], "put 'c' after 'a', which it uses"),
        ([block(C, B, A)], [{"|": ["b", ["a", "c"]]}], "put 'c' after 'a', which it uses"),
        ([block(sequence(A, B), step("x"), D)], [{"|": [["a", "b", "d"], "x"]}], "put 'd' after the steps a, b"),
        ([C, A], ["a", "c"], "put 'a' before what uses it"),
        ([block(C, B), A], ["a", {"|": ["c", "b"]}], "put 'a' before what uses it"),
        ([block(block(A, C), B)], [{"|": [["a", "c"], "b"]}], "put 'c' after 'a', which it uses"),
    ],
)
def test_a_step_comes_after_what_it_uses(
    written: list[JsonValue], order: JsonValue, note: str, registry: Registry
) -> None:
    untangled = untangle(written, registry)
    assert names(untangled.entries) == order
    assert any(each.startswith(note) for each in untangled.notes)
    assert examine({"pipeline": untangled.entries}, registry).valid


@pytest.mark.parametrize(
    "written",
    [
        [block(A, B), D],
        [block(step("a", "b"), step("b", "a"))],
        [step("a", "b"), step("b", "a")],
        [{"parallel": [A, C], "on_error": "continue"}],
        [ROUTED, A],
        [A, said("a", "y"), C],
        ["a", None],
    ],
    ids=["in order", "a circle in a block", "a circle", "a block with a mode", "routing", "ambiguous", "no steps"],
)
def test_what_is_in_order_or_has_no_one_order_is_left_alone(written: list[JsonValue], registry: Registry) -> None:
    kept = untangle(written, registry)
    assert (kept.entries, kept.notes) == (written, ())


def test_the_second_of_two_equal_ids_gets_another_if_nobody_refers_to_it(registry: Registry) -> None:
    once, again, more = (said("a", text) for text in ("x", "y", "z"))
    untangled = untangle([once, block(again, step("a_2")), more], registry)
    assert names(untangled.entries) == ["a", {"|": ["a_3", "a_2"]}, "a_4"]


def test_where_an_id_has_as_many_references_as_bearers_each_means_its_own(registry: Registry) -> None:
    both = said("c", "first ${a.result}, then ${a.result}")
    untangled = untangle([said("a", "x"), said("a", "y"), both], registry)
    assert untangled.entries == [said("a", "x"), said("a_2", "y"), said("c", "first ${a.result}, then ${a_2.result}")]
    assert untangled.notes == ("called the other step 'a' 'a_2'",)


def test_result_of_a_type_without_such_an_output_is_its_main_one(registry: Registry) -> None:
    total: JsonValue = {"id": "t", "type": "total", "params": {"numbers": [1]}}
    user: JsonValue = {
        "id": "u",
        "type": "echo",
        "params": {"text": "${t.result} ${t.response } $${t.result} ${u.result}"},
    }
    untangled = untangle([total, user], registry)
    assert untangled.entries[1]["params"]["text"] == "${t.sum} ${t.sum } $${t.result} ${u.result}"  # type: ignore[index,call-overload]  # JSON
    assert untangled.notes == ("read ${t.result} as ${t.sum}", "read ${t.response} as ${t.sum}")


def test_what_a_single_open_output_is_not_called_is_a_part_of_it(registry: Registry) -> None:
    open_type = replace(registry["echo"], name="open", outputs={"result": "any"})
    wide = Registry({}).with_types(open_type, registry["echo"])
    found: JsonValue = {"id": "f", "type": "open", "params": {"text": "x"}}
    user = said("u", "${f.origin} ${f.stops.first} ${f.result.name} ${u.origin}")
    untangled = untangle([found, user], wide)
    assert untangled.entries[1] == said("u", "${f.result.origin} ${f.result.stops.first} ${f.result.name} ${u.origin}")
    assert "read ${f.origin} as ${f.result.origin}" in untangled.notes


def test_what_other_types_call_their_main_output_is_read_as_that_of_the_type_or_as_the_part_named(
    registry: Registry,
) -> None:
    total: JsonValue = {"id": "t", "type": "total", "params": {"numbers": [1]}}
    user: JsonValue = {"id": "u", "type": "echo", "params": {"text": "${t.stdout} ${t.result.count} ${t.content.x[0]}"}}
    untangled = untangle([total, user], registry)
    assert untangled.entries[1]["params"]["text"] == "${t.sum} ${t.count} ${t.sum.x[0]}"  # type: ignore[index,call-overload]  # JSON
    assert "read ${t.result.count} as ${t.count}" in untangled.notes


STEPS = "abcdef"


def used_earlier(draw: st.DrawFn) -> list[JsonValue]:
    """Six steps that use only earlier ones of the alphabet, written in any order."""
    steps = [step("a")]
    for at, name in enumerate(STEPS[1:], 1):
        steps.append(step(name, *draw(st.sets(st.sampled_from(STEPS[:at]), max_size=2))))
    return draw(st.permutations(steps))


@st.composite
def pipelines(draw: st.DrawFn) -> list[JsonValue]:
    """Such steps cut into entries, blocks and sequences."""
    mixed, entries = used_earlier(draw), list[JsonValue]()
    while mixed:
        size = draw(st.integers(1, 3))
        part, mixed = mixed[:size], mixed[size:]
        entries.append(part[0] if len(part) == 1 else block(*part[:-1], sequence(part[-1])))
    return entries


@given(st.composite(used_earlier)(), st.booleans())
def test_steps_in_any_order_become_valid_side_by_side_or_one_after_another(
    registry: Registry, written: list[JsonValue], together: bool
) -> None:
    untangled = untangle([block(*written)] if together else written, registry)
    assert examine({"pipeline": untangled.entries}, registry).valid


@given(pipelines())
def test_untangling_keeps_every_step_and_has_nothing_to_do_the_second_time(
    registry: Registry, written: list[JsonValue]
) -> None:
    once = untangle(written, registry).entries
    assert sorted(str(names(once)).translate(PUNCTUATION)) == sorted(STEPS)
    assert untangle(once, registry).entries == once


PUNCTUATION = str.maketrans("", "", "[]{}|:', ")


def test_a_key_in_single_quotes_is_the_same_in_double_ones(registry: Registry) -> None:
    user = said("u", "${a.result['First name']} $${a.result['x']} ${a.result[0]}")
    untangled = untangle([A, user], registry)
    assert untangled.entries[1] == said("u", "${a.result[\"First name\"]} $${a.result['x']} ${a.result[0]}")
    assert untangled.notes == ("put the key 'First name' of a reference in double quotes",)


def test_a_field_of_an_output_with_a_schema_is_read_from_it() -> None:
    schema: JsonValue = {"type": "object", "properties": {"french": {"type": "string"}}}
    asked: JsonValue = {"id": "t", "type": "llm", "params": {"prompt": "Translate.", "output_schema": schema}}
    user: JsonValue = {"id": "u", "type": "transform", "params": {"value": ["${t.french}", "${t.usage}", "${t.dutch}"]}}
    untangled = untangle([asked, user], installed_types())
    assert untangled.entries[1]["params"] == {"value": ["${t.result.french}", "${t.usage}", "${t.dutch}"]}  # type: ignore[index,call-overload]  # JSON


def test_what_is_called_like_the_file_that_a_step_reads_is_its_content() -> None:
    read: JsonValue = {"id": "r", "type": "read_file", "params": {"path": "in/brief.txt"}}
    user: JsonValue = {"id": "u", "type": "llm", "params": {"prompt": "${r.brief} ${r.size} ${r.txt}"}}
    untangled = untangle([read, user], installed_types())
    assert untangled.entries[1]["params"] == {"prompt": "${r.content} ${r.size} ${r.txt}"}  # type: ignore[index,call-overload]  # JSON
