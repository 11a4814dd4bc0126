"""Every worked example is a valid workflow, and together they show what the language can say."""

from __future__ import annotations

import pytest

from planner.prompting import Example, examples
from planner.validation import judge
from runtime.checks import examine
from runtime.graph import ordered_pairs
from runtime.node_types import installed_types

REGISTRY = installed_types()


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.request.text[:24])
def test_an_example_is_valid_without_mends_or_warnings(example: Example) -> None:
    verdict = judge(example.workflow, example.request, REGISTRY)
    assert (verdict.issues, verdict.notes) == ((), ())


def test_the_examples_show_a_chain_a_join_a_sequence_in_a_branch_and_an_and_that_depends() -> None:
    shapes = {example.request.text.split()[0]: _shape(example) for example in examples()}
    assert shapes["Find"] == [1, 1]  # "and", yet dependent
    assert [1, 1, 1] in shapes.values()
    assert [3, 1] in shapes.values()
    assert any("'pipeline'" in str(_entries(example)) for example in examples())


def test_a_later_step_of_an_example_always_waits_for_something_it_uses() -> None:
    for example in examples():
        graph = examine(example.workflow, REGISTRY).graph
        assert graph is not None
        for before, after in ordered_pairs(graph):
            assert _uses(graph.nodes[after].params, before) or any(
                _uses(graph.nodes[after].params, between) for between in graph.successors[before]
            )


def _uses(params: object, step: str) -> bool:
    return f"${{{step}." in str(params)


def _shape(example: Example) -> list[int]:
    """How many branches each entry has."""
    return [len(list(entry.get("parallel", [entry]))) for entry in _entries(example)]


def _entries(example: Example) -> list[dict[str, list[object]]]:
    return example.workflow["pipeline"]  # type: ignore[index,call-overload,return-value]  # JSON of our own
