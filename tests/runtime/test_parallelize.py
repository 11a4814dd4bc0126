"""False waits removed: what goes, what stays, and why."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.checks import check, examine
from runtime.graph import Graph, Node, NodeId, build_graph, equal, levels, ordered_pairs
from runtime.issues import errors_of
from runtime.node_types import Effect, Registry, node_type
from runtime.parallelize import Parallelized, effects_of, parallelize
from runtime.references import references_in
from runtime.running import run
from runtime.surface import to_graph_form
from runtime.virtual_time import run_in_virtual_time
from runtime.workflow import Settings
from tests.language import Document, edges_of, graph, graph_of, pipeline, registry, step
from tests.random_documents import Theatre, random_document
from tests.random_graphs import REGISTRY, random_graph


def parallelized(document: Document) -> Parallelized:
    return parallelize(graph_of(document), registry())


def edges_left(document: Document) -> set[str]:
    return edges_of(parallelized(document).graph)


def write(name: str, path: str, content: object = "x", **more: object) -> Document:
    return {"id": name, "type": "write_file", "params": {"path": path, "content": content}, **more}


def wait(name: str) -> Document:
    return {"id": name, "type": "wait", "params": {"seconds": 1}}


def shell(name: str, **more: object) -> Document:
    return {"id": name, "type": "shell", "params": {"command": "true"}, **more}


def ask(name: str, **more: object) -> Document:
    return {"id": name, "type": "llm", "params": {"prompt": "which?"}, **more}


def test_steps_that_have_nothing_in_common_lose_their_order() -> None:
    done = parallelized(pipeline(step("a"), step("b"), step("c", "${a.result}")))
    assert edges_of(done.graph) == {"a-c"}
    assert done.removed == (("a", "b"), ("b", "c"))
    assert (done.levels_before, done.levels_after, done.speedup) == (3, 2, 1.5)


@pytest.mark.parametrize(
    ("document", "edges"),
    [
        (pipeline(step("a"), step("b", "${a.result}"), step("c"), step("d", "${c.result}")), "a-b c-d"),
        (pipeline(step("a"), step("x"), step("b", "${a.error}")), "a-b"),
        (pipeline(step("a"), step("x"), step("b", "${a.result ?? x.result ?? 1}")), "a-b x-b"),
        (pipeline(step("a"), step("x"), step("b", "${item}", batch={"items": "${a.result}"})), "a-b"),
        (pipeline(step("a"), step("b", undo={"type": "transform", "params": {"value": "${a.result}"}})), "a-b"),
        ({**pipeline(step("a"), step("x"), step("b", "${a.result}")), "settings": {"on_error": "continue"}}, "a-b"),
    ],
    ids=["chains", "error", "fallback", "batch", "undo", "continue"],
)
def test_what_a_step_refers_to_it_waits_for(document: Document, edges: str) -> None:
    assert edges_left(document) == set(edges.split())


@pytest.mark.parametrize(
    ("document", "edges"),
    [
        (pipeline(write("a", "x"), step("m"), write("b", "x")), "a-b"),
        (pipeline(write("a", "x"), write("m", "y"), write("b", "./x")), "a-b"),
        (pipeline(write("a", "x"), write("b", "${workflow.y}"), write("c", "z")), "a-b b-c"),
        (pipeline(shell("a"), step("m"), shell("b")), "a-b"),
        (pipeline(shell("a"), step("m"), write("b", "x"), write("c", "y")), "a-b a-c"),
        (pipeline(step("a", undo={"type": "shell", "params": {"command": "true"}}), step("m"), shell("b")), "a-b"),
    ],
    ids=["one place", "written otherwise", "any place", "anything", "anything first", "undo"],
)
def test_effects_that_meet_keep_their_order(document: Document, edges: str) -> None:
    assert edges_left(document) == set(edges.split())


def test_a_pause_keeps_its_place_and_two_of_them_may_pass_together() -> None:
    post = {"id": "post", "type": "http", "params": {"url": "http://x.org", "method": "POST"}}
    get = {"id": "get", "type": "http", "params": {"url": "http://y.org"}}
    assert edges_left(pipeline(post, wait("w"), get)) == {"post-w", "w-get"}
    assert edges_left(pipeline(wait("v"), wait("w"), get)) == {"v-get", "w-get"}


def test_under_rollback_effects_wait_for_all_that_was_before_them() -> None:
    document = pipeline(step("a"), step("b"), write("c", "x"), settings={"on_error": "rollback"})
    assert edges_left(document) == {"a-c", "b-c"}
    assert edges_left(pipeline(step("a"), step("b"), write("c", "x"))) == set()


def test_a_block_that_says_something_keeps_its_border() -> None:
    inside = {"parallel": [{"pipeline": [step("a"), step("b")]}], "timeout": 5}
    assert edges_left(pipeline(step("x"), inside, step("y"))) == {"x-a", "x-b", "a-y", "b-y"}


def test_routers_and_what_is_behind_them_stay_as_they_are() -> None:
    routed = pipeline(step("a"), step("b"), ask("r", next={"x": [step("i")]}), step("c"), step("d"))
    assert edges_left(routed) == {"a-r", "b-r", "r-i:x", "r-c", "i-c", "c-d"}
    looped = pipeline(step("a"), step("b"), ask("r", next={"again": "b"}))
    assert edges_left(looped) == {"a-b", "b-r", "r-b:again!"}


def test_barriers_that_nobody_waits_behind_go_and_others_stay_one() -> None:
    two = [{"parallel": [step(f"{name}{at}") for at in range(3)]} for name in "ab"]
    assert parallelized(pipeline(*two)).graph.edges == ()
    commands = [{"parallel": [shell(f"{name}{at}") for at in range(3)]} for name in "ab"]
    assert len(parallelized(pipeline(commands[0], step("m"), commands[1])).graph.edges) == 6


def test_final_steps_stay_final() -> None:
    before = graph_of(pipeline(step("a"), step("b"), step("c", "${a.result}")))
    assert set(before.finals) <= set(parallelize(before, registry()).graph.finals)


@pytest.mark.parametrize("nest", [shell, step])
def test_thousands_of_steps_take_no_time_to_speak_of(nest: object) -> None:
    blocks = [{"parallel": [(nest)(f"{name}{at}") for at in range(1500)]} for name in "abc"]  # type: ignore[operator]  # one of two
    done = parallelized(pipeline(*blocks))
    assert len(done.graph.edges) in (0, 6000)


# --- properties ------------------------------------------------------------------------------------------------------


def _places(params: dict[str, object]) -> tuple[Effect, ...]:
    return tuple(Effect("file", str(each)) for each in params.get("files", ()))  # type: ignore[attr-defined]  # a list


@node_type("touch", outputs={"x": "any"}, effects=_places)
async def touch(files: list[str], x: object = None) -> dict[str, object]:
    """Touches files."""
    return {"x": x}


TOUCHING: Registry = REGISTRY.with_types(touch)
PLAY = Theatre().registry


def with_effects(random: Random) -> Graph:
    plain = random_graph(random)
    nodes = [
        Node(node.id, "touch", {**node.params, "files": random.sample("pqr", random.choice([0, 0, 1, 2]))})
        for node in plain.nodes.values()
    ]
    blocks = plain.blocks if random.random() < 0.3 else ()
    settings = Settings(on_error=random.choice(["fail_fast", "continue", "rollback"]))
    return build_graph(nodes, plain.edges, blocks=blocks, settings=settings)


def must_keep(graph: Graph, registry: Registry) -> set[tuple[NodeId, NodeId]]:
    """The pairs whose order data or effects ask for, found in the plainest way."""
    touched = {node.id: effects_of(node, registry) for node in graph.steps}
    return {
        (a, b)
        for a, b in ordered_pairs(graph)
        if any(path.head == a for part in graph.nodes[b].parts for ref in references_in(part) for path in ref.paths)
        or any(one.meets(other) for one in touched[a] for other in touched[b])
    }


@given(st.integers())
def test_order_is_never_added_and_what_data_and_effects_ask_for_is_kept(seed: int) -> None:
    before = with_effects(Random(seed))
    done = parallelize(before, TOUCHING)
    after = done.graph
    assert must_keep(before, TOUCHING) <= ordered_pairs(after) <= ordered_pairs(before)
    assert [node.id for node in after.steps] == [node.id for node in before.steps]
    assert after.blocks == before.blocks
    assert set(before.finals) <= set(after.finals)
    assert not errors_of(check(after, TOUCHING)) or errors_of(check(before, TOUCHING))


@given(st.integers())
def test_the_order_left_is_the_least(seed: int) -> None:
    before = with_effects(Random(seed))
    if before.blocks or before.settings.on_error == "rollback":
        return
    kept = must_keep(before, TOUCHING)
    least = build_graph(before.nodes.values(), kept)
    assert ordered_pairs(parallelize(before, TOUCHING).graph) == ordered_pairs(least)


@given(st.integers())
def test_doing_it_twice_changes_nothing(seed: int) -> None:
    once = parallelize(with_effects(Random(seed)), TOUCHING)
    twice = parallelize(once.graph, TOUCHING)
    assert equal(twice.graph, once.graph)
    assert (twice.removed, twice.levels_after) == ((), once.levels_after)


@given(st.integers())
def test_no_way_through_becomes_longer(seed: int) -> None:
    random = Random(seed)
    before = with_effects(random)
    done = parallelize(before, TOUCHING)
    seconds = {node.id: random.randint(0, 9) for node in before.steps}
    weight = lambda name: seconds.get(name, 0)  # noqa: E731  # of a barrier: none
    longest = [max(levels(each.successors, weight).values(), default=0) for each in (before, done.graph)]
    assert longest[1] <= longest[0]
    assert done.levels_after <= done.levels_before


@node_type("spend", outputs={"x": "any"}, effects=_places)
async def spend(files: list[str], seconds: float, x: object = None) -> dict[str, object]:
    """Takes its time."""
    await asyncio.sleep(seconds)
    return {"x": seconds}


@pytest.mark.parametrize("seed", range(40))
def test_no_run_takes_longer_and_the_outputs_of_final_steps_stay(seed: int) -> None:
    random, types = Random(seed), Registry({}).with_types(spend)
    before = with_effects(random)
    nodes = [
        replace(node, type="spend", params={**node.params, "seconds": random.randint(0, 9)}) for node in before.steps
    ]
    before = build_graph(nodes, before.edges)
    records = [
        run_in_virtual_time(run(to_graph_form(each), registry=types))
        for each in (before, parallelize(before, types).graph)
    ]
    assert records[0].wall_seconds >= records[1].wall_seconds
    assert records[0].outputs.items() <= records[1].outputs.items()


@pytest.mark.parametrize("seed", range(60))
def test_a_document_of_any_kind_stays_valid_and_keeps_its_routes(seed: int) -> None:
    examined = random_document(seed, PLAY)
    assert examined.graph is not None
    after = parallelize(examined.graph, PLAY).graph
    assert not errors_of(check(after, PLAY))
    labelled = [{edge for edge in each.visible_edges if edge.action != "default"} for each in (examined.graph, after)]
    assert labelled[0] == labelled[1]


def test_a_graph_of_tools_keeps_only_what_flows() -> None:
    """A chain as models write it, of tools that touch nothing: only what is used is waited for."""
    uses = {"t0": "", "t1": "${t0.x}", "t2": "", "t3": "${t2.x}", "t4": "${t1.x} ${t3.x}"}
    nodes = [Node(NodeId(name), "work", {"x": value}) for name, value in uses.items()]
    names = list(uses)
    done = parallelize(build_graph(nodes, pairwise(names)), REGISTRY)
    assert edges_of(done.graph) == {"t0-t1", "t2-t3", "t1-t4", "t3-t4"}
    assert (done.levels_before, done.levels_after) == (5, 3)


def test_the_graph_form_is_freed_as_the_pipeline_is() -> None:
    assert edges_left(graph([step("a"), step("b"), step("c", "${a.result}")], "a-b", "b-c")) == {"a-c"}


def test_what_is_made_of_a_document_is_examined_as_any_other() -> None:
    assert examine(pipeline(step("a"), step("b")), registry()).valid
