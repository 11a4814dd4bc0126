"""Suites: requests and what is expected of each, as typed values read from YAML or JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from runtime import InvalidWorkflow, Issue, read_document


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Expectation(Strict):
    """What must be true of the workflow. Steps are named by their type, since ids are the model's to choose.

    `uses`: at least so many steps of a type. `parallel`: two steps of these types that do not wait for each other.
    `before`: each step of the second type comes after one of the first.
    """

    uses: Mapping[str, int] = {}
    parallel: tuple[tuple[str, str], ...] = ()
    before: tuple[tuple[str, str], ...] = ()


class Case(Strict):
    """One request. `inputs` maps the name of each input to what is said of it."""

    id: str
    request: str
    inputs: Mapping[str, str] = {}
    expect: Expectation = Expectation()


class Suite(Strict):
    name: str
    cases: tuple[Case, ...]


def load_suite(path: Path) -> Suite:
    """A suite from its file; InvalidWorkflow lists everything that is wrong with it."""
    document = read_document(path.read_bytes(), path.name)
    try:
        return Suite.model_validate(document.value)
    except ValidationError as error:
        details = error.errors(include_url=False)
    raise InvalidWorkflow(Issue("schema", "/" + "/".join(map(str, each["loc"])), each["msg"]) for each in details)
