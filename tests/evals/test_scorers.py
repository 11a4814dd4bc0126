"""Scorers: from a case and how it went to what was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.dataset import Case
from evals.scorers import f1, installed_scorers, score
from evals.subject import Finding, Subject
from planner import Attempt
from runtime import Issue, JsonValue, Node, NodeId, RunError, RunRecord, Unavailable, Usage, build_graph
from runtime.record import RunStatus

GRAPH_SCORES = ("node_f1", "edge_f1", "order_f1", "parallel_f1", "dependencies", "speedup", "arguments")
Steps = Sequence[tuple[str, str] | tuple[str, str, dict[str, JsonValue]]]
Edges = Sequence[tuple[str, str]]
Drawn: TypeAlias = tuple[list[tuple[str, str]], list[tuple[str, str]]]


def case(steps: Steps = (), edges: Edges = (), **rest: object) -> Case:
    nodes = [{"id": name, "type": kind, "params": params[0] if params else {}} for name, kind, *params in steps]
    gold = {"nodes": nodes, "edges": list(edges)}
    return Case.model_validate({"id": "one", "request": "Do it.", "expect": {"gold": gold} if steps else {}, **rest})


def answer(steps: Steps, edges: Edges = ()) -> Subject:
    nodes = [Node(NodeId(name), kind, params[0] if params else {}) for name, kind, *params in steps]
    return Subject(True, graph=build_graph(nodes, edges), attempts=(Attempt(1, ""),))


def scores(case: Case, subject: Subject) -> Mapping[str, object]:
    found = score(case, subject).scores
    return {name: found[name] for name in GRAPH_SCORES if name in found}


FAN = [("r", "read_file"), ("a", "llm"), ("b", "llm"), ("w", "write_file")]
FAN_EDGES = [("r", "a"), ("r", "b"), ("a", "w"), ("b", "w")]
CHAIN_EDGES = [("r", "a"), ("a", "b"), ("b", "w")]


def test_the_gold_graph_itself_is_perfect() -> None:
    assert scores(case(FAN, FAN_EDGES), answer(FAN, FAN_EDGES)) == dict.fromkeys(
        ("node_f1", "edge_f1", "order_f1", "parallel_f1", "dependencies", "speedup"), 1.0
    )


def test_a_needless_wait_costs_parallel_pairs_and_no_dependency() -> None:
    found = scores(case(FAN, FAN_EDGES), answer(FAN, CHAIN_EDGES))
    assert found["parallel_f1"] == 0.0
    assert found["dependencies"] == 1.0
    assert found["order_f1"] == pytest.approx(2 * 5 / (6 + 5))
    assert found["edge_f1"] == pytest.approx(2 * 2 / (3 + 4))
    assert found["speedup"] == pytest.approx((4 / 4) / (4 / 3))


def test_a_dropped_wait_costs_dependencies_and_makes_a_pair_too_many() -> None:
    found = scores(case(FAN, CHAIN_EDGES), answer(FAN, FAN_EDGES))
    assert found["dependencies"] == pytest.approx(5 / 6)
    assert found["parallel_f1"] == 0.0


def test_a_chain_that_is_a_chain_has_no_parallel_pairs_to_score() -> None:
    assert "parallel_f1" not in scores(case(FAN, CHAIN_EDGES), answer(FAN, CHAIN_EDGES))


def test_what_was_not_accepted_scores_zero_on_the_graph_and_says_why() -> None:
    refused = Subject(False, attempts=(Attempt(1, "", issues=(Issue("cycle", "/nodes", "a cycle"),)),))
    found = score(case(FAN, FAN_EDGES), refused)
    assert {found.scores[name] for name in ("node_f1", "edge_f1", "order_f1", "parallel_f1", "dependencies")} == {0.0}
    assert found.scores["valid"] is False
    assert found.scores["valid_first"] is False
    assert found.why["node_f1"] == "no workflow was accepted"


def test_a_scorer_that_raises_has_no_score_and_is_named() -> None:
    def broken(case: Case, subject: Subject) -> Finding:
        raise ValueError("no such thing")

    found = score(case(), Subject(True), {"broken": broken, "label": lambda case, subject: "a word"})
    assert found.scores == {"label": "a word"}
    assert found.why == {"broken": "the scorer failed (ValueError: no such thing)"}


def test_the_built_in_scorers_come_through_the_public_door() -> None:
    assert {"valid", "node_f1", "parallel_f1", "dependencies", "runs", "outputs", "cost"} <= set(installed_scorers())


# --- properties ------------------------------------------------------------------------------------------------------


@st.composite
def graphs(draw: st.DrawFn) -> Drawn:
    """Steps of few types, and waits that lead forward."""
    kinds = draw(st.lists(st.sampled_from(["http", "llm", "shell"]), min_size=1, max_size=5))
    names = [f"n{at}" for at in range(len(kinds))]
    pairs = [(a, b) for at, a in enumerate(names) for b in names[at + 1 :]]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return list(zip(names, kinds, strict=True)), edges


@given(graphs(), graphs())
def test_scores_lie_between_none_and_all(one: Drawn, other: Drawn) -> None:
    found = scores(case(*one), answer(*other))
    assert all(isinstance(value, float) and value >= 0 for value in found.values())
    assert all(value <= 1 for name, value in found.items() if name != "speedup" and isinstance(value, float))


@given(graphs())
def test_a_graph_is_perfect_against_itself(one: Drawn) -> None:
    assert set(scores(case(*one), answer(*one)).values()) == {1.0}


@given(graphs(), graphs())
def test_an_f1_is_the_same_either_way_round(one: Drawn, other: Drawn) -> None:
    there, back = scores(case(*one), answer(*other)), scores(case(*other), answer(*one))
    for name in ("node_f1", "edge_f1", "order_f1", "parallel_f1"):
        assert there.get(name) == back.get(name)


@given(graphs(), graphs(), st.randoms(use_true_random=False))
def test_the_names_and_the_order_of_steps_count_for_nothing(
    one: Drawn,
    other: Drawn,
    random: Random,
) -> None:
    steps, edges = other
    names = [f"m{at}" for at in range(len(steps))]
    random.shuffle(names)
    renamed = {name: new for (name, _), new in zip(steps, names, strict=True)}
    moved = [(renamed[name], kind) for name, kind in steps]
    random.shuffle(moved)
    again = answer(moved, [(renamed[a], renamed[b]) for a, b in edges])
    assert scores(case(*one), again) == scores(case(*one), answer(*other))


def test_many_steps_of_one_type_are_paired_in_a_moment_and_alike_under_other_names() -> None:
    """Ten of one type could be paired in 3,628,800 ways; where not all are looked at, swaps lead to the best."""
    steps = [(f"n{at}", "llm") for at in range(10)]
    edges = [(f"n{at}", f"n{at + 1}") for at in range(0, 9, 2)]
    turned = answer(steps[::-1], [(f"n{9 - at}", f"n{8 - at}") for at in range(0, 9, 2)])
    assert set(scores(case(steps, edges), turned).values()) == {1.0}


# --- arguments -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "given_", "share"),
    [
        ({"params": {"url": "https://a.example"}}, {"url": "https://a.example"}, 1.0),
        ({"params": {"url": "https://a.example"}}, {"url": "https://b.example"}, 0.0),
        ({"params": {"city": "New York"}}, {"city": "new york."}, 1.0),
        ({"params": {"n": 5, "m": 1}}, {"n": "5", "m": 2}, 0.5),
        ({"params": {"n": 5}}, {"n": 5.0}, 1.0),
        ({"params": {"list": ["a", "b"]}}, {"list": ["a", "c"]}, 0.0),
        ({"params_allowed": {"n": [1, 2], "unit": ["m", ""]}}, {"n": 2}, 1.0),
        ({"params_allowed": {"n": [1, 2], "unit": ["m", ""]}}, {"n": 3, "unit": "km"}, 0.0),
        ({"params_allowed": {"n": [1, 2]}}, {}, 0.0),
    ],
)
def test_an_argument_is_right_if_it_is_one_of_the_accepted_values(
    right: dict[str, object], given_: dict[str, JsonValue], share: float
) -> None:
    gold = {"nodes": [{"id": "a", "type": "http", **right}]}
    expected = Case.model_validate({"id": "x", "request": "Do it.", "expect": {"gold": gold}})
    assert scores(expected, answer([("b", "http", given_)]))["arguments"] == share


def test_a_reference_is_right_if_it_leads_to_a_step_of_the_right_type() -> None:
    steps: Steps = [("a", "http", {"url": "x"}), ("b", "llm", {"prompt": "Sum up: ${a.response}"})]
    same: Steps = [("z", "http", {"url": "x"}), ("y", "llm", {"prompt": "Sum up: ${z.response.text}"})]
    other: Steps = [("z", "http", {"url": "x"}), ("y", "llm", {"prompt": "Sum up: ${workflow.text}"})]
    assert scores(case(steps, [("a", "b")]), answer(same, [("z", "y")]))["arguments"] == 1.0
    assert scores(case(steps, [("a", "b")]), answer(other, [("z", "y")]))["arguments"] == 0.5


def test_steps_of_one_type_are_told_apart_by_their_params() -> None:
    steps: Steps = [("a", "http", {"url": "1"}), ("b", "http", {"url": "2"}), ("c", "llm")]
    turned: Steps = [("x", "http", {"url": "2"}), ("y", "http", {"url": "1"}), ("z", "llm")]
    found = scores(case(steps, [("a", "c")]), answer(turned, [("x", "z")]))
    assert (found["arguments"], found["edge_f1"]) == (1.0, 0.0)


# --- published examples ----------------------------------------------------------------------------------------------


def test_f1_of_a_published_exercise() -> None:
    """Manning, Raghavan and Schütze, Introduction to Information Retrieval (2008), exercise 8.1: of 18 documents that
    were returned, 8 are relevant, of 20 that are. So precision is 8/18, recall 8/20, and their harmonic mean 0.421.
    """
    precision, recall = 8 / 18, 8 / 20
    assert f1(8, 18, 20) == pytest.approx(2 * precision * recall / (precision + recall))
    assert f1(8, 18, 20) == pytest.approx(0.421, abs=5e-4)


def test_nodes_and_edges_as_taskbench_counts_them() -> None:
    """TaskBench (Shen et al. 2023, section 4.2) takes F1 of predicted tools and of pairs of tools. Where no tool is
    twice, this is the same: of three right nodes and one wrong for four, and of two right edges of three for three.
    """
    gold: Steps = [("a", "http"), ("b", "llm"), ("c", "code"), ("d", "write_file")]
    found: Steps = [("a", "http"), ("b", "llm"), ("c", "code"), ("d", "shell")]
    edges = [("a", "b"), ("b", "c"), ("c", "d")]
    reached = scores(case(gold, edges), answer(found, edges))
    assert reached["node_f1"] == pytest.approx(2 * 3 / (4 + 4))
    assert reached["edge_f1"] == pytest.approx(2 * 2 / (3 + 3))


# --- what a case says of its workflow and run ------------------------------------------------------------------------


def record(status: RunStatus = "succeeded", **outputs: JsonValue) -> RunRecord:
    return RunRecord(
        "r", "w", status, dict(outputs), errors=() if status == "succeeded" else (RunError("a", "x", "no"),)
    )


def expecting(**expect: object) -> Case:
    return Case.model_validate({"id": "a", "request": "Do it.", "expect": expect})


@pytest.mark.parametrize(
    ("expect", "subject", "name", "value", "why"),
    [
        ({}, Subject(True, run=record()), "runs", True, ""),
        ({}, Subject(True, run=record("failed")), "runs", False, "ended as failed instead of succeeded; a: no"),
        ({"status": "failed"}, Subject(True, run=record("failed")), "runs", True, ""),
        ({}, Subject(True), "runs", None, ""),
        ({"outputs": {"x": {"equals": 1}}}, Subject(True, run=record(x=1)), "outputs", True, ""),
        ({"outputs": {"x": {"equals": 1}}}, Subject(True, run=record(x=2)), "outputs", False, "'x' is 2 instead of 1"),
        ({"outputs": {"x": {"equals": 1}}}, Subject(True, run=record(y=2)), "outputs", False, "no output 'x', only y"),
        ({"outputs": {"x": {"equals": 1}}}, Subject(False), "outputs", False, "no workflow was accepted"),
        ({"outputs": {"x": {"judged": "Good."}}}, Subject(True, run=record(x=2)), "outputs", None, ""),
        ({"seconds": 2}, Subject(True, seconds=3), "limits", False, "took 3.0 s, more than 2"),
        ({"seconds": 2}, Subject(True, seconds=2), "limits", True, ""),
        ({"cost_usd": 0.1}, Subject(True), "limits", False, "cost is unknown"),
        ({"cost_usd": 0.1}, Subject(True, cost_usd=0.2), "limits", False, "cost 0.2 USD, more than 0.1"),
        ({"cost_usd": 0.1}, Subject(True, cost_usd=0.1), "limits", True, ""),
        ({}, Subject(True), "limits", None, ""),
        ({}, Subject(True), "cost", None, ""),
        ({"uses": {"llm": 1}}, Subject(False), "meets", False, "no workflow was accepted"),
        ({"must_not_use": ["shell"]}, answer([("a", "shell")]), "meets", False, "uses shell"),
        ({"uses": {"read-file": 1}}, answer([("a", "read_file")]), "meets", True, ""),
        ({"forbidden": ["write"]}, replace(answer([]), needs=("write:out/",)), "meets", False, "capability write:out/"),
        ({"forbidden": ["write"]}, replace(answer([]), needs=("network:a",)), "meets", True, ""),
        ({}, answer([]), "repairs", 0.0, ""),
        ({}, answer([]), "meets", None, ""),
        ({}, Subject(True), "valid", None, ""),
    ],
)
def test_what_a_case_says_is_an_assertion(
    expect: dict[str, object], subject: Subject, name: str, value: object, why: str
) -> None:
    found = score(expecting(**expect), subject)
    assert found.scores.get(name) == value
    assert why in found.why.get(name, "")


def attempts(*accepted: bool) -> tuple[Attempt, ...]:
    wrong = (Issue("schema", "", "wrong"),)
    return tuple(Attempt(at, "", issues=() if each else wrong) for at, each in enumerate(accepted, 1))


@pytest.mark.parametrize(
    ("tried", "repaired"),
    [((False, True), True), ((False, False), False), ((True,), None), ((True, False), None), ((), None)],
)
def test_only_where_the_first_answer_was_refused_something_is_repaired(
    tried: tuple[bool, ...], repaired: bool | None
) -> None:
    assert score(expecting(), Subject(any(tried), attempts=attempts(*tried))).scores.get("repaired") is repaired


def test_tokens_are_those_of_prompts_and_answers() -> None:
    assert score(expecting(), replace(answer([]), usage=Usage(100, 20, 50))).scores["tokens"] == 120


# --- scorers of one's own --------------------------------------------------------------------------------------------


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package that offers the scorers `polite` and, of a module that is not there, `broken`."""
    (tmp_path / "own-1.0.dist-info").mkdir()
    (tmp_path / "own-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: own\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    installed_scorers.cache_clear()
    yield tmp_path
    installed_scorers.cache_clear()


def offer(package: Path, name: str) -> None:
    points = package / "own-1.0.dist-info" / "entry_points.txt"
    points.write_text(f"[plait.scorers]\n{name} = own_scorers:{name}\n")


def test_ones_own_scorer_comes_by_entry_point(package: Path) -> None:
    offer(package, "polite")
    (package / "own_scorers.py").write_text("def polite(case, subject):\n    return 'very'\n")
    assert score(case(), Subject(True)).scores["polite"] == "very"


def test_a_scorer_that_cannot_be_loaded_is_named_with_the_mend(package: Path) -> None:
    offer(package, "broken")
    with pytest.raises(Unavailable, match=r"the scorer 'broken' \(own_scorers:broken\) cannot be loaded") as caught:
        score(case(), Subject(True))
    assert str(caught.value).endswith("; mend or remove the package that offers it")
