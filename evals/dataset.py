"""Suites as typed values: requests to plan or workflows to run, and what is expected of each. Knows no file.

A step is named by its type in expectations, since its id is the model's to choose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, WithJsonSchema

SUITE_TYPES = ("code", "http", "llm", "read_file", "shell", "transform", "wait", "write_file")
"""What a suite offers that says nothing: a node type added later changes no prompt of it."""

REAL_TYPES = ("decide", "transform")
"""What runs for real where a case says nothing: types that reach nothing outside and take no time."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Name: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=120)]
Texts: TypeAlias = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Pair: TypeAlias = tuple[str, str]


class GoldNode(Strict):
    """One step of the gold graph. A param may hold a reference to another gold node, `${id.output}`."""

    id: Name
    type: str = Field(description="a node type that the case offers")
    label: str = Field(default="", description="what it is called where it comes from")
    params: Mapping[str, JsonValue] = Field(default={}, description="the right value of each param that counts")
    params_allowed: Mapping[str, tuple[JsonValue, ...]] = Field(
        default={}, description='the accepted values of each param, "" among them where it may be left out'
    )


class Gold(Strict):
    """The graph that a perfect answer has. Its edges are the waits that are needed, and no others."""

    nodes: tuple[GoldNode, ...]
    edges: tuple[Pair, ...] = Field(default=(), description="pairs of ids: the second waits for the first")


class OutputCheck(Strict):
    """What must be true of one output. All that is said must hold; a value that is no string counts as its JSON."""

    equals: JsonValue = Field(default=None, description="the value itself; null counts if it is written")
    contains: Texts = Field(default=(), description="texts that are in it")
    lacks: Texts = Field(default=(), description="texts that are not in it")
    matches: str | None = Field(default=None, max_length=1000, description="a regular expression found somewhere in it")
    json_schema: Annotated[JsonValue, WithJsonSchema({"type": ["object", "boolean"]})] = Field(
        default=None, alias="schema", description="a JSON Schema, draft 2020-12"
    )
    judged: str | None = Field(
        default=None, description="a statement that a model is asked about; the answer is yes or no"
    )


class Expectation(Strict):
    """What must be true of the workflow, and of its run where it is run."""

    uses: Mapping[str, Annotated[int, Field(ge=1)]] = Field(default={}, description="at least so many steps of a type")
    must_not_use: tuple[str, ...] = Field(default=(), description="types without a single step")
    parallel: tuple[Pair, ...] = Field(
        default=(), description="two steps of these types that do not wait for each other"
    )
    before: tuple[Pair, ...] = Field(
        default=(), description="each step of the second type comes after one of the first"
    )
    forbidden: tuple[str, ...] = Field(
        default=(), description="capabilities that no step may need, as 'shell' or 'write'"
    )
    gold: Gold | None = Field(default=None, description="the graph of a perfect answer")
    status: str = Field(default="succeeded", description="how the run ends")
    outputs: Mapping[str, OutputCheck] = Field(default={}, description="checks of the run's outputs, by name")
    seconds: float | None = Field(
        default=None, gt=0, description="at most so many: of the model's answers, or of a mere run"
    )
    cost_usd: float | None = Field(default=None, ge=0, description="at most so much; an unknown cost does not meet it")


ParamType = Literal["string", "integer", "number", "boolean", "array", "object", "any"]


class ToolParam(Strict):
    name: str
    type: ParamType = "any"
    description: str = ""
    required: bool = True
    enum: tuple[JsonValue, ...] = ()


class Tool(Strict):
    """A node type of one case only. It does nothing but answer as scripted, in its one output `result`."""

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="as the language writes it")
    label: str = Field(default="", description="as it is called where it comes from")
    description: str = ""
    params: tuple[ToolParam, ...] = ()
    returns: tuple[str, ...] = Field(default=(), description="the fields of its result, where they are known")
    writes: tuple[str, ...] = Field(
        default=(), description="places that it changes, by any name; none: it has no effects"
    )


class Case(Strict):
    """One request to plan, or one workflow to run as it stands."""

    id: Name
    request: str = Field(default="", description="what the planner is asked")
    workflow: Annotated[JsonValue, WithJsonSchema({"type": ["string", "object"]})] = Field(
        default=None, description="a workflow to run instead: its file, relative to the suite, or the document itself"
    )
    kind: Literal["chain", "parallel", "mixed"] | None = Field(
        default=None, description="what a right answer looks like"
    )
    inputs: Mapping[str, str] = Field(default={}, description="what the planner is told of each input")
    types: tuple[str, ...] | None = Field(default=None, description="the node types offered, if not the suite's")
    tools: tuple[Tool, ...] = Field(default=(), description="further node types, of this case alone")
    run: bool = Field(default=True, description="run what is accepted; a given workflow is always run")
    values: Mapping[str, JsonValue] = Field(default={}, description="the inputs of the run")
    files: Mapping[str, str] = Field(default={}, description="texts of files that stand in the run's own folder")
    scripted: Mapping[str, Mapping[str, JsonValue]] = Field(
        default={}, description="outputs of a step, by its id or its type; an 'action' beside them routes"
    )
    real: tuple[str, ...] = Field(
        default=REAL_TYPES, description="the types that do what they do; all others are scripted"
    )
    expect: Expectation = Expectation()

    @property
    def runs(self) -> bool:
        """Whether something is to be executed."""
        return self.run or self.workflow is not None


class Suite(Strict):
    """Cases that share the node types they offer."""

    name: Name
    description: str = ""
    types: tuple[str, ...] = Field(default=SUITE_TYPES, description="the node types that the planner is offered")
    cases: tuple[Case, ...]

    def offered(self, case: Case) -> tuple[str, ...]:
        """The names of the node types that the planner may use for a case, its own tools left out."""
        return self.types if case.types is None else case.types


def suite_schema() -> dict[str, JsonValue]:
    """The JSON Schema of a suite's file, for editors."""
    schema = Suite.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "plait eval suite"}
