"""What a request names outright must stand in the workflow: files, URLs, addresses, quoted texts, numbers. Pure.

A small model leaves such things out more than anything else. The check looks for the words alone, so it may err: it
warns and never refuses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from planner.request import Request
from runtime.issues import Issue, JsonValue
from runtime.node_types import Registry

MOST = 12  # names of one request; a text with more of them is data, not an order

_HINT = "add the step that is missing for it"
_URL = re.compile(r"https?://[^\s'\"<>()\[\]{}]*[^\s'\"<>()\[\]{}.,;:!?]")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_QUOTED = re.compile(
    r"(?<!\w)(?:'([^'\n]{1,80})'|\"([^\"\n]{1,80})\"|[\u2018\u201a]([^\n\u2018\u2019]{1,80})[\u2018\u2019]"
    r"|[\u201c\u201e]([^\n\u201c\u201d]{1,80})[\u201c\u201d]|\u00ab([^\u00bb\n]{1,80})\u00bb)(?!\w)"
)
_FILE = re.compile(r"(?<![\w.])[\w./-]*\w\.[A-Za-z][A-Za-z0-9]{1,4}(?![\w.]*\w)")
_MARKER = re.compile(r"\n\s*(?:\d+[.)]|\d+(?:\.\d+)+[.)]?)(?=\s)")  # of a list
_NUMBER = re.compile(r"(?<![\w.,:/#^-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w:/-]|[.,]\d)")
_ANY_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def left_out(request: Request, candidate: JsonValue, registry: Registry) -> list[Issue]:
    """A warning for each thing that the request names and no step holds."""
    held = _Held(candidate)
    missing = [name for name in mentioned(request.text, registry) if name not in held]
    return [Issue("left_out", "", f"the request names '{name}', and no step does", _HINT) for name in missing]


def mentioned(text: str, registry: Registry) -> list[str]:
    """The things named in a request, in their order, each once; nothing where there are more than a request has."""
    found = list(dict.fromkeys(name for name in _named(text) if _plain(name) not in registry))
    return found if len(found) <= MOST else []


def files_in(text: str) -> list[str]:
    """The files that a text names, without what only looks like one: URLs and addresses."""
    for kind in (_URL, _ADDRESS):
        text = kind.sub(" ", text)
    return list(dict.fromkeys(_FILE.findall(text)))


def _named(text: str) -> Iterator[str]:
    """Each kind is looked for in what the kinds before it have left."""
    places: list[tuple[int, str]] = []
    text = _MARKER.sub(lambda match: " " * len(match[0]), text)
    for kind in (_URL, _ADDRESS, _QUOTED, _FILE, _NUMBER):
        places += [(match.start(), next(filter(None, match.groups()), match[0])) for match in kind.finditer(text)]
        text = kind.sub(lambda match: " " * len(match[0]), text)
    return (name for _, name in sorted(places))


def _plain(name: str) -> str:
    return re.sub(r"\W", "_", name)


class _Held:
    """The words of a workflow's steps, and its numbers whatever they are written like."""

    def __init__(self, candidate: JsonValue) -> None:
        entries = candidate.get("pipeline") if isinstance(candidate, dict) else candidate
        self.text = "\n".join(_texts(entries)).casefold()
        self.numbers = {float(number) for number in _ANY_NUMBER.findall(self.text.replace(",", ""))}

    def __contains__(self, name: str) -> bool:
        if _NUMBER.fullmatch(name):
            value = float(name.replace(",", ""))
            return value in self.numbers or value / 100 in self.numbers
        return name.casefold() in self.text


def _texts(value: JsonValue) -> Iterable[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            if key not in ("id", "type", "description"):
                yield key
                yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    else:
        yield value if isinstance(value, str) else json.dumps(value)
