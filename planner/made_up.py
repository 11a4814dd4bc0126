"""A host that stands in a workflow should stand in its request. Pure.

For what no node type can do, a small model makes an address up. The check looks at words alone, so it warns and never
refuses.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from planner.request import Request
from runtime.issues import Issue, JsonValue
from runtime.references import strings_in

_URL = re.compile(r"https?://[^\s'\"<>(){}]+")
_HINT = "see whether there is such a place: for what no node type can do, a model may have made it up"


def made_up(request: Request, candidate: JsonValue) -> list[Issue]:
    """A warning for each host that a workflow asks and the request does not name."""
    known = " ".join([request.text, *request.inputs.values()]).casefold()
    entries = candidate.get("pipeline") if isinstance(candidate, dict) else candidate
    urls = (url for _, text in strings_in(entries) for url in _URL.findall(text))
    hosts = dict.fromkeys(host for url in urls if (host := _host(url)) and host not in known)
    return [Issue("made_up", "", f"the request does not name '{host}', which a step asks", _HINT) for host in hosts]


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # brackets that hold no address
        return ""
