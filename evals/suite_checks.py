"""What is wrong with a suite that has its shape: names that are twice or not there, what cannot be checked. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import cast

from evals.dataset import Case, Gold, OutputCheck, Suite
from evals.outputs import pattern_problem, schema_problem
from runtime import KINDS, Cycle, Issue, JsonValue, Registry, examine, nearest, pointer, topological

STATUSES = ("succeeded", "failed", "completed_with_errors", "rolled_back", "rollback_incomplete", "cancelled")


def check_suite(suite: Suite, registry: Registry) -> list[Issue]:
    """Every issue of a suite, with the path in its document."""
    issues = [*_unknown(suite.types, registry, "/types"), *_twice((case.id for case in suite.cases), "/cases")]
    if not suite.cases:
        issues.append(Issue("schema", "/cases", "a suite without cases", "add one, with an id and a request"))
    for at, case in enumerate(suite.cases):
        issues += _case(suite, case, registry, f"/cases/{at}")
    return issues


def _case(suite: Suite, case: Case, registry: Registry, path: str) -> Iterator[Issue]:
    tools = [tool.name for tool in case.tools]
    known = {*map(_key, suite.offered(case)), *tools}
    yield from _subject(case, path)
    yield from _unknown(case.types or (), registry, f"{path}/types")
    yield from _twice(tools, f"{path}/tools", "name")
    yield from _files(case.files, f"{path}/files")
    if case.workflow is None:
        yield from _expected_types(case, known, f"{path}/expect")
    elif isinstance(case.workflow, dict):
        yield from _workflow(case, registry, path)
    if case.expect.gold is not None:
        yield from _gold(case.expect.gold, f"{path}/expect/gold")
    for name, check in case.expect.outputs.items():
        yield from _output(check, f"{path}/expect/outputs{pointer(name)}")
    yield from _run_words(case, path)


def _key(name: str) -> str:
    return name.replace("-", "_")


def _unknown(names: Iterable[str], known: Iterable[str], path: str) -> Iterator[Issue]:
    there = list(known)
    for at, name in enumerate(names):
        if _key(name) not in there:
            message = f"there is no node type '{name}' here"
            yield Issue("unknown_node_type", f"{path}/{at}", message, nearest(name, there))


def _twice(names: Iterable[str], path: str, key: str = "id") -> Iterator[Issue]:
    seen = dict[str, int]()
    for at, name in enumerate(names):
        if name in seen:
            message = f"'{name}' is the {key} of {path}/{seen[name]} already"
            yield Issue("duplicate_id", f"{path}/{at}/{key}", message, "choose another")
        seen.setdefault(name, at)


def _subject(case: Case, path: str) -> Iterator[Issue]:
    """One thing to do, and nothing beside it that only the other would need."""
    if not case.request and case.workflow is None:
        yield Issue("schema", path, "neither 'request' nor 'workflow'", "say what to plan, or what to run")
    if case.request and case.workflow is not None:
        yield Issue("schema", f"{path}/workflow", "both 'request' and 'workflow'", "make two cases of it")
    if case.workflow is not None and not isinstance(case.workflow, str | dict):
        yield Issue("schema", f"{path}/workflow", "neither a file nor a document", "write the path of a workflow")
    if case.workflow is not None and case.inputs:
        yield Issue("schema", f"{path}/inputs", "nothing is planned here", "the inputs of a run stand in 'values'")
    for name in case.values if case.request else ():
        if name not in case.inputs:
            message = f"there is no input '{name}'"
            yield Issue("unknown_input", f"{path}/values{pointer(name)}", message, nearest(name, case.inputs))


def _files(files: Mapping[str, str], path: str) -> Iterator[Issue]:
    for name in files:
        way = PurePosixPath(name)
        if way.is_absolute() or ".." in way.parts or not way.parts or "\\" in name or "\0" in name:
            message = f"'{name}' does not stand in the run's folder"
            yield Issue("schema", f"{path}{pointer(name)}", message, "a path such as data/notes.txt")


def _expected_types(case: Case, known: set[str], path: str) -> Iterator[Issue]:
    """Types that the answer cannot have, as they are not offered."""
    expect = case.expect
    yield from (issue for pair, where in _pairs(case, path) for issue in _unknown(pair, known, where))
    for name in expect.uses:
        yield from _unknown_key(name, known, f"{path}/uses")
    for at, node in enumerate(expect.gold.nodes if expect.gold else ()):
        if _key(node.type) not in known:
            where, message = f"{path}/gold/nodes/{at}/type", f"there is no node type '{node.type}' here"
            yield Issue("unknown_node_type", where, message, nearest(node.type, known))
    for name in case.scripted:
        yield from _unknown_key(name, known, f"{path.removesuffix('/expect')}/scripted")


def _pairs(case: Case, path: str) -> Iterator[tuple[tuple[str, str], str]]:
    yield from ((pair, f"{path}/parallel/{at}") for at, pair in enumerate(case.expect.parallel))
    yield from ((pair, f"{path}/before/{at}") for at, pair in enumerate(case.expect.before))


def _unknown_key(name: str, known: Iterable[str], path: str) -> Iterator[Issue]:
    there = list(known)
    if _key(name) not in there:
        message = f"there is no '{name}' here"
        yield Issue("unknown_node_type", f"{path}{pointer(name)}", message, nearest(name, there))


def _workflow(case: Case, registry: Registry, path: str) -> Iterator[Issue]:
    """The issues of a workflow to run, and names of the case that it does not have."""
    examined = examine(cast("dict[str, JsonValue]", case.workflow), registry)
    for issue in examined.issues:
        if issue.severity == "error":
            yield Issue(issue.code, f"{path}/workflow{issue.path}", issue.message, issue.hint)
    if (graph := examined.graph) is None:
        return
    for name in case.scripted:
        yield from _unknown_key(name, [*graph.nodes, *(node.type for node in graph.steps)], f"{path}/scripted")
    there = graph.outputs if graph.outputs is not None else graph.finals
    for name in case.expect.outputs:
        if name not in there:
            where = f"{path}/expect/outputs{pointer(name)}"
            yield Issue("unknown_output", where, f"the workflow has no output '{name}'", nearest(name, there))


def _gold(gold: Gold, path: str) -> Iterator[Issue]:
    ids = [node.id for node in gold.nodes]
    yield from _twice(ids, f"{path}/nodes")
    successors: dict[str, list[str]] = {name: [] for name in ids}
    for at, edge in enumerate(gold.edges):
        for end, name in enumerate(edge):
            if name not in successors:
                where = f"{path}/edges/{at}/{end}"
                yield Issue("unknown_reference", where, f"there is no gold node '{name}'", nearest(name, ids))
        if edge[0] in successors and edge[1] in successors:
            successors[edge[0]].append(edge[1])
    try:
        topological({name: list(dict.fromkeys(after)) for name, after in successors.items()})
    except Cycle as cycle:
        yield Issue("cycle", f"{path}/edges", f"the gold nodes wait for each other: {cycle}", "remove an edge")


def _output(check: OutputCheck, path: str) -> Iterator[Issue]:
    if not check.model_fields_set:
        yield Issue("schema", path, "nothing is checked", "say 'contains', 'matches', 'equals', 'schema' or 'judged'")
    if check.matches is not None and (why := pattern_problem(check.matches)):
        yield Issue("schema", f"{path}/matches", f"no regular expression: {why}", "write a backslash before a sign")
    if check.json_schema is not None and (why := schema_problem(check.json_schema)):
        yield Issue("schema", f"{path}/schema", f"no JSON Schema: {why}", 'for example {"type": "object"}')


def _run_words(case: Case, path: str) -> Iterator[Issue]:
    """What is said of a run where nothing is run, and words that no run or policy knows."""
    expect = case.expect
    if expect.status not in STATUSES:
        message = f"no run ends as '{expect.status}'"
        yield Issue("schema", f"{path}/expect/status", message, nearest(expect.status, STATUSES))
    if not case.runs:
        for key in ("outputs", "status"):
            if key in expect.model_fields_set:
                yield Issue("schema", f"{path}/expect/{key}", "nothing is run here", "leave out 'run: false'")
    for at, each in enumerate(expect.forbidden):
        kind = each.partition(":")[0]
        if kind not in KINDS:
            where, message = f"{path}/expect/forbidden/{at}", f"there is no capability '{kind}'"
            yield Issue("schema", where, message, nearest(kind, KINDS))
