"""Known secrets, found and struck out in every form they travel in. Pure: whoever has the secrets hands them over.

What is searched are views of the bytes: as they stand, and with their escapes undone, one layer after another. So a
secret is found in plain, in JSON (also within JSON), in URLs, in HTML, in any mixture of these, and in base64 wherever
it begins there. Values shorter than SHORTEST are not looked for: they would be struck out of common words.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import Literal

from runtime.issues import JsonValue

Form = Literal["plain", "escaped", "base64"]

SHORTEST = 8  # characters
MARK = "[secret]"
LAYERS = 4  # of escapes that are undone: a string in JSON in JSON in a URL has three

_NAMES = frozenset(
    {
        *("key", "keys", "apikey", "token", "tokens", "secret", "secrets", "credential", "credentials"),
        *("password", "passwd", "passphrase", "pass", "pat"),
    }
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_ESCAPES = (  # of JSON, URLs and HTML: how one begins, and a whole one
    (
        b"\\",
        re.compile(
            rb"""\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2} | \\u[0-9a-fA-F]{4} | \\["\\/bfnrt]""",
            re.VERBOSE,
        ),
    ),
    (b"%", re.compile(rb"%[0-9a-fA-F]{2}")),
    (b"&", re.compile(rb"&(?:amp|lt|gt|quot|#x27|#39);")),
)
_BEGUN = re.compile(
    rb"""(?: \\(?:u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)? | u[0-9a-fA-F]{0,3})?
    | %[0-9a-fA-F]? | &\#?[a-z0-9]{0,4} )\Z""",
    re.VERBOSE,
)
_ENTITIES = {b"&amp;": b"&", b"&lt;": b"<", b"&gt;": b">", b"&quot;": b'"', b"&#x27;": b"'", b"&#39;": b"'"}
_STANDARD = bytes.maketrans(b"-_", b"+/")
_BLANKS = b" \t\r\n"
_NOT_BLANK = re.compile(rb"[^ \t\r\n]+")
_USERINFO = re.compile(r"[a-zA-Z][\w+.-]*://[^/@:\s]*:([^/@\s]+)@")


@dataclass(frozen=True, slots=True)
class SecretHit:
    """Where a secret stands, in bytes: its name, never its value."""

    name: str
    form: Form
    start: int
    end: int

    def __str__(self) -> str:
        return f"the secret '{self.name}' ({self.form}) at byte {self.start}"


def secrets_of(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables whose names hold a word such as KEY, TOKEN or PASSWORD, and the passwords of URLs in others."""
    named = {name: value for name, value in environ.items() if _NAMES & {word.lower() for word in _WORD.findall(name)}}
    within = {name: found[1] for name, value in environ.items() if (found := _USERINFO.match(value))}
    return named | within


class Redactor:
    """Strikes out the values of `secrets`, which maps a name for reports to each; too short ones are passed over."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        known = {value: name for name, value in secrets.items() if len(value) >= SHORTEST}
        self._plain = tuple((name, spelt) for value, name in known.items() for spelt in _spellings(value))
        self._base64 = tuple((name, core) for value, name in known.items() for core in _cores(value.encode()))

    def raw(self, raw: bytes) -> bytes:
        """The bytes, with MARK in place of every secret."""
        for start, end in reversed(_merged(self.finds(raw))):
            raw = raw[:start] + MARK.encode() + raw[end:]
        return raw

    def text(self, text: str) -> str:
        """The text, with MARK in place of every secret."""
        raw = text.encode("utf-8", "surrogatepass")
        struck = self.raw(raw)
        return text if struck == raw else struck.decode("utf-8", "surrogatepass")

    def value(self, value: JsonValue) -> JsonValue:
        """The JSON value, with MARK in its strings, keys and numbers; the very same one if it holds no secret."""
        return self._walked(value) if self.finds(json.dumps(value, ensure_ascii=False)) else value

    def finds(self, searched: bytes | str) -> tuple[SecretHit, ...]:
        """Every place of a secret, in order; one may be found in more than one form."""
        if not self._plain:
            return ()
        raw = searched.encode("utf-8", "surrogatepass") if isinstance(searched, str) else searched
        hits = {hit for depth, view in _views(raw) for hit in self._in_view(view, depth)}
        return tuple(sorted(hits, key=lambda hit: (hit.start, hit.end, hit.form, hit.name)))

    def begun(self, raw: bytes) -> int:
        """From where on the end of the bytes may be the beginning of a secret; their length if it is none."""
        starts = [len(raw)]
        for _, view in _views(raw) if self._plain else ():
            starts += self._begun_in(view)
        return min(starts)

    def _in_view(self, view: _View, depth: int) -> Iterator[SecretHit]:
        form: Form = "escaped" if depth else "plain"
        yield from (SecretHit(name, form, *place) for name, secret in self._plain for place in view.spans(secret))
        joined = view.joined()
        yield from (SecretHit(name, "base64", *place) for name, core in self._base64 for place in joined.spans(core))

    def _begun_in(self, view: _View) -> Iterator[int]:
        unfinished = _BEGUN.search(view.data)
        whole = view.upto(unfinished.start() if unfinished else len(view.data))
        yield whole.origin(len(whole.data))
        yield from (whole.origin(place) for _, secret in self._plain for place in _begin(whole.data, secret))
        joined = whole.joined()
        yield from (joined.origin(place) for _, core in self._base64 for place in _begin(joined.data, core))

    def _walked(self, value: JsonValue) -> JsonValue:
        match value:
            case str():
                return self.text(value)
            case dict():
                return {self.text(key): self._walked(inner) for key, inner in value.items()}
            case list():
                return [self._walked(inner) for inner in value]
            case bool() | None:
                return value
            case _:
                return MARK if self.finds(json.dumps(value)) else value


class SecretStream:
    """Redacts what comes in pieces: a secret that is split over two of them is held back until it is known for one."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """What may be passed on after this piece; it may be empty."""
        whole = self._held + piece
        cut = self._redactor.begun(whole)
        for hit in reversed(self._redactor.finds(whole)):
            cut = hit.start if hit.start < cut < hit.end else cut
        self._held = whole[cut:]
        return self._redactor.raw(whole[:cut])

    def end(self) -> bytes:
        """What was still held back."""
        held, self._held = self._held, b""
        return self._redactor.raw(held)


# --- the forms of a secret -------------------------------------------------------------------------------------------


def _spellings(value: str) -> Iterable[bytes]:
    """As it is, and as a form sends it, blanks as plus signs."""
    return {value.encode("utf-8", "surrogatepass"), value.replace(" ", "+").encode("utf-8", "surrogatepass")}


def _cores(secret: bytes) -> Iterator[bytes]:
    """The characters of base64 that are of the secret alone, whatever stands around it: one for each alignment."""
    for before in range(3):
        bits = 8 * before, 8 * (before + len(secret))
        code = b64encode(bytes(before) + secret + bytes(2))
        yield code[-(-bits[0] // 6) : bits[1] // 6]


def _begin(data: bytes, secret: bytes) -> Iterator[int]:
    """Where the end of the data may be the beginning of the secret, and not all of it."""
    longest = min(len(secret) - 1, len(data))
    held = next((length for length in range(longest, 0, -1) if data.endswith(secret[:length])), 0)
    if held:
        yield len(data) - held


def _merged(hits: Sequence[SecretHit]) -> list[tuple[int, int]]:
    """The spans of the hits, in order, those that overlap as one."""
    spans: list[tuple[int, int]] = []
    for hit in hits:
        if spans and hit.start < spans[-1][1]:
            spans[-1] = spans[-1][0], max(spans[-1][1], hit.end)
        else:
            spans.append((hit.start, hit.end))
    return spans


# --- views of the bytes ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _View:
    """Bytes read off those `below`: with the escapes of one kind undone or, where that is None, the blanks left out."""

    data: bytes
    below: _View | None = None
    undone: re.Pattern[bytes] | None = None

    @cached_property
    def steps(self) -> list[tuple[int, int]]:
        """Pairs (here, there): from here to the next the bytes stand there. Only read where something is found."""
        below = self.below.data if self.below else b""
        return [(0, 0), *(_runs(below) if self.undone is None else _units(below, self.undone))]

    def origin(self, place: int) -> int:
        """Where in the first bytes a place of this view comes from."""
        return self.below.origin(self._step(place)) if self.below else place

    def spans(self, sought: bytes) -> Iterator[tuple[int, int]]:
        """Where it stands, in places of the first bytes."""
        at = self.data.find(sought)
        while at >= 0:
            yield self.origin(at), self._end(at + len(sought))
            at = self.data.find(sought, at + 1)

    def upto(self, end: int) -> _View:
        """The same, cut."""
        return replace(self, data=self.data[:end])

    def joined(self) -> _View:
        """The base64 in it on one line, in the standard alphabet."""
        return _View(self.data.translate(_STANDARD, delete=_BLANKS), self)

    def unescaped(self) -> Iterator[_View]:
        """One layer of escapes undone, of each kind there is."""
        for begin, escape in _ESCAPES:
            if begin in self.data:
                yield _View(escape.sub(lambda found: _character(found[0]), self.data), self, escape)

    def _step(self, place: int) -> int:
        here, there = self.steps[bisect_right(self.steps, place, key=itemgetter(0)) - 1]
        return there + place - here

    def _end(self, place: int) -> int:
        if self.below is None:
            return place
        return self.below._end(self._step(place - 1) + 1 if self.undone is None else self._step(place))


def _views(raw: bytes) -> Iterator[tuple[int, _View]]:
    """Every view, each with the number of layers that were undone."""
    layer, seen = [_View(raw)], set[bytes]()
    for depth in range(LAYERS + 1):
        fresh = {view.data: view for view in layer if view.data not in seen}
        seen |= fresh.keys()
        yield from ((depth, view) for view in fresh.values())
        layer = [undone for view in fresh.values() for undone in view.unescaped()]


def _runs(below: bytes) -> Iterator[tuple[int, int]]:
    length = 0
    for run in _NOT_BLANK.finditer(below):
        yield length, run.start()
        length += len(run[0])


def _units(below: bytes, escape: re.Pattern[bytes]) -> Iterator[tuple[int, int]]:
    """Where each escape and what follows it stand; nothing inside an escape is a place of its own."""
    saved = 0
    for found in escape.finditer(below):
        yield found.start() - saved, found.start()
        saved += len(found[0]) - len(_character(found[0]))
        yield found.end() - saved, found.end()


@lru_cache(4096)
def _character(escape: bytes) -> bytes:
    match escape[:1]:
        case b"%":
            return bytes.fromhex(escape[1:].decode())
        case b"&":
            return _ENTITIES[escape]
        case _:
            character: str = json.loads(b'"%s"' % escape)
            return character.encode("utf-8", "surrogatepass")
