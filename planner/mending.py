"""What models write in another shape, put into the language's own. Only where it can mean one thing; each is noted. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

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
        untangled = untangle(entries, registry)
        whole, notes = {**whole, "pipeline": untangled.entries}, [*notes, *untangled.notes]
    return Mended(whole, tuple(dict.fromkeys(notes)))


@dataclass(slots=True)
class _Mender:
    registry: Registry
    notes: list[str] = field(default_factory=list)

    def document(self, value: JsonValue) -> JsonValue:
        match value:
            case {"workflow": dict(inner), **rest} if not rest:
                self.notes.append("took the workflow out of its key 'workflow'")
                return self.document(inner)
            case {"steps": [*entries], **rest} if not rest.keys() & {"pipeline", "nodes"} and _are_entries(entries):
                self.notes.append("read 'steps' as 'pipeline'")
                return self.document({**rest, "pipeline": entries})
            case [*entries] if _are_entries(entries):
                self.notes.append("read a list of steps as the pipeline")
                return {"pipeline": self.entries(entries)}
            case {"parallel": [*_], **rest} if not rest.keys() & {"pipeline", "nodes"}:
                self.notes.append("read a lone parallel block as the pipeline")
                return {"pipeline": self.entries([value])}
            case {"pipeline": [*entries], **rest}:
                return {**rest, "pipeline": self.entries(entries)}
        return value

    def entries(self, entries: list[JsonValue]) -> list[JsonValue]:
        """A pipeline; a sequence among its entries is only more of the same."""
        kept: list[JsonValue] = []
        for entry in entries:
            match entry:
                case {"pipeline": [*inner], **rest} if not rest:
                    self.notes.append("took the steps of a sequence into the pipeline around it")
                    kept += self.entries(inner)
                case _:
                    kept.append(self.entry(entry))
        return kept

    def entry(self, entry: JsonValue) -> JsonValue:
        match entry:
            case {"parallel": [*branches], **rest}:
                if rest.get("type") == "parallel":
                    self.notes.append("left out 'type': 'parallel' of a parallel block")
                    rest = {key: value for key, value in rest.items() if key != "type"}
                return {"parallel": [self.branch(branch) for branch in branches], **rest}
            case {"type": str(name), **rest} if (node_type := self.registry.get(name)) is not None:
                return self.step(dict(entry), node_type)
        return entry

    def branch(self, branch: JsonValue) -> JsonValue:
        match branch:
            case [*entries] if _are_entries(entries):
                self.notes.append("read a list as the sequence of a branch")
                return {"pipeline": self.entries(entries)}
            case {"pipeline": [*entries], **rest}:
                return {"pipeline": self.entries(entries), **rest}
        return self.entry(branch)

    def step(self, step: dict[str, JsonValue], node_type: NodeType) -> JsonValue:
        """A step whose params stand beside its type has them moved to where they belong."""
        given = step.get("params", {})
        known = {field.alias or name for name, field in node_type.params.model_fields.items()} - _STEP_KEYS
        strays = {key: value for key, value in step.items() if key in known}
        if not strays or not isinstance(given, dict) or strays.keys() & given.keys():
            return step
        self.notes.append(f"moved {', '.join(sorted(strays))} into params")
        rest = {key: value for key, value in step.items() if key not in strays and key != "params"}
        return {**rest, "params": {**given, **strays}}


def _are_entries(entries: list[JsonValue]) -> bool:
    return bool(entries) and all(isinstance(each, dict) and each.keys() & {"type", "parallel"} for each in entries)
