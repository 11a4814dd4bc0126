"""Warnings: what is legal and probably not meant."""

from __future__ import annotations

import pytest

from runtime.checks import examine
from tests.language import Document, errors, found, graph, issues, only_issue, pipeline, registry, step


def write(name: str, path: str = "out.txt", content: object = "x") -> Document:
    return {"id": name, "type": "write_file", "params": {"path": path, "content": content}}


def read(name: str, path: str) -> Document:
    return {"id": name, "type": "read_file", "params": {"path": path}}


def shell(name: str, command: str = "true", **more: object) -> Document:
    return {"id": name, "type": "shell", "params": {"command": command}, **more}


# --- missed parallelism ----------------------------------------------------------------------------------------------


def test_neighbours_without_anything_in_common_could_run_side_by_side() -> None:
    for document, path in (
        (pipeline(step("a"), step("b")), "/pipeline/1"),
        (graph([step("a"), step("b")], "a-b"), "/nodes/1"),
        (pipeline(read("a", "x"), read("b", "x")), "/pipeline/1"),
        (pipeline(write("a", "x"), write("b", "y")), "/pipeline/1"),
    ):
        assert found(document) == {("missed_parallelism", path)}
        assert "takes 1 step instead of 2" in only_issue(document, "missed_parallelism").hint


def test_the_gain_is_that_of_all_false_waits_together() -> None:
    document = pipeline(step("a"), step("b", "${a.result}"), step("c"), step("d", "${c.result}"))
    assert "takes 2 steps instead of 4" in only_issue(document, "missed_parallelism").hint


@pytest.mark.parametrize(
    "document",
    [
        pipeline(step("a"), step("b", "${a.result}")),
        pipeline(step("a"), step("b", "${workflow.x ?? a.result}")),
        pipeline(step("a"), step("b", undo={"type": "transform", "params": {"value": "${a.result}"}})),
        pipeline(step("a"), step("b", "${item}", batch={"items": "${a.result}"})),
        pipeline(shell("a"), shell("b")),
        pipeline(write("a"), read("b", "out.txt")),
        pipeline(write("a"), read("b", "./out.txt")),
        pipeline(write("a", "${workflow.x}"), read("b", "out.txt")),
        pipeline({"parallel": [step("a"), step("b")]}, step("c")),
        pipeline(step("a"), {"parallel": [step("b"), step("c")]}),
        pipeline(step("a", next={"x": "c"}), step("b", "${a.result}"), step("c")),
    ],
)
def test_what_has_a_reason_to_wait_is_left_alone(document: Document) -> None:
    assert "missed_parallelism" not in {code for code, _ in found(document)}


def test_the_ends_of_routes_and_loops_are_left_alone() -> None:
    loop = pipeline(step("a"), step("b", next={"again": "a"}))
    assert found(loop) == {("unreachable_action", "/pipeline/1/next/again")}


# --- routing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (pipeline(shell("a", next={"x": "b"}), step("b")), "/pipeline/0/next/x"),
        (pipeline(shell("a", next={"x": [step("i")]}), shell("b")), "/pipeline/0/next/x"),
        (graph([shell("a"), step("b")], "a-b:x"), "/edges/0"),
    ],
)
def test_an_action_that_a_type_never_ends_with_is_unreachable(document: Document, path: str) -> None:
    assert ("unreachable_action", path) in found(document)


def ask(name: str, **more: object) -> Document:
    return {"id": name, "type": "llm", "params": {"prompt": "which?"}, **more}


def test_errors_defaults_and_what_a_model_chooses_are_reachable() -> None:
    assert not found(pipeline(shell("a", next={"error": [shell("i")], "default": "b"}), shell("b")))
    assert not found(pipeline(ask("a", next={"x": [shell("i")]}), shell("b")))


def test_an_arm_right_under_an_ordinary_entry_is_passed_by_from_above() -> None:
    document = pipeline(ask("a", next={"x": "arm"}), shell("b"), shell("arm"))
    assert found(document) == {("arm_not_reached_from_above", "/pipeline/2")}


def test_arms_under_their_router_or_under_one_another_are_as_they_should_be() -> None:
    assert not found(pipeline(ask("a", next={"x": "one", "y": "other"}), shell("one"), shell("other"), shell("z")))


# --- ambiguous fan-out -----------------------------------------------------------------------------------------------


def test_unordered_writers_of_one_place_are_ambiguous_in_the_graph_form() -> None:
    document = graph([step("r"), write("a"), write("b", "./out.txt")], "r-a", "r-b")
    assert found(document) == {("ambiguous_fan_out", "/nodes/2")}
    assert '{"from": "a", "to": "b"}' in only_issue(document, "ambiguous_fan_out").hint


def test_blocks_say_that_their_branches_are_meant_to_be_parallel() -> None:
    assert not issues(pipeline({"parallel": [write("a"), write("b")]}))


def test_a_pair_of_writers_is_found_among_ordered_ones() -> None:
    nodes = [write("a"), write("b", content="${a.path}${c.path}"), write("c")]
    assert found(graph(nodes, "a-b", "c-b")) == {("ambiguous_fan_out", "/nodes/2")}


@pytest.mark.parametrize(
    "document",
    [
        graph([write("a"), write("b")], "a-b"),
        graph([write("a"), step("m", "${a.path}"), write("b", content="${m.result}")], "a-m", "m-b"),
        graph([step("r"), write("a", "x"), write("b", "y")], "r-a", "r-b"),
        graph([step("r"), write("a"), read("b", "out.txt")], "r-a", "r-b"),
    ],
)
def test_ordered_writers_and_other_places_are_not_ambiguous(document: Document) -> None:
    assert "ambiguous_fan_out" not in {code for code, _ in found(document)}


# --- rollback without undo -------------------------------------------------------------------------------------------


def test_effects_under_rollback_want_an_undo() -> None:
    undone = shell("c", "true ${b.result}", undo={"type": "shell", "params": {"command": "true"}})
    entries = [shell("a"), step("b", "${a.stdout}"), undone, write("d", content="${c.stdout}")]
    assert found(pipeline(*entries, settings={"on_error": "rollback"})) == {("rollback_without_undo", "/pipeline/0")}
    assert not issues(pipeline(*entries))


def test_a_block_under_rollback_speaks_for_what_is_inside_it() -> None:
    inside = {
        "parallel": [step("a"), {"pipeline": [shell("b"), shell("c", "true ${b.stdout}")]}],
        "on_error": "rollback",
    }
    paths = {"/pipeline/0/parallel/1/pipeline/0", "/pipeline/0/parallel/1/pipeline/1"}
    assert found(pipeline(inside, shell("d"))) == {("rollback_without_undo", path) for path in paths}
    document = graph([step("a"), shell("b")], blocks=[{"id": "k", "nodes": ["a", "b"], "on_error": "rollback"}])
    assert found(document) == {("rollback_without_undo", "/nodes/1")}
    assert "undo" in only_issue(document, "rollback_without_undo").hint


# --- of any size -----------------------------------------------------------------------------------------------------


def test_warnings_of_wide_barriers_are_found_without_the_pairs_of_steps() -> None:
    many = 2000
    blocks = [{"parallel": [step(f"{name}{at}") for at in range(many)]} for name in "ab"]
    examined = examine(pipeline(*blocks), registry())
    assert examined.graph is not None
    assert len(examined.graph.edges) == 2 * many
    assert "visible_edges" not in examined.graph.__dict__  # four million of them


def test_warnings_do_not_forbid() -> None:
    assert not errors(pipeline(step("a"), step("b"), settings={"on_error": "rollback"}))
