"""Model calls from recordings, and into them. vcrpy intercepts the requests; what is matched, kept and refused is ours.

Replay answers from what was recorded, each recording once, and never reaches the network. Every `use_cassettes` starts
anew. What is kept holds no secret that the environment or the call itself has named as one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal, Protocol, TypedDict
from urllib.parse import parse_qsl, urlsplit

from vcr import VCR
from vcr.cassette import Cassette
from vcr.filters import decode_response

from evals import recordings
from evals.calls import current_call, current_watch
from evals.cassette_paths import SUFFIX
from evals.decks import CassetteUnwritable, Deck
from evals.recording_files import Writer, read
from evals.recordings import Answered, Asked, Interaction, Recording
from evals.said_secrets import secrets_said
from runtime import CassetteMiss, Redactor, Unavailable, secrets_of

Mode = Literal["replay", "record", "live"]

# Of the moment or of the key, not of the request: replaying them would teach nothing.
PASSING_STATUSES = frozenset({401, 403, 407, 408, 409, 425, 429, *range(500, 600)})
REMADE_WITH = "model"  # another one may answer the same request otherwise; all else in `made_with` shows in the request

# What the running code uses: None where nothing was opened, "live" where the network was asked for.
_here: ContextVar[Deck | Literal["live"] | None] = ContextVar("deck", default=None)


def _every_request() -> bool:
    return True


@contextmanager
def use_cassettes(
    directory: Path,
    name: str | None = None,
    mode: Mode = "replay",
    *,
    made_with: Mapping[str, str] | None = None,
    only: Callable[[], bool] = _every_request,
) -> Iterator[None]:
    """Answers the requests made inside from `directory/NAME.json`; replay without a name looks into all its cassettes.

    "record" asks the network for what is missing and keeps it with `made_with`, "live" leaves requests alone. What was
    recorded with another `model` does not answer. `only` says of the running code whether its requests are model calls;
    others pass. Contexts that are open at the same time in different tasks do not mix. Raises Unavailable for
    cassettes that cannot be used, CassetteMiss at a request.
    """
    match mode:
        case "live":
            opened = _entered("live")
        case "record":
            opened = _recording(_target(directory, name), dict(made_with or {}), only)
        case "replay":
            opened = _opened(Deck(*_replayed(directory, name), only, secrets_of(os.environ)))
    with opened:
        yield


def vcrpys_own(path: Path) -> AbstractContextManager[object]:
    """vcrpy's cassette as it comes, matched on method, path and body: for the benchmark to compare with."""
    own: AbstractContextManager[object] = VCR(match_on=["method", "path", "body"]).use_cassette(path)
    return own


@contextmanager
def _recording(target: Path, made_with: dict[str, str], only: Callable[[], bool]) -> Iterator[None]:
    there = read(target) if target.exists() else Recording(cassette=1)
    models = {each[REMADE_WITH] for each in (there.made_with, made_with) if REMADE_WITH in each}
    kept = () if len(models) > 1 else there.interactions
    known = Recording(cassette=1, made_with=made_with or there.made_with, interactions=kept)
    writer = Writer(target, known)
    deck = Deck(target, {target: known}, only, secrets_of(os.environ), writer)
    with _opened(deck):
        yield
    if deck.has_been_used and kept and known.made_with != there.made_with:
        writer.say_made_with(known.made_with)


@contextmanager
def _opened(deck: Deck) -> Iterator[None]:
    with _exchange.open(deck), _entered(deck):
        yield


@contextmanager
def _entered(deck: Deck | Literal["live"]) -> Iterator[None]:
    token = _here.set(deck)
    try:
        yield
    finally:
        _here.reset(token)


def _target(directory: Path, name: str | None) -> Path:
    if not name or Path(name).name != name or name.startswith("."):
        raise Unavailable(f"'{name}' names no cassette; give one word without slashes, for example 'summary'")
    return directory / f"{name}{SUFFIX}"


def _replayed(directory: Path, name: str | None) -> tuple[Path, dict[Path, Recording]]:
    """Where recordings are looked for, and those. One that is named and not there answers nothing."""
    if name is not None:
        target = _target(directory, name)
        return target, {target: read(target)} if target.exists() else {}
    if not directory.is_dir():
        raise Unavailable(f"{directory}: no directory of cassettes; record some, or give another directory")
    return directory, {path: read(path) for path in sorted(directory.glob(f"*{SUFFIX}"))}


# What vcrpy hands over and takes back.


class _VcrRequest(Protocol):
    method: str
    uri: str
    headers: Mapping[str, str]
    body_bytes: bytes | None


class _Status(TypedDict):
    code: int
    message: str


class _Content(TypedDict):
    string: bytes


class _VcrResponse(TypedDict):
    status: _Status
    headers: dict[str, list[str]]
    body: _Content


class _Router(Cassette):  # type: ignore[misc]  # vcrpy ships no types
    """The one cassette that vcrpy's patches know: it hands each request to the deck of the running code."""

    _drawn: ClassVar[dict[int, tuple[_VcrRequest, Answered]]] = {}  # by id, until vcrpy asks for them

    def can_play_response_for(self, request: _VcrRequest) -> bool:
        """Draws the answer. vcrpy asks once or several times, and then plays what was drawn, or sends the request."""
        if id(request) in self._drawn:
            return True
        deck = _deck()
        answer = deck.answer(_asked(request, _redactor(deck, request))) if deck is not None else None
        watch = current_watch()
        if answer is not None:
            self._drawn[id(request)] = request, answer.response
            if watch is not None:
                watch.seconds = answer.seconds
        elif watch is not None:
            watch.start()
        return answer is not None

    def play_response(self, request: _VcrRequest) -> _VcrResponse:
        return _for_vcr(self._drawn.pop(id(request))[1])

    def append(self, request: _VcrRequest, response: _VcrResponse) -> None:
        deck = _deck()
        if deck is not None and response["status"]["code"] not in PASSING_STATUSES:
            deck.keep(*_interaction(deck, request, response))

    def _load(self) -> None:
        """Decks read their own files."""

    def _save(self, force: bool = False) -> None:
        """Decks write each answer as it comes."""


class _Exchange:
    """Holds vcrpy's patches, which are of the whole process, in place while any deck is open."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._decks: list[Deck] = []
        self._patches: AbstractContextManager[object] | None = None

    @contextmanager
    def open(self, deck: Deck) -> Iterator[None]:
        with self._guard:
            if self._patches is None:
                self._patches = _Router.use(path="model calls")
                self._patches.__enter__()
            self._decks.append(deck)
        try:
            yield
        finally:
            self._close(deck)

    def _close(self, deck: Deck) -> None:
        with self._guard:
            self._decks.remove(deck)
            if not self._decks and self._patches is not None:
                self._patches.__exit__(None, None, None)
                self._patches = None

    def only_one(self) -> Deck | None:
        """Of several, nobody could say which."""
        with self._guard:
            if len(self._decks) > 1:
                raise CassetteMiss(_WHICH)
            return self._decks[0] if self._decks else None


_WHICH = (
    "a request from a thread of its own, while several cassettes are open: it belongs to none of them; start the thread"
    " by asyncio.to_thread or contextvars.copy_context().run"
)
_exchange = _Exchange()


def _deck() -> Deck | None:
    """The deck of the running code. Code that inherited none, as in a thread, gets the one there is: no network."""
    here = _here.get() or _exchange.only_one()
    return here if isinstance(here, Deck) and here.concerns() else None


def _asked(request: _VcrRequest, redactor: Redactor) -> Asked:
    body, encoding = recordings.redacted(request.body_bytes or b"", redactor)
    path = redactor.text(urlsplit(request.uri).path)
    return Asked(method=request.method, path=path, body=body, encoding=encoding)


def _interaction(deck: Deck, request: _VcrRequest, response: _VcrResponse) -> tuple[Interaction, Redactor]:
    plain: _VcrResponse = decode_response(response)
    headers = {name.lower(): values[0] for name, values in plain["headers"].items()}
    if encoding := headers.get("content-encoding"):
        what = f"the answer is compressed by {encoding}, and nobody can see whether it holds a secret"
        raise CassetteUnwritable(f"{what}; ask for accept-encoding gzip or identity")
    redactor = _redactor(deck, request, plain)
    answered = _answered(plain, headers, redactor)
    call, watch = current_call(), current_watch()
    interaction = Interaction(
        call=redactor.text(call) if call is not None else None,
        seconds=watch.stop() if watch is not None else None,
        request=_asked(request, redactor),
        response=answered,
    )
    return interaction, redactor


def _answered(plain: _VcrResponse, headers: Mapping[str, str], redactor: Redactor) -> Answered:
    body, encoding = recordings.redacted(plain["body"]["string"], redactor, headers.get("content-type", ""))
    kept = {name: redactor.text(value) for name, value in recordings.kept(headers).items()}
    return Answered(status=plain["status"]["code"], headers=kept, body=body, encoding=encoding)


def _for_vcr(answered: Answered) -> _VcrResponse:
    return {
        "status": {"code": answered.status, "message": ""},
        "headers": {name: [value] for name, value in answered.headers.items()},
        "body": {"string": recordings.unpacked(answered.body, answered.encoding)},
    }


def _redactor(deck: Deck, request: _VcrRequest, response: _VcrResponse | None = None) -> Redactor:
    """Knows the secrets of the environment, and those that this call says."""
    said = [*request.headers.items(), *parse_qsl(urlsplit(request.uri).query)]
    if response is not None:
        said += [(name, value) for name, values in response["headers"].items() for value in values]
    return _redactor_of(tuple({**deck.secrets, **secrets_said(said)}.items()))


@lru_cache(16)
def _redactor_of(secrets: tuple[tuple[str, str], ...]) -> Redactor:
    return Redactor(dict(secrets))
