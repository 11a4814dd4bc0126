"""From a request to messages; the only file that knows jinja2.

What does not depend on the request stands first and has the same bytes every time. A request enters as data: what looks
like a template in it stays text. A directory of one's own may hold templates and examples that stand in for those here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TypedDict

from jinja2 import FunctionLoader, StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from planner.attempt import Strategy
from planner.catalog import CATALOGUE_TOKENS, catalogue, offered
from planner.editing import shown
from planner.errors import InvalidRequest
from planner.request import Request, read_request
from runtime.completion import Message
from runtime.issues import JsonValue, nearest
from runtime.node_types import Registry


@dataclass(frozen=True, slots=True)
class Correction:
    """Why the last answer was refused, as sentences, and that answer as a value (shown under `conversation` only)."""

    strategy: Strategy
    reasons: tuple[str, ...]
    answer: JsonValue


@dataclass(frozen=True, slots=True)
class Prompts:
    """Where the prompt comes from: what ships with plait, and before it what a directory of one's own holds.

    A template there stands in for the one of that name; so does an example, and one of another name is added.
    """

    directory: Path | None = None

    def template(self, name: str) -> str:
        """The source of a template. Raises InvalidRequest if it cannot be read."""
        return self._own(name) or (files("prompts") / name).read_text(encoding="utf-8")

    def examples(self) -> dict[str, str]:
        """The texts of the examples by file name, in the order of the names."""
        shipped = (files("prompts") / "examples").iterdir()
        texts = {each.name: each.read_text(encoding="utf-8") for each in shipped if each.name.endswith(".json")}
        for path in (self.directory / "examples").glob("*.json") if self.directory else ():
            texts[path.name] = self._own(f"examples/{path.name}") or ""
        return dict(sorted(texts.items()))

    def _own(self, name: str) -> str | None:
        if self.directory is None or not (path := self.directory / name).exists():
            return None
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            raise InvalidRequest(f"{path}: this part of the prompt cannot be read ({error})") from error


SHIPPED = Prompts()


def read_prompts(directory: Path) -> Prompts:
    """The prompts of a directory. Raises InvalidRequest for one that is none, or that replaces nothing."""
    if not directory.is_dir():
        raise InvalidRequest(f"{directory}: no directory of prompts")
    known = {each.name for each in files("prompts").iterdir() if each.name.endswith(".jinja")}
    own = sorted(path.name for path in directory.glob("*.jinja"))
    if unknown := [name for name in own if name not in known]:
        raise InvalidRequest(
            f"{directory / unknown[0]}: there is no template of that name; {nearest(unknown[0], known)}"
        )
    if not own and not any((directory / "examples").glob("*.json")):
        wanted = f"{', '.join(sorted(known))} or examples/NAME.json"
        raise InvalidRequest(f"{directory}: holds no part of a prompt; it may hold {wanted}")
    return Prompts(directory)


def render_messages(
    request: Request,
    registry: Registry,
    correction: Correction | None = None,
    *,
    room: int = CATALOGUE_TOKENS,
    prompts: Prompts = SHIPPED,
) -> tuple[Message, ...]:
    """The prompt for a first answer, or with a correction for a better one. Equal arguments give equal bytes.

    `room` is in tokens, for what is said of node types. Raises InvalidRequest for prompts that cannot be rendered.
    """
    choice = offered(registry, request, room)
    reasons = correction.reasons if correction else ()
    if correction is None or correction.strategy == "fresh":
        return *_prefix(prompts), _last(request, choice, prompts, reasons)
    return (
        *_prefix(prompts),
        _last(request, choice, prompts),
        Message("assistant", compact(correction.answer)),
        Message("user", _render(prompts, "repair_user", reasons=reasons)),
    )


@cache
def _prefix(prompts: Prompts) -> tuple[Message, ...]:
    """What is the same for every request and every registry: rules and language, then the examples as turns."""
    messages = [Message("system", _render(prompts, "plan_system"))]
    for example in examples(prompts):
        asked = _asked(example.request, prompts)
        messages += [Message("user", asked), Message("assistant", compact(example.workflow))]
    return tuple(messages)


def _last(request: Request, registry: Registry, prompts: Prompts, reasons: Sequence[str] = ()) -> Message:
    """What is offered, then what is asked: the catalogue comes first, as many requests share it."""
    offers = _render(prompts, "plan_types", types=catalogue(registry))
    return Message("user", f"{offers}\n\n{_asked(request, prompts, reasons)}")


def show_messages(messages: Sequence[Message]) -> str:
    """The exact messages as one text, each under its role."""
    return "\n".join(f"--- {message.role} ---\n{message.content}" for message in messages)


@dataclass(frozen=True, slots=True)
class Example:
    """A request and the answer it should have."""

    request: Request
    workflow: JsonValue


@cache
def examples(prompts: Prompts = SHIPPED) -> tuple[Example, ...]:
    """The worked examples of the prompt, by file name. Raises InvalidRequest for one that is none."""
    return tuple(_example(name, text, prompts) for name, text in prompts.examples().items())


class _ExampleFile(TypedDict, total=False):
    request: str
    inputs: dict[str, str]
    workflow: JsonValue


def _example(name: str, text: str, prompts: Prompts) -> Example:
    try:
        read: _ExampleFile = json.loads(text)
        return Example(read_request(read["request"], read.get("inputs", {})), read["workflow"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        wanted = 'one JSON object with "request" and "workflow"'
        raise InvalidRequest(f"{prompts.directory}/examples/{name}: no example ({error}); write {wanted}") from error


def compact(value: JsonValue) -> str:
    """JSON on one line, as the examples have it."""
    return json.dumps(value, ensure_ascii=False)


def _asked(request: Request, prompts: Prompts, reasons: Sequence[str] = ()) -> str:
    values = {"request": request.text, "inputs": request.inputs, "reasons": reasons}
    if request.workflow is None:
        return _render(prompts, "plan_user", **values)
    return _render(prompts, "edit_user", **values, workflow=shown(request.workflow))


def _render(prompts: Prompts, template: str, **values: object) -> str:
    try:
        return _environment(prompts).get_template(f"{template}.jinja").render(**values).strip()
    except TemplateError as error:
        raise InvalidRequest(f"{prompts.directory}/{template}.jinja: {error.message}; see prompts/README.md") from error


@cache
def _environment(prompts: Prompts) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=FunctionLoader(prompts.template),
        undefined=StrictUndefined,
        autoescape=False,  # the prompt is text for a model, and escaping would change the request
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["compact"] = compact
    return environment
