"""What can be wrong, as values. An Issue is one diagnostic; the exceptions drawn here are the only ones plait raises.

PlaitError
├── InvalidWorkflow      the document or the inputs are wrong: `issues` says all of it     exit 2
├── Refused              not granted, not approved, or no sandbox to be had              exit 4
├── NotAccepted          no workflow was accepted within the budget (planner/errors.py)    exit 5
└── Unavailable          something outside is missing or broken: model, cassette, disk     exit 6
    └── CompletionError  a model call failed (runtime/completion.py)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar, Literal

from typing_extensions import TypeAliasType

# A named alias, so that pydantic can follow it into itself where a node's function is annotated with it.
JsonValue = TypeAliasType("JsonValue", "None | bool | int | float | str | list[JsonValue] | dict[str, JsonValue]")

Severity = Literal["error", "warning"]

Code = Literal[
    # phase 1: bytes to a value
    "json_syntax",
    "document_limits",
    # phase 2: the value has the shape of a workflow
    "schema",
    "unknown_key",
    "empty_block",
    "nesting_limit",
    # phase 3: the workflow means something
    "unknown_node_type",
    "missing_param",
    "unknown_param",
    "param_type",
    "duplicate_id",
    "reserved_id",
    "unknown_reference",
    "unknown_output",
    "forward_reference",
    "parallel_sibling_reference",
    "unguaranteed_reference",
    "undefined_input",
    "invalid_reference",
    "shell_reference_context",
    "unknown_next_target",
    "cycle",
    "loop_crosses_block",
    "unreachable_step",
    "batch_items",
    # warnings of phase 3
    "implicit_input",
    "unused_input",
    "rollback_without_undo",
    "arm_not_reached_from_above",
    "unreachable_action",
    "ambiguous_fan_out",
    "missed_parallelism",
    "left_out",
    "read_for_nobody",
    "made_up",
    # at the start of a run
    "missing_input",
    "unknown_input",
    "input_type",
    "input_enum",
    "missing_secret",
    "short_secret",
    "not_yet_supported",
    "cannot_do",
    "capability_denied",
    "sandbox_unavailable",
    # at its end
    "kept_limit",
    # of one form to the other
    "not_convertible",
]

WARNINGS: frozenset[str] = frozenset(
    {
        "implicit_input",
        "unused_input",
        "rollback_without_undo",
        "arm_not_reached_from_above",
        "unreachable_action",
        "ambiguous_fan_out",
        "missed_parallelism",
        "short_secret",
        "left_out",
        "read_for_nobody",
        "made_up",
        "kept_limit",
    }
)


@dataclass(frozen=True, slots=True)
class Issue:
    """One diagnostic: `code` for machines, `path` (a JSON pointer) and `message` for people, `hint` for the mend."""

    code: Code
    path: str
    message: str
    hint: str = ""
    line: int | None = None

    @property
    def severity(self) -> Severity:
        return "warning" if self.code in WARNINGS else "error"

    def __str__(self) -> str:
        place = self.path or "/"
        return f"{place}: {self.message}" + (f"; {self.hint}" if self.hint else "")

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "code": self.code,
            "path": self.path,
            "message": self.message,
            "hint": self.hint,
            "severity": self.severity,
            "line": self.line,
        }


def errors_of(issues: Iterable[Issue]) -> list[Issue]:
    """The issues that forbid a run; warnings left out."""
    return [issue for issue in issues if issue.severity == "error"]


def pointer(*parts: str | int) -> str:
    """A JSON pointer (RFC 6901) from its parts."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint naming what was probably meant, or what there is: `did you mean 'x'?` or `known: a, b`."""
    choices = sorted(known)
    if close := get_close_matches(word, choices, n=1, cutoff=0.6):
        return f"did you mean '{close[0]}'?"
    shown = ", ".join(choices[:12]) + (", …" if len(choices) > 12 else "")
    return f"known: {shown}" if choices else "there is none here"


class PlaitError(Exception):
    """Base of all errors that plait raises on purpose; `exit_code` is what the command line ends with."""

    exit_code: ClassVar[int] = 1


class InvalidWorkflow(PlaitError):
    """The document, or the inputs given to it, cannot be run. `issues` holds every issue of the failing phase."""

    exit_code: ClassVar[int] = 2

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.issues = tuple(issues)
        super().__init__("\n".join(str(issue) for issue in self.issues))


class Refused(PlaitError):
    """Nothing was run: a capability that the workflow needs was not granted."""

    exit_code: ClassVar[int] = 4

    def __init__(self, message: str, issues: Iterable[Issue] = ()) -> None:
        self.issues = tuple(issues)
        super().__init__(message)


class Unavailable(PlaitError):
    """Something outside plait is missing or broken. The message is one sentence that ends with the mend."""

    exit_code: ClassVar[int] = 6
