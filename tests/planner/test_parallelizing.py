"""Accepted workflows lose their false waits, and nothing else."""

from __future__ import annotations

import json
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from planner import Policy, plan_sync
from planner.parallelizing import without_false_waits
from planner.request import Request
from planner.validation import judge
from runtime.checks import Examination, examine
from runtime.completion import ScriptedClient
from runtime.graph import ordered_pairs
from runtime.issues import Issue, JsonValue
from runtime.node_types import Registry
from runtime.parallelize import parallelize

ASKED = Request("say x")


def echo(name: str, text: str = "", **rest: JsonValue) -> JsonValue:
    return {"id": name, "type": "echo", "params": {"text": text or f"x {name}"}, **rest}


CHAIN: JsonValue = {"description": "kept", "pipeline": [echo("a"), echo("b"), echo("c", "${a.result}${b.result}")]}


def test_steps_that_do_not_use_each_other_become_a_block(registry: Registry) -> None:
    freed = without_false_waits(CHAIN, registry)
    both: JsonValue = {"parallel": [echo("a"), echo("b")]}
    assert freed.value == {"description": "kept", "pipeline": [both, echo("c", "${a.result}${b.result}")]}
    assert freed.notes == ("'b' no longer waits for 'a': it uses nothing of it",)


def test_two_blocks_one_after_the_other_become_one_of_two_sequences(registry: Registry) -> None:
    value: JsonValue = {
        "pipeline": [
            {"parallel": [echo("a"), echo("b")]},
            {"parallel": [echo("c", "${a.result}"), echo("d", "${b.result}")]},
        ]
    }
    ways: JsonValue = [
        {"pipeline": [echo("a"), echo("c", "${a.result}")]},
        {"pipeline": [echo("b"), echo("d", "${b.result}")]},
    ]
    assert without_false_waits(value, registry).value == {"pipeline": [{"parallel": ways}]}


def test_several_false_waits_of_a_step_are_one_note(registry: Registry) -> None:
    value: JsonValue = {"pipeline": [{"parallel": [echo("a"), echo("b")]}, echo("c")]}
    assert without_false_waits(value, registry).notes == ("'c' no longer waits for 'a', 'b': it uses nothing of them",)


def test_what_is_as_parallel_as_can_be_stays_byte_for_byte(registry: Registry) -> None:
    value: JsonValue = {"ir_version": "0.2.0", "pipeline": [echo("a"), echo("b", "${a.result}")]}
    assert without_false_waits(value, registry).value is value


def test_where_blocks_cannot_say_the_order_left_some_waits_of_the_answer_stay(registry: Registry) -> None:
    """b and d use a; d uses c as well: an N. One wait more makes a pipeline of it, and the answer had that wait."""
    value: JsonValue = {
        "pipeline": [echo("a"), echo("b", "${a.result}"), echo("c"), echo("d", "${a.result}${c.result}")]
    }
    freed = without_false_waits(value, registry)
    c_and_d: JsonValue = {"pipeline": [echo("c"), echo("d", "${a.result}${c.result}")]}
    assert freed.value == {"pipeline": [echo("a"), {"parallel": [echo("b", "${a.result}"), c_and_d]}]}
    assert freed.notes == ("'c' no longer waits for 'b': it uses nothing of it",)


def test_steps_before_a_router_are_freed_and_what_is_behind_it_stays(registry: Registry) -> None:
    routed: JsonValue = {
        "pipeline": [echo("a"), echo("b"), echo("c", next={"error": [echo("d")]}), echo("e"), echo("f")]
    }
    freed = without_false_waits(routed, registry)
    assert freed.notes == ("'b' no longer waits for 'a': it uses nothing of it",)
    assert isinstance(freed.value, dict)
    assert freed.value["pipeline"] == [
        {"parallel": [echo("a"), echo("b")]},
        echo("c", next={"error": [echo("d")]}),
        echo("e"),
        echo("f"),
    ]


def test_the_graph_form_and_what_is_no_workflow_are_left_alone(registry: Registry) -> None:
    as_graph: JsonValue = {"nodes": [echo("a"), echo("b")], "edges": [{"from": "a", "to": "b"}]}
    for value in (as_graph, 7):
        assert without_false_waits(value, registry).notes == ()


def test_a_check_of_ones_own_that_asks_for_the_order_keeps_it(registry: Registry) -> None:
    def a_before_b(examined: Examination) -> list[Issue]:
        assert examined.graph is not None
        return [] if ("a", "b") in ordered_pairs(examined.graph) else [Issue("schema", "", "a must come before b")]

    assert judge(CHAIN, ASKED, registry).notes
    kept = judge(CHAIN, ASKED, registry, (a_before_b,))
    assert (kept.candidate, kept.notes) == (CHAIN, ())


def test_an_accepted_plan_says_what_no_longer_waits(registry: Registry) -> None:
    client = ScriptedClient([json.dumps(CHAIN)])
    accepted = plan_sync("say x", completions=client, registry=registry)
    assert accepted.workflow != CHAIN
    assert accepted.attempts[0].notes == ("'b' no longer waits for 'a': it uses nothing of it",)


def test_plans_can_be_left_as_the_model_wrote_them(registry: Registry) -> None:
    client = ScriptedClient([json.dumps(CHAIN)])
    policy = Policy(parallelize=False)
    assert plan_sync("say x", completions=client, registry=registry, policy=policy).workflow == CHAIN


def test_an_answer_that_is_refused_is_shown_to_the_model_as_it_wrote_it(registry: Registry) -> None:
    wrong: JsonValue = {"pipeline": [echo("a"), echo("b"), {"id": "c", "type": "nobody"}]}
    assert judge(wrong, ASKED, registry).candidate == wrong


@given(seed=st.integers())
def test_any_chain_is_freed_as_far_as_blocks_can_say(seed: int, registry: Registry) -> None:
    random = Random(seed)
    uses = [[each for each in range(at) if random.random() < 0.25] for at in range(8)]
    steps = [echo(f"s{at}", "".join(f"${{s{each}.result}}" for each in used)) for at, used in enumerate(uses)]
    value: JsonValue = {"pipeline": steps}
    before, after = (examine(each, registry) for each in (value, without_false_waits(value, registry).value))
    assert before.graph is not None
    assert after.graph is not None
    assert after.valid
    least = parallelize(before.graph, registry)
    assert ordered_pairs(least.graph) <= ordered_pairs(after.graph) <= ordered_pairs(before.graph)
