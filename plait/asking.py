"""What only a person knows, asked on standard error: missing inputs, and what a request leaves open."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from plait.display import harmless, is_interactive, say
from plait.inputs import value_of
from runtime.graph import Graph
from runtime.inputs import bind_inputs, declared_inputs, misfits
from runtime.issues import JsonValue, errors_of
from runtime.shape import show
from runtime.workflow import InputSpec

if TYPE_CHECKING:  # the planner brings jinja2, which running a workflow does without
    from planner import NotAccepted


def with_answers(graph: Graph, given: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The inputs given, and those that somebody at the terminal adds. Where anything else is wrong nobody is asked."""
    _, issues = bind_inputs(graph, given)
    if not issues or not is_interactive() or any(issue.code != "missing_input" for issue in issues):
        return dict(given)
    missing = {name: spec for name, spec in declared_inputs(graph).items() if spec.is_required and name not in given}
    return {**given, **{name: _asked(name, spec) for name, spec in missing.items()}}


def _asked(name: str, spec: InputSpec) -> JsonValue:
    while True:
        value = value_of(_answer(_question(name, spec)), spec.type)
        wrong = [f"{issue.message}; {issue.hint}" for issue in misfits(value, spec, "")]
        if not wrong:
            return value
        say(wrong[0])


def _question(name: str, spec: InputSpec) -> str:
    choices = "" if spec.enum is None else "one of " + ", ".join(show(each) for each in spec.enum)
    about = "; ".join(filter(None, (spec.type, choices, spec.description)))
    return f"{name} ({about}): "


def clarified(error: NotAccepted) -> str:
    """What somebody adds to a request of which no workflow came; empty if they give up."""
    say(f"plait: no workflow was accepted: {error.reason}")
    say(_open(error))
    return _answer("What should the model know? (empty: give up): ").strip()


def _open(error: NotAccepted) -> str:
    """The first thing that is wrong with the best candidate, as the reason for the question."""
    first = next(iter(errors_of(error.issues)), None)
    if first is None:
        return "The model has written no workflow."
    return f"{first.message[:1].upper()}{first.message[1:]}." + (f" ({first.hint})" if first.hint else "")


def _answer(question: str) -> str:
    """A line of standard input. Not by `typer.prompt`, which writes to standard output too, where data goes."""
    sys.stderr.write(harmless(question))
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        say("")
        raise typer.Abort
    return line.removesuffix("\n")
