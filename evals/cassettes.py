"""Model calls from recordings, and into them. vcrpy intercepts the requests; what is matched, kept and refused is ours.

Replay answers in recorded order, each recording once, and never reaches the network. Every `use_cassettes` starts anew.
"""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, Protocol, TypedDict
from urllib.parse import parse_qsl, urlsplit

from vcr.cassette import Cassette
from vcr.filters import decode_response

from evals import recordings
from evals.calls import current_call, current_watch
from evals.recordings import Answered, Asked, Interaction, Key, Recording
from runtime import CassetteMiss, CompletionError, Unavailable

Mode = Literal["replay", "record", "live"]

# Of the moment or of the key, not of the request: replaying them would teach nothing.
PASSING_STATUSES = frozenset({401, 403, 407, 408, 409, 425, 429, *range(500, 600)})
SHORTEST_SECRET = 8  # characters; anything shorter would be struck out of common words

_SECRET_NAME = re.compile(r"auth|key|token|secret|cookie|organization|project|account|session", re.IGNORECASE)


class CassetteUnwritable(CompletionError):
    """An answer came, and its recording could not be kept."""


class Deck:
    """The recordings in use: those that may answer, and in record mode the file that new ones go to."""

    def __init__(
        self, directory: Path, shelf: Mapping[Path, Recording], only: Callable[[], bool], target: Path | None
    ) -> None:
        self._directory = directory
        self._shelf = dict(shelf)
        self._only = only
        self._target = target
        self._guard = threading.Lock()
        self._waiting: defaultdict[Key, list[Interaction]] = defaultdict(list)
        for recording in shelf.values():
            for interaction in recording.interactions:
                self._waiting[interaction.request.key].append(interaction)

    def concerns(self) -> bool:
        """Whether the running code is what this deck was opened for."""
        return self._only()

    def has(self, asked: Asked) -> bool:
        """Whether a recording waits for this request. While replaying, CassetteMiss says what is nearest instead."""
        with self._guard:
            if self._place_of(asked) is not None:
                return True
            if self._target is None:
                raise CassetteMiss(self._miss(asked))
            return False

    def take(self, asked: Asked) -> Interaction:
        """The recording that `has` has found; it answers no second time."""
        with self._guard:
            place = self._place_of(asked)
            if place is None:  # another thread was quicker
                raise CassetteMiss(self._miss(asked))
            return self._waiting[asked.key].pop(place)

    def keep(self, interaction: Interaction) -> None:
        """Adds a new recording to the file, at once and in one step."""
        assert self._target is not None
        with self._guard:
            known = self._shelf[self._target]
            grown = known.model_copy(update={"interactions": (*known.interactions, interaction)})
            try:
                recordings.write(self._target, grown)
            except OSError as error:
                what = f"{self._target}: the recording cannot be written ({error.strerror})"
                raise CassetteUnwritable(f"{what}; make room, or record to another directory") from error
            self._shelf[self._target] = grown

    def _place_of(self, asked: Asked) -> int | None:
        """The first for the same call, else the first where either side names none."""
        call, waiting = current_call(), self._waiting.get(asked.key, [])
        exact = (place for place, one in enumerate(waiting) if one.call == call)
        loose = (place for place, one in enumerate(waiting) if call is None or one.call is None)
        return next(exact, next(loose, None))

    def _miss(self, asked: Asked) -> str:
        call = f" of call '{current_call()}'" if current_call() is not None else ""
        what = f"{self._directory}: no recording answers {asked.method} {asked.path}{call}"
        known = [(path, one) for path, recording in self._shelf.items() for one in recording.interactions]
        if same := [one for _, one in known if one.request.key == asked.key]:
            return f"{what}: {_used_up(same)}; record it once more"
        place = recordings.nearest(asked, [one.request for _, one in known])
        if place is None:
            return f"{what}, as there is none at all; record first"
        path, one = known[place]
        difference = recordings.difference(one.request, asked)
        return f"{what}; record it, or ask what was recorded. The nearest is in {path.name}:\n{difference}"


def _used_up(same: Sequence[Interaction]) -> str:
    calls = sorted({f"'{one.call}'" for one in same if one.call is not None})
    times = f"it is recorded {len(same)} time{'s' if len(same) > 1 else ''}"
    return f"{times}, {'for ' + ', '.join(calls) + ', ' if calls else ''}and all that fits has been given already"


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

    "record" asks the network for what is missing and keeps it with `made_with`, "live" leaves requests alone. `only`
    says of the running code whether its requests are model calls; others pass. Contexts that are open at the same time
    in different tasks do not mix. Raises Unavailable for cassettes that cannot be used, CassetteMiss at a request.
    """
    if mode == "live":
        with _entered("live"):
            yield
        return
    target = _target(directory, name) if mode == "record" else None
    shelf = _recorded_so_far(target, made_with or {}) if target else _recorded(directory, name)
    deck = Deck(directory, shelf, only, target)
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
    return directory / f"{name}{recordings.SUFFIX}"


def _recorded_so_far(target: Path, made_with: Mapping[str, str]) -> dict[Path, Recording]:
    known = recordings.read(target) if target.exists() else Recording(cassette=1)
    return {target: known.model_copy(update={"made_with": dict(made_with) or known.made_with})}


def _recorded(directory: Path, name: str | None) -> dict[Path, Recording]:
    if not directory.is_dir():
        raise Unavailable(f"{directory}: no directory of cassettes; record some, or give another directory")
    paths = sorted(directory.glob(f"*{recordings.SUFFIX}"))
    if name is not None and _target(directory, name) not in paths:
        known = [path.stem for path in paths]
        close = get_close_matches(name, known, n=1) or known
        raise Unavailable(f"{directory}: no cassette '{name}'; there is {', '.join(close) or 'none at all'}")
    return {path: recordings.read(path) for path in paths if name in (None, path.stem)}


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

    def can_play_response_for(self, request: _VcrRequest) -> bool:
        deck = _deck()
        known = deck is not None and deck.has(_asked(request))
        if not known and (watch := current_watch()):
            watch.start()
        return known

    def play_response(self, request: _VcrRequest) -> _VcrResponse:
        deck = _deck()
        assert deck is not None
        interaction, watch = deck.take(_asked(request)), current_watch()
        if watch is not None:
            watch.seconds = interaction.seconds
        return _for_vcr(interaction.response)

    def append(self, request: _VcrRequest, response: _VcrResponse) -> None:
        deck = _deck()
        if deck is not None and response["status"]["code"] not in PASSING_STATUSES:
            asked, answered, watch = _asked(request), _answered(request, response), current_watch()
            took = None if watch is None else watch.stop()
            deck.keep(Interaction(call=current_call(), seconds=took, request=asked, response=answered))

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

    def newest(self) -> Deck | None:
        with self._guard:
            return self._decks[-1] if self._decks else None


_exchange = _Exchange()


def _deck() -> Deck | None:
    """The deck of the running code. Code that inherited none, as in a thread, gets the newest and not the network."""
    here = _here.get() or _exchange.newest()
    return here if isinstance(here, Deck) and here.concerns() else None


def _asked(request: _VcrRequest) -> Asked:
    body, encoding = recordings.packed(_struck_out(request.body_bytes or b"", request))
    return Asked(method=request.method, path=urlsplit(request.uri).path, body=body, encoding=encoding)


def _answered(request: _VcrRequest, response: _VcrResponse) -> Answered:
    plain: _VcrResponse = decode_response(response)
    body, encoding = recordings.packed(_struck_out(plain["body"]["string"], request))
    headers = recordings.kept({name: values[0] for name, values in plain["headers"].items()})
    return Answered(status=plain["status"]["code"], headers=headers, body=body, encoding=encoding)


def _for_vcr(answered: Answered) -> _VcrResponse:
    return {
        "status": {"code": answered.status, "message": ""},
        "headers": {name: [value] for name, value in answered.headers.items()},
        "body": {"string": recordings.unpacked(answered.body, answered.encoding)},
    }


def _struck_out(body: bytes, request: _VcrRequest) -> bytes:
    for secret in _secrets(request):
        body = body.replace(secret.encode(), b"[secret]")
    return body


def _secrets(request: _VcrRequest) -> Sequence[str]:
    """What the headers and the query say under a name that sounds like one of a secret."""
    said = [*request.headers.items(), *parse_qsl(urlsplit(request.uri).query)]
    values = [value.split()[-1] for name, value in said if _SECRET_NAME.search(name) and value.strip()]
    return [value for value in values if len(value) >= SHORTEST_SECRET]
