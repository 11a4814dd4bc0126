"""The recordings in use: which of them answers a request, each once, and where new ones go.

A request is answered by the first recording for the same call, else by the first where either side names no call. All
is found by index: a thousand answers cost a thousand look-ups, however alike the requests are.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from evals.calls import current_call
from evals.differences import difference, nearest
from evals.recording_files import HoldsASecret, Unreadable, Writer
from evals.recordings import Asked, Interaction, Key, Recording
from runtime import CassetteMiss, CompletionError, Redactor


class CassetteUnwritable(CompletionError):
    """An answer came, and its recording could not be kept."""


class Use(NamedTuple):
    """A recording that has answered: its file, and its place there."""

    path: Path
    place: int


@dataclass(slots=True)
class Watched:
    """Which recordings have answered; what was asked of each file, or folder, and not answered, the first of it."""

    uses: set[Use] = field(default_factory=set)
    misses: dict[Path, str] = field(default_factory=dict)


_watching: ContextVar[Watched | None] = ContextVar("watching", default=None)


@contextmanager
def watching() -> Iterator[Watched]:
    """Tells what the recordings do inside."""
    watched = Watched()
    token = _watching.set(watched)
    try:
        yield watched
    finally:
        _watching.reset(token)


@dataclass(slots=True)
class _Card:
    use: Use
    interaction: Interaction
    is_taken: bool = False


class _Index:
    """Cards by what was asked, and by that and the call; those taken are passed over when they come to the front."""

    def __init__(self, shelf: Mapping[Path, Recording]) -> None:
        self._by_request: defaultdict[Key, deque[_Card]] = defaultdict(deque)
        self._by_call: defaultdict[tuple[Key, str | None], deque[_Card]] = defaultdict(deque)
        for path, recording in shelf.items():
            for place, interaction in enumerate(recording.interactions):
                card, key = _Card(Use(path, place), interaction), interaction.request.key
                self._by_request[key].append(card)
                self._by_call[key, interaction.call].append(card)

    def first(self, key: Key, call: str | None) -> _Card | None:
        if call is None:
            return _first(self._by_request.get(key))
        return _first(self._by_call.get((key, call))) or _first(self._by_call.get((key, None)))


def _first(cards: deque[_Card] | None) -> _Card | None:
    while cards and cards[0].is_taken:
        cards.popleft()
    return cards[0] if cards else None


class Deck:
    """The recordings of `shelf` that may answer the requests of which `only` says that they are meant. `where` they are
    is a file or a folder.

    With a `writer` new ones are made and go there; without, what nothing answers is a CassetteMiss. `secrets` are those
    of the environment, by name, which no request is matched with and no recording holds.
    """

    def __init__(
        self,
        where: Path,
        shelf: Mapping[Path, Recording],
        only: Callable[[], bool],
        secrets: Mapping[str, str],
        writer: Writer | None = None,
    ) -> None:
        self.secrets = secrets
        self._where, self._shelf, self._only, self._writer = where, shelf, only, writer
        self._guard = threading.Lock()
        self._index = _Index(shelf)
        self.has_been_used = False

    def concerns(self) -> bool:
        """Whether the running code is what this deck was opened for."""
        return self._only()

    def answer(self, asked: Asked) -> Interaction | None:
        """The recording that answers, which does so no second time; None where one is to be made.

        While replaying, CassetteMiss says instead what is nearest.
        """
        with self._guard:
            self.has_been_used = True
            card = self._index.first(asked.key, current_call())
            if card is None:
                if self._writer is None:
                    raise self._missed(asked)
                return None
            card.is_taken = True
        if (watched := _watching.get()) is not None:
            watched.uses.add(card.use)
        return card.interaction

    def keep(self, interaction: Interaction, redactor: Redactor) -> None:
        """Adds a new recording to the file, at once and in one step."""
        assert self._writer is not None
        with self._guard:
            try:
                self._writer.add(interaction, redactor)
            except OSError as error:
                what = f"{self._where}: the recording cannot be written ({error.strerror})"
                raise CassetteUnwritable(f"{what}; make room, or record to another directory") from error
            except (HoldsASecret, Unreadable) as error:
                raise CassetteUnwritable(str(error)) from error

    def _missed(self, asked: Asked) -> CassetteMiss:
        told = self._miss(asked)
        if (watched := _watching.get()) is not None:
            watched.misses.setdefault(self._where, told.partition("; ")[0].removeprefix(f"{self._where}: "))
        return CassetteMiss(told)

    def _miss(self, asked: Asked) -> str:
        call = f" of call '{current_call()}'" if current_call() is not None else ""
        what = f"{self._where}: no recording answers {asked.method} {asked.path}{call}"
        known = [(path, one) for path, recording in self._shelf.items() for one in recording.interactions]
        if same := [one for _, one in known if one.request.key == asked.key]:
            return f"{what}: {_used_up(same)}; record it once more"
        place = nearest(asked, [one.request for _, one in known])
        if place is None:
            return f"{what}, as there is none at all; record first"
        path, one = known[place]
        told = difference(one.request, asked)
        return f"{what}; record it, or ask what was recorded. The nearest is in {path.name}:\n{told}"


def _used_up(same: Sequence[Interaction]) -> str:
    calls = sorted({f"'{one.call}'" for one in same if one.call is not None})
    times = f"it is recorded {len(same)} time{'s' if len(same) > 1 else ''}"
    return f"{times}, {'for ' + ', '.join(calls) + ', ' if calls else ''}and all that fits has been given already"
