"""From a JSON value to an accepted workflow, or the issues that forbid it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from planner.attempt import LACKING, phase_of
from planner.catalog import CANNOT, longest_text
from planner.editing import restored
from planner.made_up import made_up
from planner.mending import mend
from planner.mentions import left_out
from planner.parallelizing import without_false_waits
from planner.request import Request
from planner.unasked import without_unasked
from planner.unread import unused, with_reads
from planner.unsaved import with_saves
from runtime.checks import Examination, examine
from runtime.issues import Issue, JsonValue, errors_of
from runtime.node_types import Registry
from runtime.references import strings_in

MAX_SHOWN = 8
_FOR_A_MODEL = {"unknown_reference": "add the step that gives it, before this one, or use one that is there"}

Check: TypeAlias = Callable[[Examination], Iterable[Issue]]
"""A rule of one's own about what is accepted; asked once the workflow has a graph."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The value as it was judged, what was mended in it, and all its issues; without an error it is accepted.

    `written` is what the model wrote, mended but with its false waits: what it is shown when it is asked again.
    """

    candidate: JsonValue
    written: JsonValue
    issues: tuple[Issue, ...]
    notes: tuple[str, ...]


def judge(
    value: JsonValue, request: Request, registry: Registry, checks: Sequence[Check] = (), *, parallel: bool = True
) -> Verdict:
    """Mends the value, declares the inputs of the request, and examines it; a valid one is freed of false waits.

    What the value says cannot be done ends it before.
    """
    if impossible := tuple(_impossible(value, registry)):
        return Verdict(value, value, impossible, ())
    candidate, notes = _mended(value, request, registry)
    issues = (*_cut(candidate, longest_text(request)), *_issues(candidate, registry, checks))
    if errors_of(issues):
        return Verdict(candidate, candidate, issues, notes)
    doubts = tuple(left_out(request, candidate, registry))
    if request.workflow is None:  # an edit keeps what it did not ask for
        doubts += (*unused(candidate), *made_up(request, candidate))
    if parallel and request.workflow is None:
        freed = without_false_waits(candidate, registry)
        left = _issues(freed.value, registry, checks) if freed.notes else issues
        if not errors_of(left):
            return Verdict(freed.value, candidate, (*left, *doubts), (*notes, *freed.notes))
    return Verdict(candidate, candidate, (*issues, *doubts), notes)


def _mended(value: JsonValue, request: Request, registry: Registry) -> tuple[JsonValue, tuple[str, ...]]:
    """The value as it was meant, and what was changed for it."""
    if request.workflow is not None:  # what it reads and saves, and in which order, was decided before
        mended = mend(value, registry)
        return _with_inputs(restored(mended.value, request.workflow), request), mended.notes
    read = with_reads(value, request, registry)
    mended = mend(read.value, registry)
    asked = without_unasked(mended.value, request)
    saved = with_saves(asked.value, request, registry)
    return _with_inputs(saved.value, request), (*read.notes, *mended.notes, *asked.notes, *saved.notes)


def _issues(candidate: JsonValue, registry: Registry, checks: Sequence[Check]) -> tuple[Issue, ...]:
    examined = examine(candidate, registry)
    own = [issue for each in checks for issue in each(examined)] if examined.graph else []
    return (*_form(candidate), *examined.issues, *own)


def _with_inputs(value: JsonValue, request: Request) -> JsonValue:
    """The workflow with the inputs that the caller will give; what else it asks for is then undefined."""
    if request.inputs and isinstance(value, dict) and "pipeline" in value:
        known = value.get("inputs")
        declared = known if request.workflow is not None and isinstance(known, dict) else {}
        return {**value, "inputs": {**declared, **request.declarations}}
    return value


def _impossible(value: JsonValue, registry: Registry, path: str = "") -> Iterator[Issue]:
    """What the model says no node type can do, where it would have written a step."""
    if isinstance(value, list):
        for at, entry in enumerate(value):
            yield from _impossible(entry, registry, f"{path}/{at}")
    elif isinstance(value, dict):
        for key in ("pipeline", "parallel"):
            yield from _impossible(value.get(key), registry, f"{path}/{key}")
        if isinstance(what := value.get(CANNOT), str) and "type" not in value:
            close = registry.get(str(value.get("nearest")))
            hint = f"the nearest is '{close.name}': {close.description}" if close else ""
            yield Issue("cannot_do", path, f"no node type can do this: {what}", hint)


def _cut(value: JsonValue, longest: int) -> Iterator[Issue]:
    """Texts that reach the bound of an answer: their ends are not there."""
    for path, text in strings_in(value):
        if len(text) == longest:
            hint = f"write it in fewer than {longest:,} characters, each line once"
            yield Issue("document_limits", path, f"this text was cut after {longest:,} characters", hint)


def _form(value: JsonValue) -> list[Issue]:
    if isinstance(value, dict) and "nodes" in value and "pipeline" not in value:
        hint = 'write the steps in their order: {"pipeline": [step, {"parallel": [step, step]}, step]}'
        return [Issue("schema", "/nodes", "found nodes and edges", hint)]
    return []


def reasons(issues: Sequence[Issue], candidate: JsonValue) -> tuple[str, ...]:
    """The issues as sentences for a model: the errors of the earliest failing phase, each once, at most eight.

    Without an error, what is lacking.
    """
    errors = errors_of(issues) or [issue for issue in issues if issue.code in LACKING]
    earliest = min(map(phase_of, errors), default=0)
    shown = [_sentence(issue, candidate) for issue in errors if phase_of(issue) == earliest]
    return tuple(dict.fromkeys(shown))[:MAX_SHOWN]


def _sentence(issue: Issue, candidate: JsonValue) -> str:
    hints = [hint for hint in (issue.hint, _FOR_A_MODEL.get(issue.code)) if hint]
    where = f"{issue.code} at {_place(issue.path, candidate)}" if issue.path else issue.code
    return f"{where}: {'; '.join([issue.message, *hints])}"


def _place(path: str, candidate: JsonValue) -> str:
    """Where an issue stands, by the id of the innermost step around it: a model does not count entries."""
    value, step, inside = candidate, "", path
    parts = path.split("/")[1:]
    for at, part in enumerate(parts):
        value = _inside(value, part.replace("~1", "/").replace("~0", "~"))
        if isinstance(value, dict) and isinstance(value.get("id"), str) and "type" in value:
            step, inside = f"step '{value['id']}'", "/".join(parts[at + 1 :])
    return f"{step} {inside}".strip() if step else path


def _inside(value: JsonValue, key: str) -> JsonValue:
    if isinstance(value, dict):
        return value.get(key)
    if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
        return value[int(key)]
    return None
