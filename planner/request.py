"""What a person asks for, checked before any model sees it. The values of inputs are never part of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from planner.errors import InvalidRequest
from runtime.issues import JsonValue
from runtime.workflow import InputType

MAX_CHARACTERS = 32_000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Request:
    """The text as it was given, and the inputs that the workflow may use: each name with its type or description.

    `workflow`, a valid one in pipeline form, is to be changed; None asks for a new one.
    """

    text: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    workflow: Mapping[str, JsonValue] | None = None

    @property
    def declarations(self) -> dict[str, JsonValue]:
        """The inputs as a workflow declares them."""
        return {
            name: {"type": about} if about in get_args(InputType) else {"description": about} if about else {}
            for name, about in self.inputs.items()
        }


def read_request(
    text: str, inputs: Mapping[str, str] | None = None, workflow: Mapping[str, JsonValue] | None = None
) -> Request:
    """The request; InvalidRequest if it is empty, over 32,000 characters, no text, or an input has no legal name."""
    if not text.strip():
        raise InvalidRequest("the request is empty; say in a sentence what should be done")
    if len(text) > MAX_CHARACTERS:
        found = f"the request has {len(text):,} characters, more than {MAX_CHARACTERS:,}"
        raise InvalidRequest(f"{found}; put the data into a file and name the file")
    if _SURROGATE.search(text):
        raise InvalidRequest("the request holds bytes that are no text; write it in UTF-8")
    for name in inputs or {}:
        if not _NAME.fullmatch(name):
            legal = "letters, digits, '_' and '-', beginning with a letter or '_'"
            raise InvalidRequest(f"{name!r} is no legal name of an input; use {legal}")
    return Request(text.strip(), dict(inputs or {}), workflow)
