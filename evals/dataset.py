"""Suites: requests or workflows and what is expected of each, as typed values read from YAML or JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from runtime import InvalidWorkflow, Issue, read_document


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GoldNode(Strict):
    """`params_allowed`: for each param the accepted values, "" among them where it may be left out."""

    id: str
    type: str
    params: Mapping[str, JsonValue] | None = None
    params_allowed: Mapping[str, tuple[JsonValue, ...]] | None = None


class Gold(Strict):
    """The graph that a perfect answer has; steps are matched by type, not by id."""

    nodes: tuple[GoldNode, ...]
    edges: tuple[tuple[str, str], ...] = ()


class Expectation(Strict):
    """What must be true of the workflow. Steps are named by their type, since ids are the model's to choose.

    `uses`: at least so many steps of a type. `parallel`: two steps of these types that do not wait for each other.
    `before`: each step of the second type comes after one of the first.
    """

    uses: Mapping[str, int] = {}
    parallel: tuple[tuple[str, str], ...] = ()
    before: tuple[tuple[str, str], ...] = ()
    must_not_use: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()  # capabilities
    gold: Gold | None = None
    status: str | None = None  # of the run, where the case is executed
    outputs: Mapping[str, JsonValue] = {}


class ToolParam(Strict):
    name: str
    type: str = "string"
    description: str = ""
    required: bool = True


class Tool(Strict):
    """A node type that exists for one case only: it has no effects, and does nothing but answer as scripted."""

    name: str
    description: str = ""
    params: tuple[ToolParam, ...] = ()


class Case(Strict):
    """One request to plan, or one `workflow` to run as it stands. `inputs`: each name and what is said of it.

    `types` are the node types offered (None: the suite's), `tools` further ones of this case alone. `scripted` are the
    outputs that a step of a type (or with an id) has when the case is executed.
    """

    id: str
    request: str = ""
    workflow: JsonValue = None
    kind: Literal["chain", "parallel", "mixed"] | None = None
    inputs: Mapping[str, str] = {}
    types: tuple[str, ...] | None = None
    tools: tuple[Tool, ...] = ()
    scripted: Mapping[str, JsonValue] = {}
    run: bool = False
    expect: Expectation = Expectation()


class Suite(Strict):
    """Cases that share node types. `types` None: a default list that a node type added later does not change."""

    name: str
    types: tuple[str, ...] | None = None
    cases: tuple[Case, ...]


def load_suite(path: Path) -> Suite:
    """A suite from its file; InvalidWorkflow lists everything that is wrong with it."""
    document = read_document(path.read_bytes(), path.name)
    try:
        return Suite.model_validate(document.value)
    except ValidationError as error:
        details = error.errors(include_url=False)
    raise InvalidWorkflow(Issue("schema", "/" + "/".join(map(str, each["loc"])), each["msg"]) for each in details)
