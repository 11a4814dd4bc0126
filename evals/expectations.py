"""What a case says must be true, held against the workflow and its run: every part that is not met, in words. Pure.

A scorer here is an assertion. What cannot be known, as an unknown cost, does not meet what is said of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import permutations

from evals.dataset import Case, Expectation, OutputCheck
from evals.outputs import misses
from evals.subject import Finding, Subject
from runtime import Graph, JsonValue, ordered_pairs

NOT_APPLICABLE = Finding(None)


def _finding(missed: list[str]) -> Finding:
    return Finding(not missed, "; ".join(missed))


def meets(case: Case, subject: Subject) -> Finding:
    """Whether the workflow has what the case says of its steps: uses, must_not_use, parallel, before, forbidden."""
    expect = case.expect
    if not (expect.uses or expect.must_not_use or expect.parallel or expect.before or expect.forbidden):
        return NOT_APPLICABLE
    if subject.graph is None:
        return Finding(False, "no workflow was accepted")
    needed = [
        f"needs the capability {need}"
        for need in subject.needs
        if any(need == each or need.startswith(f"{each}:") for each in expect.forbidden)
    ]
    return _finding([*unmet(subject.graph, expect), *needed])


def runs(case: Case, subject: Subject) -> Finding:
    """Whether what was accepted runs to the end that the case expects."""
    if subject.run is None:
        return NOT_APPLICABLE
    if subject.run.status == case.expect.status:
        return Finding(True)
    errors = [f"{error.node or 'the run'}: {error.message}" for error in subject.run.errors]
    return _finding([f"ended as {subject.run.status} instead of {case.expect.status}", *errors])


def outputs(case: Case, subject: Subject) -> Finding:
    """Whether every output of the run is as the case says; what a model judges is left to `judged`."""
    checks = {name: check for name, check in case.expect.outputs.items() if check.model_fields_set - {"judged"}}
    if not checks or (subject.run is None and subject.accepted):
        return NOT_APPLICABLE
    if subject.run is None:
        return Finding(False, "no workflow was accepted")
    return _finding([missed for name, check in checks.items() for missed in _output(name, check, subject.run.outputs)])


def _output(name: str, check: OutputCheck, found: dict[str, JsonValue]) -> Iterator[str]:
    if name not in found:
        yield f"there is no output '{name}', only {', '.join(found) or 'none at all'}"
    else:
        yield from (f"'{name}' {missed}" for missed in misses(check, found[name]))


def judged(case: Case, subject: Subject) -> Finding:
    """Whether the model that judges agrees with every statement about the outputs."""
    found = subject.judged
    if not found:
        return NOT_APPLICABLE
    return _finding([f"'{name}': {each.why}" for name, each in found.items() if each.value is not True])


def limits(case: Case, subject: Subject) -> Finding:
    """Whether it took no more seconds and cost no more than the case says."""
    expect, missed = case.expect, list[str]()
    if expect.seconds is None and expect.cost_usd is None:
        return NOT_APPLICABLE
    if expect.seconds is not None and subject.seconds > expect.seconds:
        missed.append(f"took {subject.seconds:.1f} s, more than {expect.seconds:g}")
    if expect.cost_usd is not None and subject.cost_usd is None:
        missed.append(f"its cost is unknown, and must not be more than {expect.cost_usd:g} USD")
    elif expect.cost_usd is not None and subject.cost_usd is not None and subject.cost_usd > expect.cost_usd:
        missed.append(f"cost {subject.cost_usd:g} USD, more than {expect.cost_usd:g}")
    return _finding(missed)


# --- the steps -------------------------------------------------------------------------------------------------------


def unmet(graph: Graph, expect: Expectation) -> list[str]:
    """Every part of an expectation that the graph does not meet, in words; empty if it meets all."""
    used = Counter(node.type for node in graph.steps)
    missing = [
        f"uses {used[_key(kind)]} of {least} {kind}" for kind, least in expect.uses.items() if used[_key(kind)] < least
    ]
    unwanted = [f"uses {kind}" for kind in expect.must_not_use if used[_key(kind)]]
    return missing + unwanted + _not_parallel(graph, expect) + _not_before(graph, expect)


def _key(kind: str) -> str:
    return kind.replace("-", "_")


def _not_parallel(graph: Graph, expect: Expectation) -> list[str]:
    ordered = ordered_pairs(graph)
    free = {
        (one.type, other.type)
        for one, other in permutations(graph.steps, 2)
        if (one.id, other.id) not in ordered and (other.id, one.id) not in ordered
    }
    return [f"no {one} beside {other}" for one, other in expect.parallel if (_key(one), _key(other)) not in free]


def _not_before(graph: Graph, expect: Expectation) -> list[str]:
    kind = {node.id: node.type for node in graph.steps}
    earlier: dict[str, set[str]] = {node.id: set() for node in graph.steps}
    for first, then in ordered_pairs(graph):
        earlier[then].add(kind[first])
    return [
        f"'{node.id}' ({then}) without {first} before it"
        for first, then in expect.before
        for node in graph.steps
        if node.type == _key(then) and _key(first) not in earlier[node.id]
    ]
