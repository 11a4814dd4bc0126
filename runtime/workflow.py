"""The workflow document: pydantic models of both surface forms, strict, with no key but those named here."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    Tag,
    model_validator,
)

LANGUAGE_VERSION: Final = "0.2.0"
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$")]
TypeName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.:-]*$")]
Json: TypeAlias = Any  # a JSON value: the document layer has made it, so pydantic need not walk it again
JsonObject = dict[str, Json]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Mode = Literal["fail_fast", "continue", "rollback"]
InputType = Literal["string", "number", "integer", "boolean", "array", "object"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


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

    from_: Json = Field(alias="from", validation_alias=AliasChoices("from", "source"))
    description: str = ""
    _written: str = PrivateAttr("/from")

    @property
    def place(self) -> str:
        """Where `from` stands below the output's name, as a JSON pointer: the document may have put it shorter."""
        return self._written

    @model_validator(mode="wrap")
    @classmethod
    def _short_forms(cls, value: Json, handler: ModelWrapValidatorHandler[OutputSpec]) -> OutputSpec:
        spec = handler({"from": value} if isinstance(value, str) else value)
        if isinstance(value, str):
            spec._written = ""
        elif isinstance(value, dict) and "from" not in value:
            spec._written = "/source"
        return spec


class Settings(Strict):
    max_concurrent: Count | None = None
    timeout: Seconds | None = None
    on_error: Mode = "fail_fast"
    max_visits: Count = 10
    pools: dict[str, Count] = {}


BATCH_OUTPUTS = ("results", "count", "success_count", "error_count", "errors")


class Batch(Strict):
    items: Json
    as_: str = Field(default="item", alias="as", pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$")
    parallel: bool = False
    max_concurrent: Count = 10
    on_error: Literal["fail_fast", "continue"] = Field(
        default="fail_fast", alias="on_error", validation_alias=AliasChoices("on_error", "error_handling")
    )


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
    """`to` null: this action ends here, as with `next`."""

    from_: str = Field(alias="from")
    to: str | None
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

    ir_version: Literal["0.2.0"] = LANGUAGE_VERSION
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
