"""Why each step waits: one sentence for each step right before it."""

from __future__ import annotations

import pytest

from runtime.explain import Explanation, explain
from tests.language import Document, graph, graph_of, pipeline, registry, step


def explained(document: Document, **seconds: float) -> Explanation:
    return explain(graph_of(document), registry(), seconds or None)


def why(document: Document, name: str) -> dict[str, list[str]]:
    """The kinds of reasons for which a step waits for each step before it."""
    return {
        str(wait.step): [reason.kind for reason in wait.reasons]
        for wait in explained(document).waits[name]  # type: ignore[index]  # a NodeId is a str
    }


def write(name: str, path: str = "x", content: object = "") -> Document:
    return {"id": name, "type": "write_file", "params": {"path": path, "content": content}}


def ask(name: str, **more: object) -> Document:
    return {"id": name, "type": "llm", "params": {"prompt": "which?"}, **more}


PAUSE: Document = {"id": "b", "type": "wait", "params": {"seconds": 1}}
ROUTED = pipeline(ask("a", next={"x": [step("i")], "default": "c"}), step("b"), step("c"), step("d"))


@pytest.mark.parametrize(
    ("document", "kinds"),
    [
        (pipeline(step("a"), step("b", "${a.result}")), ["uses"]),
        (pipeline(write("a"), write("b")), ["effects"]),
        (pipeline(write("a"), write("b", content="${a.path}")), ["uses", "effects"]),
        (pipeline(step("a"), PAUSE), ["pause"]),
        (pipeline(step("a"), write("b"), settings={"on_error": "rollback"}), ["rollback"]),
        (pipeline(step("a"), {"parallel": [step("b")], "timeout": 5}), ["block"]),
        (pipeline(ask("a", next={"x": [step("b")]})), ["routed"]),
        (pipeline(step("a"), step("b")), ["nothing"]),
    ],
)
def test_each_reason_is_named(document: Document, kinds: list[str]) -> None:
    assert why(document, "b") == {"a": kinds}


def test_steps_behind_a_router_say_so() -> None:
    assert why(ROUTED, "b") == {"a": ["routed"], "i": ["routed"]}
    assert why(ROUTED, "d") == {"b": ["routed"], "c": ["routed"]}


def test_an_edge_that_only_repeats_what_others_ask_for_says_so() -> None:
    document = graph([step("a"), step("m", "${a.result}"), step("b", "${m.result}")], "a-m", "m-b", "a-b")
    assert why(document, "b") == {"m": ["uses"], "a": ["through"]}


def test_the_sentences_say_what_is_used_and_what_is_touched() -> None:
    document = pipeline(step("a"), write("b", content="${a.result}"), write("c", "${workflow.y}"), write("d", "z"))
    assert str(explained(document)).splitlines() == [
        "a: starts at once",
        "b: waits for",
        "  a: uses ${a.result}",
        "c: waits for",
        "  b: writes any file, 'b' writes the file x",
        "d: waits for",
        "  c: writes the file z, 'c' writes any file",
        "",
        "4 steps, 4 on the longest way: at best 1.0 times as fast as one after another",
    ]


def test_the_speedup_is_that_of_the_longest_way() -> None:
    document = pipeline({"parallel": [step("a"), step("b")]}, step("c", "${a.result}${b.result}"))
    assert (explained(document).levels, explained(document).speedup) == (2, 1.5)
    timed = explained(document, a=4.0, b=1.0, c=1.0)
    assert (timed.sequential, timed.parallel, timed.speedup) == (6.0, 5.0, 1.2)


def test_what_would_be_gained_without_false_waits_is_said() -> None:
    told = explained(pipeline(step("a"), step("b"), step("c", "${b.result}")))
    assert (told.levels, told.least) == (3, 2)
    assert str(told).endswith("; without false waits it has 2")
    assert told.to_json()["least_levels"] == 2
