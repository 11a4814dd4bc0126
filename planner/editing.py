"""Changing a workflow: what a model is shown of it, and what comes back from it whatever the model writes. Pure.

A model is shown steps as it can write them: id, type, params, blocks. All else that a step or block says (batch, next,
retry, undo, limits) and what the document says around its pipeline stays as it was, found again by ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from planner.entries import inner_of
from planner.errors import InvalidRequest
from runtime.checks import examine
from runtime.issues import InvalidWorkflow, JsonValue, errors_of
from runtime.node_types import Registry
from runtime.surface import to_pipeline

Entry = dict[str, JsonValue]

_SHOWN = ("id", "type", "params")
_INNER = ("parallel", "pipeline")


def editable(document: JsonValue, registry: Registry) -> Entry:
    """A workflow in pipeline form, as it can be changed. Raises InvalidRequest for one that is invalid or has none."""
    examined = examine(document, registry)
    if examined.graph is None or not examined.valid:
        told = "\n".join(f"  {issue}" for issue in errors_of(examined.issues))
        raise InvalidRequest(f"the workflow that is to be changed is not valid:\n{told}")
    if isinstance(document, dict) and "pipeline" in document:
        return document
    try:
        return dict(to_pipeline(examined.graph))
    except InvalidWorkflow as error:
        raise InvalidRequest(f"the workflow that is to be changed has no pipeline form: {error}") from error


def shown(workflow: Mapping[str, JsonValue]) -> Entry:
    """The workflow as a model is shown it."""
    return {"pipeline": [_bare(entry) for entry in _entries(workflow.get("pipeline"))]}


def _bare(entry: JsonValue) -> JsonValue:
    if not isinstance(entry, dict):
        return entry
    if inner := inner_of(entry):
        return {inner[0]: [_bare(each) for each in inner[1]]}
    return {key: entry[key] for key in _SHOWN if key in entry}


def restored(answer: JsonValue, workflow: Mapping[str, JsonValue]) -> JsonValue:
    """The answer with all that the model was not shown of the workflow put back where it stood."""
    if not (isinstance(answer, dict) and isinstance(entries := answer.get("pipeline"), list)):
        return answer
    old = _entries(workflow.get("pipeline"))
    steps = _by_id(old)
    blocks = [(ids_in(block), block) for block in _blocks(old)]
    around = {key: value for key, value in workflow.items() if key not in ("pipeline", "description")}
    return {**answer, **around, "pipeline": [_whole(entry, steps, blocks) for entry in entries]}


def _whole(entry: JsonValue, steps: Mapping[str, Entry], blocks: list[tuple[frozenset[str], Entry]]) -> JsonValue:
    if not isinstance(entry, dict):
        return entry
    if inner := inner_of(entry):
        names = ids_in(entry)
        like = max(blocks, key=lambda block: (block[0] <= names, len(block[0] & names)), default=None)
        said = _rest(like[1]) if like and like[0] <= names and inner[0] == "parallel" else {}
        return {**said, **entry, inner[0]: [_whole(each, steps, blocks) for each in inner[1]]}
    was = steps.get(str(entry.get("id")))
    return {**entry, **_rest(was)} if was is not None and was.get("type") == entry.get("type") else entry


def _rest(entry: Entry) -> Entry:
    return {key: value for key, value in entry.items() if key not in (*_SHOWN[1:], *_INNER)}


@dataclass(frozen=True, slots=True)
class Difference:
    """What an edit has done to the steps, by their ids."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    kept: tuple[str, ...]

    def __str__(self) -> str:
        parts = ("added", self.added), ("removed", self.removed), ("changed", self.changed)
        told = [f"{what} {', '.join(names)}" for what, names in parts if names]
        return "; ".join([*told, f"{len(self.kept)} as before"])


def difference(before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]) -> Difference:
    """The steps that only one of two pipelines has, and of the others which say the same."""
    old, new = (
        {str(each.get("id")): each for each in _steps(_entries(one.get("pipeline")))} for one in (before, after)
    )
    both = [name for name in old if name in new]
    return Difference(
        added=tuple(name for name in new if name not in old),
        removed=tuple(name for name in old if name not in new),
        changed=tuple(name for name in both if old[name] != new[name]),
        kept=tuple(name for name in both if old[name] == new[name]),
    )


def ids_in(entry: JsonValue) -> frozenset[str]:
    """The ids of all steps in an entry."""
    return frozenset(str(step.get("id")) for step in _steps([entry]))


def _entries(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _steps(entries: list[JsonValue]) -> Iterator[Entry]:
    """All steps of a pipeline, those of the inline pipelines of `next` left out: the model is not shown them."""
    for entry in entries:
        if isinstance(entry, dict):
            inner = inner_of(entry)
            yield from _steps(inner[1]) if inner else (entry,)


def _by_id(entries: list[JsonValue]) -> dict[str, Entry]:
    return {str(step.get("id")): step for step in _steps(entries)}


def _blocks(entries: list[JsonValue]) -> Iterator[Entry]:
    for entry in entries:
        if isinstance(entry, dict) and (inner := inner_of(entry)):
            if inner[0] == "parallel":
                yield entry
            yield from _blocks(inner[1])
