"""Every worked example is a valid workflow that runs, and together they show what the language can say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from pydantic import BaseModel

from planner.prompting import Example, examples
from planner.validation import judge
from runtime.checks import examine
from runtime.graph import ordered_pairs
from runtime.issues import JsonValue
from runtime.node_types import NodeContext, NodeType, Registry, installed_types
from runtime.running import run

REGISTRY = installed_types()
every_example = pytest.mark.parametrize("example", examples(), ids=lambda example: example.request.text[:24])


@every_example
def test_an_example_is_valid_without_mends_or_warnings(example: Example) -> None:
    verdict = judge(example.workflow, example.request, REGISTRY)
    assert (verdict.issues, verdict.notes) == ((), ())


@every_example
def test_an_example_runs_with_scripted_nodes_and_each_step_is_given_what_it_refers_to(example: Example) -> None:
    given: dict[str, str] = {}
    record = asyncio.run(run(_document(example), registry=_scripted(given)))
    assert record.status == "succeeded"
    graph = examine(example.workflow, REGISTRY).graph
    assert graph is not None
    assert given.keys() == {node.id for node in graph.steps}
    for before, after in ordered_pairs(graph):
        if _uses(graph.nodes[after].params, before):
            assert f"what {before} gives" in given[after]


def test_the_examples_show_a_dependent_and_a_fan_out_a_join_and_a_sequence_in_a_branch() -> None:
    chain, join, branch, source = examples()
    assert (" and " in chain.request.text, _shape(chain)) == (True, [1, 1, 1])
    assert _shape(join) == [3, 1]
    assert "'pipeline'" in str(_entries(branch))
    assert _shape(source) == [1, 2, 1]


def test_an_example_says_first_which_steps_are_parallel() -> None:
    for example in examples():
        (first, *_) = list(_document(example))
        assert first == "description"
        assert "parallel" in str(_document(example)["description"])


def test_a_later_step_of_an_example_always_waits_for_something_it_uses() -> None:
    for example in examples():
        graph = examine(example.workflow, REGISTRY).graph
        assert graph is not None
        for before, after in ordered_pairs(graph):
            assert _uses(graph.nodes[after].params, before) or any(
                _uses(graph.nodes[after].params, between) for between in graph.successors[before]
            )


def _scripted(given: dict[str, str]) -> Registry:
    """The built-in types with no effects: each step notes what it is given, and gives a text that names it."""

    def scripted(node_type: NodeType) -> NodeType:
        async def call(params: BaseModel, context: NodeContext) -> dict[str, object]:
            given[context.node] = str(params.model_dump())
            return dict.fromkeys(node_type.outputs, f"what {context.node} gives")

        kept = {"name": node_type.name, "params": node_type.params, "outputs": node_type.outputs}
        return NodeType(function=call, call=call, read=dict, **kept)  # type: ignore[arg-type]  # fields by name

    return Registry({}).with_types(*(scripted(REGISTRY[name]) for name in REGISTRY))


def _document(example: Example) -> Mapping[str, JsonValue]:
    return example.workflow  # type: ignore[return-value]  # JSON of our own


def _uses(params: object, step: str) -> bool:
    return f"${{{step}." in str(params)


def _shape(example: Example) -> list[int]:
    """How many branches each entry has."""
    return [len(list(entry.get("parallel", [entry]))) for entry in _entries(example)]


def _entries(example: Example) -> list[dict[str, list[object]]]:
    return example.workflow["pipeline"]  # type: ignore[index,call-overload,return-value]  # JSON of our own
