"""A workflow of a case run to its end: with doubles, and in virtual time wherever nothing real is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from evals.dataset import REAL_TYPES, Case
from evals.stage import made_up_of, scripted
from runtime import (
    CassetteMiss,
    CompletionClient,
    CompletionError,
    Examination,
    Execution,
    Graph,
    InvalidWorkflow,
    JsonValue,
    Registry,
    RunError,
    RunRecord,
    prepare,
    run_in_virtual_time,
)

IN_NO_TIME = frozenset({*REAL_TYPES, "wait"})  # these wait for nothing but the loop's own clock
NOT_JUDGED = frozenset({"cassette_miss", "model_unavailable", "model_unreachable", "rate_limited", "not_authorised"})
OF_THE_MOMENT = ("run_id", "wall_seconds", "critical_path_seconds", "sequential_seconds", "speedup", "issues")


async def executed(
    examined: Examination, case: Case, registry: Registry, completions: CompletionClient, allow: Iterable[str] = ()
) -> RunRecord:
    """Runs a valid workflow in a folder of its own, which it may write to.

    Types that are real need what they need granted: raises Refused. Raises CompletionError where the run failed for a
    model or a recording that is not there, which says nothing of the workflow.
    """
    graph = examined.graph
    assert graph is not None, "what is run has been found valid"
    acting = scripted(case, graph, registry)
    with TemporaryDirectory(prefix="plait-eval-") as folder:
        _lay_out(case.files, Path(folder))
        try:
            prepared = prepare(
                examined,
                inputs={**_inputs(graph), **case.values},
                registry=acting,
                allow=(*allow, f"write:{folder}"),
                directory=Path(folder),
            )
        except InvalidWorkflow as invalid:
            errors = tuple(RunError(None, issue.code, str(issue)) for issue in invalid.issues)
            return RunRecord(None, graph.name, None, errors=errors)
        execution = Execution(prepared, completions=completions, run_id=case.id, jitter=lambda: 0.5)
        if IN_NO_TIME.issuperset(case.real):
            record = await asyncio.to_thread(lambda: run_in_virtual_time(execution.result()))
        else:
            record = await execution.result()
    return _judgeable(record)


def _lay_out(files: Mapping[str, str], folder: Path) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _inputs(graph: Graph) -> dict[str, JsonValue]:
    """A value for each input that needs one."""
    needed = {name: spec for name, spec in (graph.inputs or {}).items() if spec.is_required}
    return {name: spec.enum[0] if spec.enum else made_up_of(spec.type) for name, spec in needed.items()}


def _judgeable(record: RunRecord) -> RunRecord:
    for error in record.errors:
        if error.code in NOT_JUDGED:
            kind = CassetteMiss if error.code == "cassette_miss" else CompletionError
            raise kind(f"{error.node}: {error.message}")
    return record


def timeless(record: RunRecord) -> dict[str, JsonValue]:
    """The record as JSON, without what is different each time."""
    told = {name: value for name, value in record.to_json().items() if name not in OF_THE_MOMENT}
    nodes = {name: node.to_json() for name, node in record.nodes.items()}
    for node in nodes.values():
        del node["started"], node["finished"]
    return {**told, "nodes": {**nodes}}
