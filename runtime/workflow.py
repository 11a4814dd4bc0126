"""The workflow document: pydantic models of both surface forms, and the way from a JSON value to one of them.

Phase 2 of the checks: the value has the shape of a workflow, or there are issues. Unknown keys are issues too, but do not
hide what the rest means: `shape` returns the workflow beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator
from pydantic_core import ErrorDetails

from runtime.issues import InvalidWorkflow, Issue, errors_of, nearest, pointer
from runtime.references import as_text

MAX_PARALLEL_LEVELS = 16

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$")]
TypeName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.:-]*$")]
Json: TypeAlias = Any  # a JSON value: the document layer has made it, so pydantic need not walk it again
JsonObject = dict[str, Json]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Mode = Literal["fail_fast", "continue", "rollback"]
InputType = Literal["string", "number", "integer", "boolean", "array", "object"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)


class InputSpec(Strict):
    """One declared input. Not required and no default: null."""

    type: InputType = "string"
    description: str = ""
    required: bool | None = None
    default: Json = None
    enum: list[Json] | None = None

    @property
    def is_required(self) -> bool:
        return "default" not in self.model_fields_set if self.required is None else self.required


class OutputSpec(Strict):
    """One declared output: `from` is any JSON value with references (`source` is the same key)."""

    from_: Json = Field(alias="from")
    description: str = ""

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Json) -> Json:
        if isinstance(value, str):
            return {"from": value}
        if isinstance(value, dict) and "source" in value and "from" not in value:
            return {("from" if key == "source" else key): item for key, item in value.items()}
        return value


class Settings(Strict):
    max_concurrent: Count | None = None
    timeout: Seconds | None = None
    on_error: Mode = "fail_fast"
    max_visits: Count = 10
    pools: dict[str, Count] = {}


class Batch(Strict):
    items: Json
    as_: str = Field(default="item", alias="as", pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$")
    parallel: bool = False
    max_concurrent: Count = 10
    on_error: Literal["fail_fast", "continue"] = "fail_fast"

    @model_validator(mode="before")
    @classmethod
    def _error_handling_is_on_error(cls, value: Json) -> Json:
        if isinstance(value, dict) and "error_handling" in value and "on_error" not in value:
            return {("on_error" if key == "error_handling" else key): item for key, item in value.items()}
        return value


class Retry(Strict):
    """How often and when a failed attempt is made again; `wait` and `max_wait` in seconds."""

    max_attempts: Count = 1
    wait: float = Field(default=0, ge=0, allow_inf_nan=False)
    backoff: float = Field(default=1, ge=1, allow_inf_nan=False)
    max_wait: float = Field(default=60, ge=0, allow_inf_nan=False)
    on: list[str] | None = None


class Action(Strict):
    """What every kind of step says: a type and its params."""

    type: TypeName
    purpose: str = ""
    params: JsonObject = {}
    timeout: Seconds | None = None
    pool: str | None = None
    idempotent: bool = False


class Undo(Action):
    """A step's compensation."""


class GraphNode(Action):
    """A node of the graph form; its routing stands in the edges."""

    id: Identifier
    batch: Batch | None = None
    retry: Retry | None = None
    undo: Undo | None = None


class Step(GraphNode):
    """A step of a pipeline. `next` maps an action to a step's or block's id, an inline pipeline, or null."""

    next: dict[str, Target] = {}


class Limits(Strict):
    """What a block may say about the steps inside it."""

    on_error: Mode | None = None
    max_concurrent: Count | None = None
    timeout: Seconds | None = None


class ParallelBlock(Limits):
    """Branches that start at once; the block ends when the last of them has ended."""

    parallel: Annotated[list[Branch], Field(min_length=1)]
    id: Identifier | None = None


class Sequence(Strict):
    """A pipeline as one branch of a parallel block."""

    pipeline: Annotated[list[Entry], Field(min_length=1)]


class GraphBlock(Limits):
    """What a parallel block says, for nodes of the graph form."""

    id: Identifier
    nodes: Annotated[list[str], Field(min_length=1)]


class GraphEdge(Strict):
    from_: str = Field(alias="from")
    to: str
    action: str = "default"


def _kind(value: object) -> str:
    keys = value if isinstance(value, dict) else {}
    return next((f"<{key}>" for key in ("parallel", "pipeline") if key in keys), "<step>")


def _target_kind(value: object) -> str:
    return "<id>" if isinstance(value, str) else "<inline>" if isinstance(value, list) else "<end>"


# The tags are named so that they can be dropped from error locations: a person's document has no such key.
Entry = Annotated[Annotated[Step, Tag("<step>")] | Annotated[ParallelBlock, Tag("<parallel>")], Discriminator(_kind)]
Branch = Annotated[
    Annotated[Step, Tag("<step>")]
    | Annotated[ParallelBlock, Tag("<parallel>")]
    | Annotated[Sequence, Tag("<pipeline>")],
    Discriminator(_kind),
]
Target = Annotated[
    Annotated[str, Tag("<id>")]
    | Annotated[list[Entry], Field(min_length=1), Tag("<inline>")]
    | Annotated[None, Tag("<end>")],
    Discriminator(_target_kind),
]


class Document(Strict):
    """The keys common to both forms."""

    name: str = ""
    description: str = ""
    inputs: dict[Identifier, InputSpec] | None = None
    outputs: dict[str, OutputSpec] | None = None
    settings: Settings = Settings()


class PipelineWorkflow(Document):
    """The form people and models write: read top to bottom, parallel blocks explicit."""

    ir_version: Literal["0.2.0"] = "0.2.0"
    pipeline: Annotated[list[Entry], Field(min_length=1)]


class GraphWorkflow(Document):
    """The form of nodes and edges; parallelism is inferred from fan-out and fan-in."""

    ir_version: Literal["0.1.0"] = "0.1.0"
    nodes: Annotated[list[GraphNode], Field(min_length=1)]
    edges: list[GraphEdge] = []
    start_node: str | None = None
    blocks: list[GraphBlock] = []


Workflow: TypeAlias = PipelineWorkflow | GraphWorkflow

for _model in (Step, ParallelBlock, Sequence, PipelineWorkflow):
    _model.model_rebuild()

_TAGS: dict[str, type[BaseModel]] = {"<step>": Step, "<parallel>": ParallelBlock, "<pipeline>": Sequence}


# --- from a JSON value to a workflow ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shaped:
    """The outcome of `shape`: the workflow, unless an issue other than `unknown_key` forbids one."""

    workflow: Workflow | None
    issues: tuple[Issue, ...]


def shape(value: Json) -> Shaped:
    """A JSON value as a workflow, or every issue of phase 2."""
    form, issues = _form(value)
    if form is None:
        return Shaped(None, tuple(issues))
    issues += _too_deep(value.get("pipeline"), "/pipeline", 0)
    try:
        return Shaped(None if errors_of(issues) else form.model_validate(value), tuple(issues))
    except ValidationError as error:
        details = error.errors(include_url=False)
    issues += [_issue(detail, form, value) for detail in details]
    unknown = [detail["loc"] for detail in details if detail["type"] == "extra_forbidden"]
    if len(unknown) < len(issues):
        return Shaped(None, tuple(issues))
    return Shaped(form.model_validate(_without(value, [_plain(loc) for loc in unknown])), tuple(issues))


def load_workflow(value: Json) -> Workflow:
    """A JSON value as a workflow; InvalidWorkflow with every issue of phase 2 otherwise."""
    shaped = shape(value)
    if shaped.workflow is None or shaped.issues:
        raise InvalidWorkflow(shaped.issues)
    return shaped.workflow


def _form(value: Json) -> tuple[type[Workflow] | None, list[Issue]]:
    if not isinstance(value, dict):
        found = f"a workflow is an object; found {show(value)}"
        return None, [Issue("schema", "", found, 'begin with {"pipeline": [...]}')]
    if "pipeline" in value and "nodes" in value:
        both = "both 'pipeline' and 'nodes' are there; a workflow has one of them"
        return None, [Issue("schema", "/nodes", both, "keep 'pipeline', or 'nodes' with 'edges'")]
    if "pipeline" not in value and "nodes" not in value:
        hint = 'a workflow needs "pipeline": [steps] or "nodes": [...] with "edges": [...]'
        unknown = [
            Issue("unknown_key", pointer(key), f"unknown key '{key}'", nearest(key, _known_keys(PipelineWorkflow)))
            for key in value
            if key not in _known_keys(PipelineWorkflow)
        ]
        return None, [Issue("schema", "/pipeline", "missing", hint), *unknown]
    form = PipelineWorkflow if "pipeline" in value else GraphWorkflow
    return form, []


def _too_deep(entries: Json, path: str, level: int) -> list[Issue]:
    """Where the levels of `parallel` exceed the limit; the walk stops there."""
    if not isinstance(entries, list):
        return []
    issues: list[Issue] = []
    for index, entry in enumerate(entries):
        here = f"{path}/{index}"
        if not isinstance(entry, dict):
            continue
        issues += _too_deep(entry.get("pipeline"), f"{here}/pipeline", level)
        targets = entry.get("next")
        for action, target in targets.items() if isinstance(targets, dict) else ():
            issues += _too_deep(target, f"{here}/next{pointer(action)}", level)
        if "parallel" in entry and level == MAX_PARALLEL_LEVELS:
            message = f"{level + 1} levels of 'parallel'; {MAX_PARALLEL_LEVELS} are the limit"
            issues.append(
                Issue("nesting_limit", here, message, "flatten the blocks: branches of one block may be many")
            )
        elif "parallel" in entry:
            issues += _too_deep(entry["parallel"], f"{here}/parallel", level + 1)
    return issues


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
    "none_required": "an id, a list of steps, or null",
    "finite_number": "a finite number",
}

_EXAMPLES: dict[str, str] = {
    "id": 'for example "id": "fetch"',
    "type": 'for example "type": "shell"',
    "from": 'for example "from": "${combine.result}"',
    "parallel": '{"parallel": [step, step, ...]}',
}


def _issue(detail: ErrorDetails, form: type[BaseModel], value: Json) -> Issue:
    loc = _plain(detail["loc"])
    path, last = pointer(*loc), str(loc[-1]) if loc else ""
    found = show(detail["input"])
    match detail["type"]:
        case "extra_forbidden":
            return Issue(
                "unknown_key", path, f"unknown key '{last}'", nearest(last, _known_keys(_model_at(detail, form)))
            )
        case "missing":
            return Issue("schema", path, "missing", _EXAMPLES.get(last, f"add '{last}'"))
        case "too_short" if last == "parallel":
            return Issue("empty_block", path, "a parallel block without branches", "add a branch or remove the block")
        case "too_short":
            return Issue("schema", path, "an empty list; at least one entry is needed", "add a step")
        case "literal_error" if last == "ir_version":
            message = f"version {found} does not fit this form"
            return Issue("schema", path, message, f"write {detail['ctx']['expected']}")
        case "string_pattern_mismatch":
            message = f"{found} is not a legal name"
            return Issue("schema", path, message, "letters, digits, '_' and '-', beginning with a letter or '_'")
        case "union_tag_invalid":
            message = "a sequence {'pipeline': [...]} stands only in a branch of a parallel block"
            return Issue("schema", path, message, "put its steps here directly")
        case _:
            return Issue("schema", path, f"found {found}", f"must be {requirement(detail)}")


def requirement(detail: ErrorDetails) -> str:
    """What pydantic wanted instead, in the words of a person who writes JSON."""
    limits = detail.get("ctx", {})
    match detail["type"]:
        case "literal_error" | "enum":
            return f"one of {limits['expected']}"
        case "greater_than":
            return f"more than {limits['gt']}"
        case "greater_than_equal":
            return f"at least {limits['ge']}"
        case kind:
            return _EXPECTED.get(kind, detail["msg"])


def _plain(loc: tuple[str | int, ...]) -> list[str | int]:
    return [part for part in loc if not (isinstance(part, str) and part in _NOT_IN_THE_DOCUMENT)]


_NOT_IN_THE_DOCUMENT = frozenset({"<step>", "<parallel>", "<pipeline>", "<id>", "<inline>", "<end>", "[key]"})


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


def _known_keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def show(value: object) -> str:
    """A found value for a message: short, strings in quotes."""
    text = as_text(value) if not isinstance(value, str) else f"'{value}'"  # type: ignore[arg-type]  # it came from JSON
    return text if len(text) <= 60 else text[:57] + "..."


def _without(value: Json, paths: list[list[str | int]]) -> Json:
    """The value less the keys at the given paths; the original is left as it is."""
    gone = {tuple(path) for path in paths}

    def copy(node: Json, at: tuple[str | int, ...]) -> Json:
        if isinstance(node, dict):
            return {key: copy(item, (*at, key)) for key, item in node.items() if (*at, key) not in gone}
        if isinstance(node, list):
            return [copy(item, (*at, index)) for index, item in enumerate(node)]
        return node

    return copy(value, ())
