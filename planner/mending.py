"""What models write in another shape, put into the language's own. Pure.

Only where it can mean one thing; each mend is noted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from planner.foreign_texts import with_own_words
from planner.untangling import untangle
from runtime.issues import JsonValue
from runtime.node_types import NodeType, Registry
from runtime.workflow import Step

_STEP_KEYS = frozenset(Step.model_fields)


@dataclass(frozen=True, slots=True)
class Mended:
    value: JsonValue
    notes: tuple[str, ...]


def mend(value: JsonValue, registry: Registry) -> Mended:
    """The value with its lossless mends; what is not recognised stays as it is."""
    mender = _Mender(registry)
    whole, notes = mender.document(value), mender.notes
    if isinstance(whole, dict) and isinstance(entries := whole.get("pipeline"), list):
        untangled = untangle(with_own_words(entries, registry, notes), registry, whole.get("description"))
        whole, notes = {**whole, "pipeline": untangled.entries}, [*notes, *untangled.notes]
    return Mended(whole, tuple(dict.fromkeys(notes)))


@dataclass(slots=True)
class _Mender:
    registry: Registry
    notes: list[str] = field(default_factory=list)

    def document(self, value: JsonValue) -> JsonValue:
        if isinstance(value, list) and _are_entries(value):
            self.notes.append("read a list of steps as the pipeline")
            return self.document({"pipeline": value})
        if not isinstance(value, dict):
            return value
        if value.keys() == {"workflow"} and isinstance(value["workflow"], dict):
            self.notes.append("took the workflow out of its key 'workflow'")
            return self.document(value["workflow"])
        if value.keys() & {"pipeline", "nodes"}:
            return {key: self.entries(part) if key == "pipeline" else part for key, part in value.items()}
        if _are_entries(value.get("steps")):
            self.notes.append("read 'steps' as 'pipeline'")
            return self.document({"pipeline" if key == "steps" else key: part for key, part in value.items()})
        if "parallel" in value:
            self.notes.append("read a lone parallel block as the pipeline")
            return self.document({"pipeline": [value]})
        return value

    def entries(self, entries: JsonValue) -> JsonValue:
        """A pipeline; a sequence among its entries is only more of the same."""
        if not isinstance(entries, list):
            return entries
        kept: list[JsonValue] = []
        for entry in entries:
            if isinstance(entry, dict) and entry.keys() == {"pipeline"} and isinstance(entry["pipeline"], list):
                self.notes.append("took the steps of a sequence into the pipeline around it")
                inner = self.entries(entry["pipeline"])
                kept += inner if isinstance(inner, list) else []
            else:
                kept.append(self.entry(entry))
        return kept

    def entry(self, entry: JsonValue) -> JsonValue:
        if not isinstance(entry, dict):
            return entry
        if isinstance(branches := entry.get("parallel"), list):
            return self.block(entry, branches)
        node_type = self.registry.get(kind) if isinstance(kind := entry.get("type"), str) else None
        return self.step(entry, node_type) if node_type else entry

    def block(self, block: dict[str, JsonValue], branches: list[JsonValue]) -> JsonValue:
        kept = {**block, "parallel": [self.branch(branch) for branch in branches]}
        if block.get("type") == "parallel":
            self.notes.append("left out 'type': 'parallel' of a parallel block")
            del kept["type"]
        return kept

    def branch(self, branch: JsonValue) -> JsonValue:
        if isinstance(branch, list) and _are_entries(branch):
            self.notes.append("read a list as the sequence of a branch")
            return {"pipeline": self.entries(branch)}
        if isinstance(branch, dict) and "pipeline" in branch:
            return {**branch, "pipeline": self.entries(branch["pipeline"])}
        return self.entry(branch)

    def step(self, step: dict[str, JsonValue], node_type: NodeType) -> JsonValue:
        """A step whose params stand beside its type has them moved to where they belong; nothing of itself is given."""
        return self.without_itself(self.gathered(step, node_type), node_type)

    def without_itself(self, step: dict[str, JsonValue], node_type: NodeType) -> JsonValue:
        """A param that may be left out and is nothing but the step's own output has nothing to give."""
        params = step.get("params")
        if not isinstance(params, dict):
            return step
        optional = {
            each.alias or name for name, each in node_type.params.model_fields.items() if not each.is_required()
        }
        kept = {name: value for name, value in params.items() if name not in optional or not _is_of(step, value)}
        if len(kept) == len(params) or any(True for _ in node_type.check(kept)):
            return step
        left = ", ".join(sorted(params.keys() - kept.keys()))
        self.notes.append(f"left out {left} of '{step['id']}', which would be its own output")
        return {**step, "params": kept}

    def gathered(self, step: dict[str, JsonValue], node_type: NodeType) -> dict[str, JsonValue]:
        given = step.get("params", {})
        known = {field.alias or name for name, field in node_type.params.model_fields.items()} - _STEP_KEYS
        strays = {key: value for key, value in step.items() if key in known}
        if not strays or not isinstance(given, dict) or strays.keys() & given.keys():
            return step
        self.notes.append(f"moved {', '.join(sorted(strays))} into params")
        rest = {key: value for key, value in step.items() if key not in strays and key != "params"}
        return {**rest, "params": {**given, **strays}}


def _is_of(step: dict[str, JsonValue], value: JsonValue) -> bool:
    """Whether a value is one reference to an output of the step itself."""
    if not isinstance(value, str) or not isinstance(name := step.get("id"), str):
        return False
    return re.fullmatch(rf"\$\{{{re.escape(name)}\.[A-Za-z0-9_.]+\}}", value) is not None


def _are_entries(value: JsonValue) -> bool:
    if not isinstance(value, list):
        return False
    return bool(value) and all(isinstance(each, dict) and each.keys() & {"type", "parallel"} for each in value)
