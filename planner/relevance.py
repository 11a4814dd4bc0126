"""Which node types a prompt shows: all, or with hundreds of them those of use for the request. Pure.

The same registry, request and room give the same choice.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

from runtime.node_types import NodeType, Registry

GENERAL = ("http", "llm", "read_file", "shell", "write_file")  # of use for nearly any request, whatever words it has
NAME_COUNTS = 3  # times as much as a word of the description or of the params
BYTES_OF_A_TOKEN = 3

_WORD = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ers", "er", "es", "ed", "s", "e", "y")


def tokens_of(text: str) -> int:
    """An estimate from above: models' tokens of such text have three to four bytes."""
    return math.ceil(len(text.encode("utf-8", "surrogatepass")) / BYTES_OF_A_TOKEN)


def chosen(costs: dict[str, int], registry: Registry, request: str, room: int) -> list[str]:
    """Names of the types to show, by name: all if they fit into the room, else those the request names, however many,
    then the general ones, then those that share most words with it."""
    if sum(costs.values()) <= room:
        return sorted(costs)
    types = [registry[name] for name in sorted(costs)]
    named = [each.name for each in types if is_named(each.name, request)]
    kept = dict.fromkeys(named)
    left = room - sum(costs[name] for name in kept)
    for name in (*GENERAL, *_by_likeness(types, request)):
        if name in costs and name not in kept and costs[name] <= left:
            kept[name] = None
            left -= costs[name]
    return sorted(kept)


def is_named(name: str, request: str) -> bool:
    """Whether the request says the name of a type; hyphens, underscores and blanks are alike."""
    words = [re.escape(word) for word in re.split(r"[-_ ]+", name) if word]
    return re.search(rf"(?<!\w){'[-_ ]'.join(words)}(?!\w)", request, re.IGNORECASE) is not None


def _by_likeness(types: list[NodeType], request: str) -> list[str]:
    """Names, those first that share the most words with the request; a word counts the more the fewer types have it."""
    bags = {each.name: _words_of(each) for each in types}
    spread = Counter(word for bag in bags.values() for word in bag)
    wanted = sorted(set(stems(request)))

    def likeness(name: str) -> float:
        known = [word for word in wanted if word in bags[name]]
        return sum(bags[name][word] * math.log(1 + len(types) / spread[word]) for word in known)

    return sorted(bags, key=lambda name: (-likeness(name), name))


def _words_of(node_type: NodeType) -> dict[str, int]:
    rest = " ".join([node_type.description, *node_type.params.model_fields])
    return {**dict.fromkeys(stems(rest), 1), **dict.fromkeys(stems(node_type.name), NAME_COUNTS)}


def stems(text: str) -> Iterable[str]:
    """The words of a text without their endings, humps of camelCase apart."""
    for word in _WORD.findall(_HUMP.sub(" ", text)):
        yield _stem(word.casefold())


def _stem(word: str) -> str:
    ending = next((each for each in _ENDINGS if word.endswith(each) and len(word) - len(each) >= 3), "")
    return word.removesuffix(ending)
