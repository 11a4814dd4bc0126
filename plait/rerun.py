"""What of a workflow is run, and what stands in for the rest: `--only`, `--from`, `--use`, `--mock`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import typer

from plait.inputs import object_of
from plait.options import Selection
from plait.state import LAST, find_run, store_in
from runtime.checks import Examination
from runtime.given import excerpt, misgiven, untouched_by
from runtime.graph import Graph, NodeId
from runtime.inputs import declared_inputs
from runtime.issues import InvalidWorkflow, Issue, JsonValue, nearest, pointer
from runtime.journal import KeptRun
from runtime.node_types import Registry
from runtime.shape import show
from runtime.workflow import JsonObject


@dataclass(frozen=True, slots=True)
class Part:
    """A workflow, or one step of it, with the outputs given for steps and the inputs of the run that is used."""

    examined: Examination
    given: Mapping[str, JsonObject] = field(default_factory=dict)
    inputs: Mapping[str, JsonValue] = field(default_factory=dict)


def checked(selection: Selection) -> Selection:
    """The options as they are; a usage error for those that say nothing together."""
    if selection.only is not None and selection.starts:
        raise typer.BadParameter("a run has either --only or --from", param_hint="--only")
    if selection.use is not None and selection.only is None and not selection.starts:
        raise typer.BadParameter("it says what is given to --from STEP or --only STEP; add one", param_hint="--use")
    return selection


def part_of(examined: Examination, registry: Registry, selection: Selection, state: Path | None) -> Part:
    """The part that is to be run. Raises InvalidWorkflow with all that is wrong; a usage error for an unknown run."""
    graph = examined.graph
    if graph is None or not examined.valid:
        return Part(examined)
    mocks = _mocks(selection)
    if issues := [*_unknown(graph, selection), *misgiven(graph, registry, mocks)]:
        raise InvalidWorkflow(issues)
    used = _used(graph, selection.use, state)
    if selection.only is not None:
        return _alone(examined, graph, NodeId(selection.only), mocks, used)
    given = _before(graph, [NodeId(start) for start in selection.starts], mocks, used) if selection.starts else mocks
    return Part(examined, given, _inputs(graph, used))


def _mocks(selection: Selection) -> dict[str, JsonObject]:
    found = {name: object_of(text) for name, text in selection.mocks.items()}
    if wrong := [name for name, outputs in found.items() if outputs is None]:
        what = f"the outputs of '{wrong[0]}' are one JSON object; found {show(selection.mocks[wrong[0]])}"
        raise typer.BadParameter(what, param_hint="--mock")
    return {name: outputs for name, outputs in found.items() if outputs is not None}


def _unknown(graph: Graph, selection: Selection) -> Iterable[Issue]:
    steps = {str(node.id) for node in graph.steps}
    for name in (*selection.starts, *filter(None, [selection.only])):
        if name not in steps:
            yield Issue("unknown_reference", "", f"there is no step '{name}' to run", nearest(name, steps))


def _used(graph: Graph, name: str | None, state: Path | None) -> KeptRun | None:
    if name is None:
        return None
    store = store_in(state)
    runs = store.runs()
    if name == LAST:  # a run of one step has little to give
        runs = [run for run in runs if run.record.workflow == graph.name and run.only is None]
    return store.whole(find_run(name, runs, "--use"))


def _inputs(graph: Graph, used: KeptRun | None) -> dict[str, JsonValue]:
    if used is None:
        return {}
    return {name: value for name, value in used.given_inputs().items() if name in declared_inputs(graph)}


def _alone(
    examined: Examination, graph: Graph, step: NodeId, mocks: Mapping[str, JsonObject], used: KeptRun | None
) -> Part:
    known = {**_from(used, graph, (node.id for node in graph.steps)), **mocks}
    alone = excerpt(graph, step, known)
    if alone.missing:
        raise InvalidWorkflow(_not_given(graph, name, f"'{step}' refers to it", used) for name in alone.missing)
    given = {str(node.id): known[node.id] for node in alone.graph.steps if node.id != step}
    return Part(replace(examined, graph=alone.graph), given, _inputs(alone.graph, used))


def _before(
    graph: Graph, starts: list[NodeId], mocks: Mapping[str, JsonObject], used: KeptRun | None
) -> dict[str, JsonObject]:
    untouched = untouched_by(graph, starts)
    given = {**_from(used, graph, untouched), **mocks}
    after = " or ".join(f"'{start}'" for start in starts)
    missing = [
        _not_given(graph, name, f"it is not run, as it does not come after {after}", used, f" or --from {name}")
        for name in untouched
        if name not in given and _status(used, name) != "skipped"  # those before it send the run past it again
    ]
    if missing:
        raise InvalidWorkflow(missing)
    return given


def _from(used: KeptRun | None, graph: Graph, names: Iterable[NodeId]) -> dict[str, JsonObject]:
    """What a kept run has of the steps, if they are of the same type still."""
    if used is None:
        return {}
    found = {
        str(name): used.given(name)
        for name in names
        if name in used.record.nodes and used.record.nodes[name].type == graph.nodes[name].type
    }
    return {name: outputs for name, outputs in found.items() if outputs is not None}


def _status(used: KeptRun | None, name: str) -> str | None:
    node = used.record.nodes.get(name) if used is not None else None
    return None if node is None else node.status


def _not_given(graph: Graph, name: NodeId, why: str, used: KeptRun | None, also: str = "") -> Issue:
    path = graph.nodes[name].path or pointer(name)
    if used is None:
        what = f"no outputs of '{name}' are given, and {why}"
        return Issue("missing_input", path, what, f"add --use RUN, --mock {name}=JSON{also}")
    what = f"{used.run_id} gives no outputs of '{name}', which {_fate(used, name)} there, and {why}"
    return Issue("missing_input", path, what, f"add --mock {name}=JSON{also}")


def _fate(used: KeptRun, name: str) -> str:
    node = used.record.nodes.get(name)
    if node is None:
        return "is not"
    return f"is of the type '{node.type}'" if node.status == "succeeded" else f"is {node.status.replace('_', ' ')}"
