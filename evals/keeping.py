"""What is wrong with a shelf of cassettes, and what is left of it when the useless goes. Pure: others read and replay.

Stale: a call is no longer answered, or what it was made with has changed. Missing: a case without its recording.
Unused: nobody asks for it any more. Unknown: of a variant that nobody knows. Unreadable, edited by hand, or with a
secret in it: as the words say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from evals.made_with import differences
from evals.recordings import Recording
from runtime import JsonValue, Redactor

Kind = Literal["unreadable", "edited", "secret", "stale", "missing", "unused", "unknown"]

MENDS: Mapping[Kind, str] = {
    "unreadable": "put it back as it was recorded, or delete it and record again",
    "edited": "put it back as it was recorded, or delete it and record again",
    "secret": "delete it, revoke the secret, and record again",
    "stale": "plait cassettes record",
    "missing": "plait cassettes record",
    "unused": "plait cassettes prune",
    "unknown": "give its prompts by --prompts DIR, or delete it",
}
BROKEN: frozenset[Kind] = frozenset({"unreadable", "edited"})

# What keys look like, where nobody says which there are.
_SHAPES = {
    "an API key": re.compile(rb"\bsk-[A-Za-z0-9_-]{20,}"),
    "an AWS key": re.compile(rb"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a GitHub token": re.compile(rb"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})"),
    "a Google key": re.compile(rb"\bAIza[A-Za-z0-9_-]{35}"),
    "a Slack token": re.compile(rb"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
    "a bearer token": re.compile(rb"\b[Bb]earer [A-Za-z0-9._~+/-]{20,}"),
    "a private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `places` are those of the interactions that it is about; none: the whole file."""

    kind: Kind
    path: Path
    what: str
    places: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.path}: {self.kind}: {self.what}; {MENDS[self.kind]}"

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "kind": self.kind,
            "file": str(self.path),
            "what": self.what,
            "interactions": list(self.places),
            "mend": MENDS[self.kind],
        }


@dataclass(frozen=True, slots=True)
class Held:
    """One file. Without a `recording` its `trouble` says why."""

    path: Path
    raw: bytes = field(repr=False)
    recording: Recording | None
    trouble: tuple[Kind, str] | None = None


@dataclass(frozen=True, slots=True)
class Trials:
    """What replaying came to: `made_with` now, of every file that a case has; the first call of a file that was not
    answered; the places that have answered; the files of which not all can be known, as a case came to no end; and
    those of variants that are not known.
    """

    made_with: Mapping[Path, Mapping[str, str]]
    misses: Mapping[Path, str] = field(default_factory=dict)
    uses: frozenset[tuple[Path, int]] = frozenset()
    unsure: frozenset[Path] = frozenset()
    strangers: frozenset[Path] = frozenset()


def findings(shelf: Sequence[Held], trials: Trials, redactor: Redactor, of_suites: Iterable[Path]) -> list[Finding]:
    """All that is wrong. `of_suites` are the folders whose every file must belong to a case."""
    folders = tuple(of_suites)
    found = [each for held in shelf for each in _of_one(held, trials, redactor, folders)]
    there = {held.path for held in shelf}
    found += [Finding("missing", path, "is not recorded") for path in trials.misses if path not in there]
    return sorted(found, key=lambda each: (each.path, each.kind))


def pruned(recording: Recording, places: Iterable[int]) -> Recording | None:
    """The recording without these interactions; None if nothing is left."""
    gone = set(places)
    kept = tuple(each for at, each in enumerate(recording.interactions) if at not in gone)
    return recording.model_copy(update={"interactions": kept}) if kept else None


def _of_one(held: Held, trials: Trials, redactor: Redactor, folders: Sequence[Path]) -> Iterator[Finding]:
    yield from (Finding("secret", held.path, what) for what in _secrets(held.raw, redactor))
    if held.trouble is not None:
        yield Finding(held.trouble[0], held.path, held.trouble[1])
    if held.path in trials.strangers:
        yield Finding("unknown", held.path, "it is of a variant that is not known")
    elif held.path not in trials.made_with:
        if any(held.path.is_relative_to(folder) for folder in folders):
            yield Finding("unused", held.path, "no case has it")
    elif held.recording is not None:
        yield from _stale(held.path, held.recording, trials)
        yield from _unused(held.path, held.recording, trials)


def _stale(path: Path, recording: Recording, trials: Trials) -> Iterator[Finding]:
    changed = differences(recording.made_with, trials.made_with[path])
    if not recording.made_with:
        changed = ["it does not say what it was made with"]
    if path in trials.misses:
        changed = [trials.misses[path], *changed]
    if changed:
        yield Finding("stale", path, "; ".join(changed))


def _unused(path: Path, recording: Recording, trials: Trials) -> Iterator[Finding]:
    """What did not answer; where a case came to no end, nobody can know what would have been asked after it."""
    if path in trials.unsure:
        return
    idle = tuple(at for at in range(len(recording.interactions)) if (path, at) not in trials.uses)
    if idle:
        told = ", ".join(f"/interactions/{at}" for at in idle)
        yield Finding("unused", path, f"nobody asks for {told}", idle)


def _secrets(raw: bytes, redactor: Redactor) -> Iterator[str]:
    yield from dict.fromkeys(f"the value of {hit.name} ({hit.form})" for hit in redactor.finds(raw))
    yield from (f"what looks like {name}" for name, shape in _SHAPES.items() if shape.search(raw))
