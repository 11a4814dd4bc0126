"""The runtime's door: a document or a graph, its inputs and its grants in; a run record out.

Whatever forbids the run is found before the first step: issues raise InvalidWorkflow, missing grants raise Refused.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from runtime.bounds import DEFAULTS, Limits
from runtime.bubblewrap import Missing, sandbox_for, unavailable
from runtime.checks import Examination, check, examine
from runtime.commands import State
from runtime.completion import CompletionClient
from runtime.documents import locate, read_document
from runtime.executor import Executor, Surroundings, ignore, ignore_items
from runtime.given import misgiven, with_given
from runtime.grants import Grants
from runtime.graph import Graph, Node, NodeId, critical_path
from runtime.inputs import bind_inputs
from runtime.issues import InvalidWorkflow, Issue, JsonValue, Refused, errors_of
from runtime.node_types import Registry, installed_types
from runtime.policy import Need, denied, needs_of, unknown_grants
from runtime.program import Program, compile_graph
from runtime.record import (
    Cancelled,
    Fact,
    Failed,
    NodeEnd,
    NodeRecord,
    NodeStatus,
    RunError,
    RunRecord,
    Started,
    Succeeded,
)
from runtime.redaction import Redactor
from runtime.references import MissingValue, Resolver, Scope
from runtime.sandbox import Sandbox
from runtime.scheduler import Scheduler
from runtime.secret_values import SecretSource, bind_secrets, no_secrets, redacted, without_secrets
from runtime.workflow import JsonObject

Source = Graph | Mapping[str, JsonValue] | str | Path
ALL = "all"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A workflow ready to run: nothing can refuse it any more. `warnings` did not forbid it; `given` are not run."""

    program: Program
    registry: Registry
    inputs: JsonObject
    grants: Grants
    needs: tuple[Need, ...]
    warnings: tuple[Issue, ...] = ()
    given: frozenset[str] = frozenset()
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    sandbox: Sandbox | None = None
    limits: Limits = DEFAULTS

    @property
    def graph(self) -> Graph:
        return self.program.graph


def examine_document(data: bytes, filename: str | None, registry: Registry, limits: Limits = DEFAULTS) -> Examination:
    """The bytes of a document examined through all phases; every issue with its line. Raises nothing."""
    try:
        document = read_document(data, filename, limits.document_bytes)
    except InvalidWorkflow as invalid:
        return Examination(None, None, invalid.issues)
    examined = examine(document.value, registry, limits)
    graph = examined.graph
    if graph is not None and not graph.name and filename is not None:
        graph = replace(graph, name=Path(filename).stem)
    return replace(examined, graph=graph, issues=tuple(locate(examined.issues, document)))


def load(source: Source, registry: Registry, limits: Limits = DEFAULTS) -> Examination:
    """A workflow examined and found valid, from a file's path, a document as a mapping, or a graph built in Python.

    Raises InvalidWorkflow with every issue; FileNotFoundError and its kin as the file system says.
    """
    if isinstance(source, Graph):
        found = Examination(None, source, tuple(_too_large(source, limits) or check(source, registry)))
    elif isinstance(source, Mapping):
        found = examine(dict(source), registry, limits)
    else:
        found = examine_document(Path(source).read_bytes(), Path(source).name, registry, limits)
    if not found.valid:
        raise InvalidWorkflow(found.issues)
    return found


def _too_large(graph: Graph, limits: Limits) -> list[Issue]:
    if len(graph.nodes) <= limits.graph_nodes:
        return []
    message = f"{len(graph.nodes)} nodes; {limits.graph_nodes} are the limit of a graph"
    return [Issue("document_limits", "", message, "raise it: limits=Limits(graph_nodes=...)")]


def prepare(
    source: Source | Examination,
    *,
    inputs: Mapping[str, JsonValue] | None = None,
    registry: Registry | None = None,
    allow: Iterable[str] = (),
    max_concurrent: int | None = None,
    directory: Path | None = None,
    given: Mapping[str, JsonObject] | None = None,
    secrets: SecretSource = no_secrets,
    sandbox: bool = False,
    limits: Limits = DEFAULTS,
) -> Prepared:
    """Everything that can be refused, refused: InvalidWorkflow (document, inputs, features), Refused (capabilities).

    `allow` lists capabilities such as "shell" or "write:out/"; "all" grants what the workflow states it needs. `given`
    maps steps to the outputs that stand in for running them, an `action` beside them if they end with one. With
    `sandbox` the processes of `shell` and `code` steps run in one; Refused where there is none.
    """
    given = given or {}
    registry = registry or installed_types()
    examined = source if isinstance(source, Examination) else load(source, registry, limits)
    graph, warnings = examined.graph, examined.issues
    if graph is None or not examined.valid:
        raise InvalidWorkflow(warnings)
    values, issues = bind_inputs(graph, inputs or {})
    hidden, unbound = bind_secrets(graph, secrets)
    issues += [*misgiven(graph, registry, given), *errors_of(unbound)]
    warnings = (*warnings, *(issue for issue in unbound if issue.severity == "warning"))
    allowed = frozenset(allow)
    issues += unknown_grants(allowed - {ALL})
    if issues:
        raise InvalidWorkflow((*issues, *warnings))
    needs = tuple(need for need in needs_of(graph, registry, values) if need.node not in given)
    granted = allowed | {need.capability for need in needs} if ALL in allowed else allowed
    grants = Grants(granted, directory or Path.cwd())
    if refused := [*denied(needs, grants), *_without_sandbox(unavailable() if sandbox else None)]:
        what = "needs capabilities that were not granted" if refused[0].code == "capability_denied" else "was not run"
        raise Refused(f"the workflow {what}", (*refused, *warnings))
    program = with_given(compile_graph(graph, registry, max_concurrent), registry, given)
    needed = {grants.settle(need.capability) for need in needs}
    named = {
        each for each in allowed if grants.settle(each) not in needed
    }  # what a step needs, it makes and takes back
    box = sandbox_for(grants.allowed, named, grants.directory) if sandbox else None
    return Prepared(program, registry, values, grants, needs, warnings, frozenset(given), hidden, box, limits)


def _without_sandbox(missing: Missing | None) -> Iterator[Issue]:
    """Asked for and not there is a refusal: to go on without it is what nobody asked for."""
    if missing is not None:
        hint = f"{missing.mend}, or say --no-sandbox to run it with your own rights"
        yield Issue("sandbox_unavailable", "", f"a sandbox was asked for: {missing.reason}", hint)


class Execution:
    """One run of a prepared workflow: `result` runs it, `cancel` asks it to end, `record` shows it at any time."""

    def __init__(
        self,
        prepared: Prepared,
        *,
        completions: CompletionClient | None = None,
        on_fact: Callable[[Fact], None] = ignore,
        on_items: Callable[[NodeId, int, int], None] = ignore_items,
        run_id: str | None = None,
        jitter: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.run_id = run_id or f"run-{secrets.token_hex(4)}"
        self._prepared = prepared
        self._redactor = Redactor(prepared.secrets)
        told = self._telling(on_fact) if prepared.secrets else on_fact
        surroundings = Surroundings(
            self.run_id,
            prepared.grants.directory,
            prepared.grants,
            completions,
            told,
            jitter,
            on_items,
            prepared.secrets,
            prepared.sandbox,
            prepared.limits,
            clock,
        )
        self._executor = Executor(prepared.program, prepared.inputs, surroundings)

    async def result(self) -> RunRecord:
        """Runs it. Cancelled from outside, it ends all it started, raises CancelledError; `record` stays readable."""
        await self._executor.run()
        return self.record()

    def cancel(self) -> None:
        self._executor.cancel()

    def record(self) -> RunRecord:
        record = record_of(self._prepared, self._executor, self.run_id)
        return without_secrets(record, self._redactor) if self._prepared.secrets else record

    def _telling(self, on_fact: Callable[[Fact], None]) -> Callable[[Fact], None]:
        return lambda fact: on_fact(redacted(fact, self._redactor))


async def run(
    source: Source | Examination,
    *,
    inputs: Mapping[str, JsonValue] | None = None,
    registry: Registry | None = None,
    completions: CompletionClient | None = None,
    allow: Iterable[str] = (),
    max_concurrent: int | None = None,
    directory: Path | None = None,
    on_fact: Callable[[Fact], None] = ignore,
    secrets: SecretSource = no_secrets,
    sandbox: bool = False,
    limits: Limits = DEFAULTS,
) -> RunRecord:
    """Runs a workflow and returns its record; a failed run is a record too. Raises what `prepare` raises."""
    prepared = prepare(
        source,
        inputs=inputs,
        registry=registry,
        allow=allow,
        max_concurrent=max_concurrent,
        directory=directory,
        secrets=secrets,
        sandbox=sandbox,
        limits=limits,
    )
    return await Execution(prepared, completions=completions, on_fact=on_fact).result()


# --- the record ------------------------------------------------------------------------------------------------------

_STATUS: dict[State, NodeStatus] = {
    State.PENDING: "not_started",
    State.READY: "waiting",
    State.RUNNING: "running",
    State.SKIPPED: "skipped",
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
    State.UNDONE: "undone",
    State.NOT_STARTED: "not_started",
}


_ENDS = (Succeeded, Failed, Cancelled)


def record_of(prepared: Prepared, executor: Executor, run_id: str) -> RunRecord:
    """The record of a run from its facts."""
    graph, facts = prepared.graph, executor.facts
    began, ends, busy = _visits(facts)
    limited = {error.node: error for error in executor.scheduler.errors if error.code == "loop_limit"}
    nodes: dict[str, NodeRecord] = {
        node.id: _node_record(node, at, executor.scheduler, began.get(node.id), ends.get(node.id), limited.get(node.id))
        for at, node in enumerate(graph.nodes.values())
        if not node.hidden
    }
    nodes |= {name: nodes[name]._replace(attempts=0) for name in prepared.given}
    longest, _ = critical_path(graph.successors, lambda name: busy.get(name, 0.0))
    return RunRecord(
        run_id=run_id,
        workflow=graph.name,
        status=executor.scheduler.status,
        outputs=_outputs(prepared, executor.scope, nodes),
        wall_seconds=facts[-1].at if facts else 0.0,
        critical_path_seconds=longest,
        sequential_seconds=sum(busy.values()),
        nodes=nodes,
        errors=tuple(executor.scheduler.errors),
        not_undone=tuple(executor.scheduler.not_undone),
        issues=prepared.warnings,
        facts=tuple(facts),
    )


def _visits(facts: Iterable[Fact]) -> tuple[dict[NodeId, float], dict[NodeId, NodeEnd], dict[NodeId, float]]:
    """When each node's last visit began, how that ended if it has, and how many seconds all its visits took."""
    began, ends, busy = dict[NodeId, float](), dict[NodeId, NodeEnd](), dict[NodeId, float]()
    for fact in facts:
        if isinstance(fact, Started):
            began[fact.node] = fact.at
            ends.pop(fact.node, None)
        elif isinstance(fact, _ENDS) and fact.node in began and fact.node not in ends:
            ends[fact.node] = fact
            busy[fact.node] = busy.get(fact.node, 0.0) + fact.at - began[fact.node]
    return began, ends, busy


def _node_record(
    node: Node, at: int, scheduler: Scheduler, began: float | None, end: NodeEnd | None, limited: RunError | None
) -> NodeRecord:
    error = limited or (end if type(end) is Failed else None)
    return NodeRecord(
        status=_STATUS[scheduler.state[at]],
        type=node.type,
        attempts=end.attempts if end else int(began is not None),
        started=began,
        finished=end.at if end and began is not None else None,
        visits=scheduler.visits[at] if began is not None else 0,
        outputs=None if end is None or isinstance(end, Cancelled) else end.outputs,
        error=error and {"code": error.code, "message": error.message},
    )


def _outputs(prepared: Prepared, scope: Scope, nodes: Mapping[str, NodeRecord]) -> JsonObject:
    graph = prepared.graph
    if graph.outputs is None:
        return {name: nodes[name].outputs if nodes[name].status == "succeeded" else None for name in graph.finals}
    resolvers = prepared.program.outputs or {}
    return {name: _value(resolvers[name], spec.from_, scope) for name, spec in graph.outputs.items()}


def _value(resolve: Resolver | None, source: JsonValue, scope: Scope) -> JsonValue:
    try:
        return source if resolve is None else resolve(scope)
    except MissingValue:
        return None
