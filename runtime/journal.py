"""The port to where runs are kept, and its two sides: in memory, and in a directory of the owner's alone.

A run is there once its `record.json` is: that file comes last, and in one step. Outputs and inputs too large for it lie
beside it, and `{"file": NAME, "bytes": N}` stands in their place; NAME is null where the run as a whole was too large.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path, PurePath
from typing import Protocol

from runtime.bounds import DEFAULTS, Limits
from runtime.graph import DEFAULT
from runtime.issues import Issue, JsonValue, Unavailable, pointer
from runtime.record import NodeRecord, RunError, RunRecord, Succeeded
from runtime.workflow import JsonObject

RECORD, WORKFLOW = "record.json", "workflow.json"
_EXACT = ("wall_seconds", "critical_path_seconds", "sequential_seconds")  # else the speed-up would come out another one


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A run as it is kept. `began` has its zone; `actions` are how steps ended that did not end with `default`.

    `only` is the one step that was run of the workflow, None for all of them. `beside` are the outputs and inputs that
    are not in the record: their JSON pointer there, and the file that holds them, None where nothing does.
    """

    record: RunRecord
    began: datetime
    inputs: Mapping[str, JsonValue] = field(default_factory=dict)
    actions: Mapping[str, str] = field(default_factory=dict)
    only: str | None = None
    beside: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        return self.record.run_id or ""

    def given(self, step: str) -> JsonObject | None:
        """What stands in for a step that succeeded in this run: its outputs, its action beside them."""
        node = self.record.nodes.get(step)
        if node is None or node.status != "succeeded" or _outputs_of(step) in self.beside:
            return None
        action = {"action": self.actions[step]} if step in self.actions else {}
        return {**(node.outputs or {}), **action}

    def given_inputs(self) -> JsonObject:
        """The inputs that are at hand."""
        return {name: value for name, value in self.inputs.items() if _input(name) not in self.beside}

    def to_json(self) -> JsonObject:
        return {
            "began": self.began.isoformat(),
            "inputs": dict(self.inputs),
            "actions": dict(self.actions),
            "only": self.only,
            "beside": dict(self.beside),
            "record": {**self.record.to_json(), **{name: getattr(self.record, name) for name in _EXACT}},
        }


def kept(record: RunRecord, began: datetime, inputs: Mapping[str, JsonValue], only: str | None = None) -> KeptRun:
    """A finished run, with what of its facts a later run may need."""
    ends = {fact.node: fact.action for fact in record.facts if isinstance(fact, Succeeded)}
    actions = {str(node): action for node, action in ends.items() if action != DEFAULT}
    return KeptRun(record, began, dict(inputs), actions, only)


@dataclass(slots=True)
class _Shelf:
    """What goes into the record, and what beside it: the text of each file by its name."""

    limits: Limits
    files: dict[str, str] = field(default_factory=dict)
    beside: dict[str, str | None] = field(default_factory=dict)
    bytes: int = 0
    within: int = 0  # of these in the record

    def put(self, place: str, value: JsonValue) -> JsonValue:
        """What stands in the record for a value. Values fill half of it at most: the rest is for what else it says."""
        text = json.dumps(value)
        self.bytes += len(text)
        fits = self.bytes <= self.limits.kept_run_bytes
        within = self.within + len(text)
        if fits and len(text) <= self.limits.kept_output_bytes and within <= self.limits.kept_record_bytes // 2:
            self.within = within
            return value
        name = f"output-{len(self.files) + 1}.json" if fits else None
        if name is not None:
            self.files[name] = text
        self.beside[place] = name
        return {"file": name, "bytes": len(text)}

    def run(self, run: KeptRun) -> KeptRun:
        """The run as its record holds it."""
        nodes = {
            name: node if node.outputs is None else node._replace(outputs=self.put(_outputs_of(name), node.outputs))  # type: ignore[arg-type]  # an object stays one
            for name, node in run.record.nodes.items()
        }
        outputs = {name: self.put(f"/outputs{pointer(name)}", value) for name, value in run.record.outputs.items()}
        inputs = {name: self.put(_input(name), value) for name, value in run.inputs.items()}
        record = replace(run.record, nodes=nodes, outputs=outputs)
        return replace(run, record=record, inputs=inputs, beside=self.beside)

    def left_out(self) -> Iterator[Issue]:
        if places := [place for place, name in self.beside.items() if name is None]:
            most = self.limits.kept_run_bytes
            what = (
                f"{len(places)} outputs or inputs were not kept: all of a run that are kept take {most} bytes at most"
            )
            yield Issue("kept_limit", places[0], what, "PLAIT_LIMITS=kept_run_bytes=... sets another limit")


def _outputs_of(step: str) -> str:
    return f"/nodes{pointer(step)}/outputs"


def _input(name: str) -> str:
    return f"/inputs{pointer(name)}"


def _too_large(size: int, most: int) -> Issue:
    what = f"the run was not kept: its record and its workflow take {size} bytes; {most} are the limit"
    return Issue("kept_limit", "", what, "PLAIT_LIMITS=kept_record_bytes=... sets another limit")


class RunStore(Protocol):
    """Where runs are kept. The directory's raises OSError as the file system says."""

    def save(self, run: KeptRun, document: JsonValue) -> tuple[Issue, ...]:
        """Keeps a run and the document that it ran; of one id the last counts. What was beyond a limit is returned."""

    def runs(self) -> list[KeptRun]:
        """All runs, the newest first; without those whose record is damaged."""

    def load(self, run_id: str) -> KeptRun:
        """One run. KeyError if there is none of exactly this id, Unavailable if its record is damaged."""

    def whole(self, run: KeptRun) -> KeptRun:
        """A run of this store with the outputs and inputs that lie beside its record. Unavailable if one is damaged."""


class RunsInMemory:
    """The shipped double."""

    def __init__(self) -> None:
        self._runs: dict[str, KeptRun] = {}
        self.documents: dict[str, JsonValue] = {}

    def save(self, run: KeptRun, document: JsonValue) -> tuple[Issue, ...]:
        self._runs[run.run_id] = run
        self.documents[run.run_id] = document
        return ()

    def runs(self) -> list[KeptRun]:
        return _newest_first(self._runs.values())

    def load(self, run_id: str) -> KeptRun:
        return self._runs[run_id]

    def whole(self, run: KeptRun) -> KeptRun:
        return run


class RunsInDirectory:
    """A folder for each run below `STATE/runs`, readable by its owner only."""

    def __init__(self, state: Path, limits: Limits = DEFAULTS) -> None:
        self._runs = state / "runs"
        self._limits = limits

    def save(self, run: KeptRun, document: JsonValue) -> tuple[Issue, ...]:
        shelf = _Shelf(self._limits)
        workflow, record = json.dumps(document), json.dumps(shelf.run(run).to_json())
        if (size := len(workflow) + len(record)) > self._limits.kept_record_bytes:
            return (_too_large(size, self._limits.kept_record_bytes),)
        folder = self._runs / run.run_id
        for each in (self._runs.parent, self._runs, folder):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in {WORKFLOW: workflow, **shelf.files, RECORD: record}.items():
            _write(folder / name, text)
        return tuple(shelf.left_out())

    def runs(self) -> list[KeptRun]:
        found = []
        for name in self._names():
            with suppress(Unavailable, FileNotFoundError):  # a damaged record, or none yet, must not hide the others
                found.append(_read(self._runs / name / RECORD))
        return _newest_first(found)

    def load(self, run_id: str) -> KeptRun:
        record = self._runs / run_id / RECORD
        if run_id not in self._names() or not record.exists():
            raise KeyError(run_id)
        return _read(record)

    def whole(self, run: KeptRun) -> KeptRun:
        folder, nodes, inputs, left = (
            self._runs / run.run_id,
            dict(run.record.nodes),
            dict(run.inputs),
            dict(run.beside),
        )
        for step, node in nodes.items():
            if (name := left.get(_outputs_of(step))) is not None:
                nodes[step] = node._replace(outputs=_outputs(folder / PurePath(name).name))
                del left[_outputs_of(step)]
        for each in inputs:
            if (name := left.get(_input(each))) is not None:
                inputs[each] = _value(folder / PurePath(name).name)
                del left[_input(each)]
        return replace(run, record=replace(run.record, nodes=nodes), inputs=inputs, beside=left)

    def _names(self) -> frozenset[str]:
        """The runs that are there; what is asked for is looked up here, and never taken for a path."""
        try:
            return frozenset(each.name for each in os.scandir(self._runs) if each.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()


def _write(path: Path, text: str) -> None:
    """In one step: whoever reads the file finds the old content or the new."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        opened = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(opened, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(unfinished, path)
    except BaseException:  # whatever happens, no half file stays behind
        with suppress(OSError):
            os.unlink(unfinished)
        raise


def _newest_first(runs: Iterable[KeptRun]) -> list[KeptRun]:
    return sorted(runs, key=lambda run: run.began, reverse=True)


def _read(path: Path) -> KeptRun:
    try:
        return _run(json.loads(path.read_bytes()))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Unavailable(f"{path}: the record is damaged ({type(error).__name__}); remove its folder") from None


def _value(path: Path) -> JsonValue:
    try:
        value: JsonValue = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise Unavailable(f"{path}: what is kept here is damaged ({type(error).__name__})") from None
    return value


def _outputs(path: Path) -> JsonObject:
    outputs = _value(path)
    if not isinstance(outputs, dict):
        raise Unavailable(f"{path}: these outputs are damaged (no object)")
    return outputs


def _run(value: JsonObject) -> KeptRun:
    return KeptRun(
        record=_record(value["record"]),
        began=datetime.fromisoformat(value["began"]),
        inputs=dict(value["inputs"]),
        actions=dict(value["actions"]),
        only=value["only"],
        beside=dict(value.get("beside", {})),  # older records have none
    )


def _record(value: JsonObject) -> RunRecord:
    """What `RunRecord.to_json` wrote; the facts were not in it."""
    parts = {key: part for key, part in value.items() if key != "speedup"}
    parts["nodes"] = {name: NodeRecord(**node) for name, node in value["nodes"].items()}
    parts["errors"] = tuple(RunError(**error) for error in value["errors"])
    parts["issues"] = tuple(_issue(issue) for issue in value["issues"])
    parts["not_undone"] = tuple(value["not_undone"])
    return RunRecord(**parts)


def _issue(value: JsonObject) -> Issue:
    return Issue(**{key: part for key, part in value.items() if key != "severity"})
