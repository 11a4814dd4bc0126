"""From a request to messages; the only file that knows jinja2.

What does not depend on the request stands first and has the same bytes every time. A request enters as data: what looks
like a template in it stays text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TypedDict

from jinja2 import FunctionLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from planner.catalog import CATALOGUE_TOKENS, catalogue, offered
from planner.repair import Strategy
from planner.request import Request
from runtime.completion import Message
from runtime.issues import JsonValue
from runtime.node_types import Registry


@dataclass(frozen=True, slots=True)
class Correction:
    """Why the last answer was refused, as sentences, and that answer as a value (shown under `conversation` only)."""

    strategy: Strategy
    reasons: tuple[str, ...]
    answer: JsonValue


def render_messages(
    request: Request, registry: Registry, correction: Correction | None = None, *, room: int = CATALOGUE_TOKENS
) -> tuple[Message, ...]:
    """The prompt for a first answer, or with a correction for a better one. Equal arguments give equal bytes.

    `room` is in tokens, for what is said of node types.
    """
    shown = offered(registry, request, room)
    reasons = correction.reasons if correction else ()
    if correction is None or correction.strategy == "fresh":
        return *_prefix(), _last(request, shown, reasons)
    return (
        *_prefix(),
        _last(request, shown),
        Message("assistant", compact(correction.answer)),
        Message("user", _render("repair_user", reasons=reasons)),
    )


@cache
def _prefix() -> tuple[Message, ...]:
    """What is the same for every request and every registry: rules and language, then the examples as turns."""
    messages = [Message("system", _render("plan_system"))]
    for example in examples():
        messages += [Message("user", _asked(example.request)), Message("assistant", compact(example.workflow))]
    return tuple(messages)


def _last(request: Request, registry: Registry, reasons: Sequence[str] = ()) -> Message:
    """What is offered, then what is asked: the catalogue comes first, as many requests share it."""
    return Message("user", f"{_render('plan_types', types=catalogue(registry))}\n\n{_asked(request, reasons)}")


def show_messages(messages: Sequence[Message]) -> str:
    """The exact messages as one text, each under its role."""
    return "\n".join(f"--- {message.role} ---\n{message.content}" for message in messages)


@dataclass(frozen=True, slots=True)
class Example:
    """A request and the answer it should have."""

    request: Request
    workflow: JsonValue


@cache
def examples() -> tuple[Example, ...]:
    """The worked examples of the prompt, by file name."""
    folder = files("prompts") / "examples"
    found = sorted((each for each in folder.iterdir() if each.name.endswith(".json")), key=lambda each: each.name)
    return tuple(_example(json.loads(each.read_text(encoding="utf-8"))) for each in found)


class _ExampleFile(TypedDict, total=False):
    request: str
    inputs: dict[str, str]
    workflow: JsonValue


def _example(read: _ExampleFile) -> Example:
    return Example(Request(read["request"], read.get("inputs", {})), read["workflow"])


def compact(value: JsonValue) -> str:
    """JSON on one line, as the examples have it."""
    return json.dumps(value, ensure_ascii=False)


def _asked(request: Request, reasons: Sequence[str] = ()) -> str:
    return _render("plan_user", request=request.text, inputs=request.inputs, reasons=reasons)


def _render(template: str, **values: object) -> str:
    return _environment().get_template(f"{template}.jinja").render(**values).strip()


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=FunctionLoader(lambda name: (files("prompts") / name).read_text(encoding="utf-8")),
        undefined=StrictUndefined,
        autoescape=False,  # the prompt is text for a model, and escaping would change the request
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["compact"] = compact
    return environment
