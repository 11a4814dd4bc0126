"""Every bound on what plait takes in, runs and keeps that can be set, in one frozen value; and its text form. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite

from runtime.document_walk import MAX_DEPTH
from runtime.documents import MAX_BYTES
from runtime.issues import InvalidWorkflow, Issue, nearest
from runtime.sandbox import MIB, ProcessLimits


@dataclass(frozen=True, slots=True)
class Limits(ProcessLimits):
    """What a document may hold, a run may do, and a kept run may take; beside what one process may use.

    `document_depth` can only be lowered. `document_entries` counts steps, edges and blocks; `graph_nodes` the nodes of
    a graph built in Python; `run_seconds` are the machine's own, whatever clock a run is told; `kept_output_bytes` the
    outputs of one step as JSON, `kept_run_bytes` those of a whole run with its inputs, `kept_record_bytes` all the rest
    that is kept of one.
    """

    document_bytes: int = MAX_BYTES
    document_depth: int = MAX_DEPTH
    document_entries: int = 30_000
    graph_nodes: int = 1_000_000
    batch_items: int = 100_000
    run_seconds: float = 86_400.0
    kept_output_bytes: int = MIB
    kept_run_bytes: int = 1024 * MIB
    kept_record_bytes: int = 64 * MIB


DEFAULTS = Limits()


def read_limits(text: str) -> Limits:
    """`NAME=NUMBER`, with commas or spaces between them, in place of the defaults. InvalidWorkflow for what is none."""
    given: dict[str, float] = {}
    issues: list[Issue] = []
    for part in text.replace(",", " ").split():
        name, _, number = part.partition("=")
        value = _number(number, whole=isinstance(getattr(DEFAULTS, name, None), int))
        if name not in _NAMES:
            issues.append(Issue("schema", "", f"there is no limit '{name}'", nearest(name, _NAMES)))
        elif value is None or (name == "document_depth" and value > MAX_DEPTH):
            most = f", at most {MAX_DEPTH}" if name == "document_depth" else ""
            hint = f"write a number above 0{most}, as in {name}={getattr(DEFAULTS, name):g}"
            issues.append(Issue("schema", "", f"the limit '{name}' cannot be '{number}'", hint))
        else:
            given[name] = value
    if issues:
        raise InvalidWorkflow(issues)
    return Limits(**given)  # type: ignore[arg-type]  # whole numbers are made so where the field wants one


_NAMES = tuple(each.name for each in fields(Limits))


def _number(text: str, *, whole: bool) -> float | None:
    try:
        number = int(text) if whole else float(text)
    except ValueError:
        return None
    return number if isfinite(number) and number > 0 else None
