"""From a JSON value to a workflow document, or to issues that a person understands; never a raw pydantic error.

Phase 2 of the checks: the value has the shape of a workflow. Unknown keys are issues too, but do not hide what the rest
means: `shape` returns the workflow beside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from runtime.issues import InvalidWorkflow, Issue, nearest, pointer
from runtime.references import as_text
from runtime.workflow import (
    GraphWorkflow,
    Json,
    JsonObject,
    ParallelBlock,
    PipelineWorkflow,
    Sequence,
    Step,
    Workflow,
)

MAX_PARALLEL_LEVELS = 16
MAX_ISSUES = 10_000  # of the shape; what makes more of them is no document that anybody mends by a list


@dataclass(frozen=True, slots=True)
class Shaped:
    """The outcome of `shape`: the workflow, unless an issue other than `unknown_key` forbids one."""

    workflow: Workflow | None
    issues: tuple[Issue, ...]


def shape(value: Json) -> Shaped:
    """A JSON value as a workflow, or every issue of phase 2."""
    if not isinstance(value, dict):
        found = f"a workflow is an object; found {show(value)}"
        return Shaped(None, (Issue("schema", "", found, 'begin with {"pipeline": [...]}'),))
    form, issues = _form_of(value), [*_two_forms(value), *_too_deep(value.get("pipeline"), "/pipeline", 0)]
    given = {key: item for key, item in value.items() if form is GraphWorkflow or key not in _OF_GRAPHS_ALONE}
    given = given if issues else value
    try:
        workflow = form.model_validate(given)
    except ValidationError as error:
        details = error.errors(include_url=False)
    else:
        return Shaped(None if issues else workflow, tuple(issues))
    if len(details) > MAX_ISSUES:
        return Shaped(None, (*issues, *_issues(details[:MAX_ISSUES], form), _unlisted(len(details) - MAX_ISSUES)))
    unknown = [_plain(detail["loc"]) for detail in details if detail["type"] == "extra_forbidden"]
    issues += _issues(details, form)
    if len(unknown) < len(issues):
        return Shaped(None, tuple(issues))
    return Shaped(form.model_validate(_without(given, unknown)), tuple(issues))


def _unlisted(count: int) -> Issue:
    return Issue("schema", "", f"{count} more issues are not listed", "mend the listed ones first")


def entries_in(value: Json) -> int:
    """How many steps, blocks and edges a document has, wherever they stand; told without reading them."""
    count, waiting = 0, [value]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, dict):
            continue
        targets = each.get("next")
        lists = [each.get(key) for key in _LISTS]
        lists += targets.values() if isinstance(targets, dict) else ()
        for entries in lists:
            if isinstance(entries, list):
                count += len(entries)
                waiting += entries
    return count


_LISTS = ("pipeline", "parallel", "nodes", "edges", "blocks")


def load_workflow(value: Json) -> Workflow:
    """A JSON value as a workflow; InvalidWorkflow with every issue of phase 2 otherwise."""
    shaped = shape(value)
    if shaped.workflow is None or shaped.issues:
        raise InvalidWorkflow(shaped.issues)
    return shaped.workflow


def _known_keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


_OF_GRAPHS_ALONE = frozenset(_known_keys(GraphWorkflow)) - frozenset(_known_keys(PipelineWorkflow))


def _form_of(value: JsonObject) -> type[Workflow]:
    """The form that the keys show; without any, the one that the version names."""
    if "pipeline" in value:
        return PipelineWorkflow
    graph = not _OF_GRAPHS_ALONE.isdisjoint(value) or value.get("ir_version") == "0.1.0"
    return GraphWorkflow if graph else PipelineWorkflow


def _two_forms(value: JsonObject) -> Iterator[Issue]:
    if "pipeline" in value and "nodes" in value:
        both = "both 'pipeline' and 'nodes' are there; a workflow has one of them"
        yield Issue("schema", "/nodes", both, "keep 'pipeline', or 'nodes' with 'edges'")


def _too_deep(entries: Json, path: str, level: int) -> Iterator[Issue]:
    """Where the levels of `parallel` exceed the limit; the walk stops there."""
    for index, entry in enumerate(entries) if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            continue
        here, targets = f"{path}/{index}", entry.get("next")
        yield from _too_deep(entry.get("pipeline"), f"{here}/pipeline", level)
        for action, target in targets.items() if isinstance(targets, dict) else ():
            yield from _too_deep(target, f"{here}/next{pointer(action)}", level)
        if "parallel" not in entry:
            continue
        if level < MAX_PARALLEL_LEVELS:
            yield from _too_deep(entry["parallel"], f"{here}/parallel", level + 1)
        else:
            yield nesting_limit(here)


def nesting_limit(path: str) -> Issue:
    """The issue of a block inside too many others."""
    message = f"{MAX_PARALLEL_LEVELS + 1} levels of blocks; {MAX_PARALLEL_LEVELS} are the limit"
    return Issue("nesting_limit", path, message, "flatten the blocks: branches of one block may be many")


def _without(value: Json, paths: list[tuple[str | int, ...]]) -> Json:
    """The value less the keys at the given paths; the original is left as it is."""
    gone = set(paths)

    def copy(node: Json, at: tuple[str | int, ...]) -> Json:
        if isinstance(node, dict):
            return {key: copy(item, (*at, key)) for key, item in node.items() if (*at, key) not in gone}
        if isinstance(node, list):
            return [copy(item, (*at, index)) for index, item in enumerate(node)]
        return node

    return copy(value, ())


# --- from a pydantic error to an issue -------------------------------------------------------------------------------

_EXPECTED: dict[str, str] = {
    "string_type": "a string",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "dataclass_type": "an object",
    "none_required": "null",
    "finite_number": "a finite number",
    "extra_forbidden": "left out: no such key is known here",
}

_LIMITED: dict[str, str] = {
    "literal_error": "one of {expected}",
    "enum": "one of {expected}",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "string_too_short": "a string of {min_length} or more characters",
    "string_too_long": "a string of {max_length} or fewer characters",
    "too_short": "of {min_length} or more entries",
    "too_long": "of {max_length} or fewer entries",
    "string_pattern_mismatch": "a string that matches {pattern}",
}

_FOREIGN_BEGINNING = re.compile(r"^(Input should be |Value error, |Assertion failed, )")

_EXAMPLES: dict[str, str] = {
    "/pipeline": 'a workflow needs "pipeline": [steps], or "nodes": [...] with "edges": [...]',
    "/nodes": 'a workflow needs "nodes": [...] with "edges": [...], or "pipeline": [steps]',
    "id": 'for example "id": "fetch"',
    "type": 'for example "type": "shell"',
    "from": 'for example "from": "${combine.result}"',
    "parallel": '{"parallel": [step, step, ...]}',
}

_TAGS: dict[str, type[BaseModel]] = {"<step>": Step, "<parallel>": ParallelBlock, "<pipeline>": Sequence}
_NOT_IN_THE_DOCUMENT = frozenset({*_TAGS, "<id>", "<inline>", "<end>", "[key]"})


def model_issues(error: ValidationError, model: type[BaseModel]) -> list[Issue]:
    """What the model of any document refused, as a person understands it; for an unknown key the nearest one."""
    return _issues(error.errors(include_url=False), model)


def known_part(value: Json, error: ValidationError) -> Json:
    """The value less the keys that its model does not know."""
    details = error.errors(include_url=False)
    return _without(value, [_plain(each["loc"]) for each in details if each["type"] == "extra_forbidden"])


def _issues(details: list[ErrorDetails], form: type[BaseModel]) -> list[Issue]:
    hints = Hints()
    return [
        _unknown_key(each, form, hints) if each["type"] == "extra_forbidden" else _misshapen(each) for each in details
    ]


def _unknown_key(detail: ErrorDetails, form: type[BaseModel], hints: Hints) -> Issue:
    loc = _plain(detail["loc"])
    hint = hints.nearest(str(loc[-1]), _known_keys(_model_at(detail, form)))
    return Issue("unknown_key", pointer(*loc), f"unknown key '{loc[-1]}'", hint)


def _misshapen(detail: ErrorDetails) -> Issue:
    loc = _plain(detail["loc"])
    path, last = pointer(*loc), str(loc[-1]) if loc else ""
    match detail["type"]:
        case "missing":
            return Issue("schema", path, "missing", _EXAMPLES.get(path, _EXAMPLES.get(last, f"add '{last}'")))
        case "too_short" if last == "parallel":
            return Issue("empty_block", path, "a parallel block without branches", "add a branch or remove the block")
        case "too_short" if loc[0] == "blocks":
            return Issue("empty_block", path, "a block without nodes", "name the nodes in it, or remove the block")
        case "too_short":
            return Issue("schema", path, "an empty list; at least one entry is needed", "add a step")
        case "literal_error" if last == "ir_version":
            message = f"version {show(detail['input'])} does not fit this form"
            return Issue("schema", path, message, f"write {detail['ctx']['expected']}")
        case "string_pattern_mismatch":
            message = f"{show(detail['input'])} is not a legal name"
            return Issue("schema", path, message, "letters, digits, '_' and '-', beginning with a letter or '_'")
        case "union_tag_invalid":
            message = "a sequence {'pipeline': [...]} stands only in a branch of a parallel block"
            return Issue("schema", path, message, "put its steps here directly")
        case "none_required":
            return Issue("schema", path, f"found {show(detail['input'])}", "must be an id, a list of steps, or null")
        case _:
            return Issue("schema", path, f"found {show(detail['input'])}", f"must be {requirement(detail)}")


def requirement(detail: ErrorDetails) -> str:
    """What pydantic wanted instead, in the words of a person who writes JSON."""
    if limited := _LIMITED.get(detail["type"]):
        return limited.format_map(detail["ctx"])
    return _EXPECTED.get(detail["type"]) or _FOREIGN_BEGINNING.sub("", detail["msg"])


def _plain(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    return tuple(part for part in loc if part not in _NOT_IN_THE_DOCUMENT)


def _model_at(detail: ErrorDetails, form: type[BaseModel]) -> type[BaseModel]:
    """The model that refused the last key of the location."""
    model = form
    for part in detail["loc"][:-1]:
        if isinstance(part, str) and part in _TAGS:
            model = _TAGS[part]
        elif isinstance(part, str):
            fields = {field.alias or name: field for name, field in model.model_fields.items()}
            model = next(_models_in(fields[part].annotation), model) if part in fields else model
    return model


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


# --- words for messages ----------------------------------------------------------------------------------------------


def show(value: object) -> str:
    """A found value for a message: short, strings in quotes."""
    text = as_text(value) if not isinstance(value, str) else f"'{value}'"  # type: ignore[arg-type]  # it came from JSON
    return text if len(text) <= 60 else text[:57] + "..."


@dataclass(slots=True)
class Hints:
    """Nearest names for the first wrong ones of a document. To compare names is slow: `left` says how many more."""

    left: int = 20_000

    def nearest(self, word: str, known: Iterable[str]) -> str:
        """As `issues.nearest` says it, as long as some are left."""
        if self.left <= 0:
            return "the hints above say what is known"
        names = list(known)
        self.left -= len(names)
        return nearest(word, names)
