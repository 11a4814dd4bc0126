"""Cassettes against their suites: everything is read, every case is replayed, and what that shows is told or mended."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evals.cassette_paths import MODEL as LOCAL
from evals.cassette_paths import SUFFIX, Shelved, shelved
from evals.cassette_paths import VARIANT as SHIPPED
from evals.decks import Use, watching
from evals.keeping import Finding, Held, Trials, findings, pruned
from evals.lookup import Found
from evals.recording_files import Edited, Unreadable, read, read_bytes, recording_of, write
from evals.results import Outcome
from evals.running import Matrix, run_suites
from evals.trial import Trial
from evals.variants import VARIANTS, Variant
from runtime import Redactor, secrets_of


@dataclass(frozen=True, slots=True)
class Shelf:
    """The cassettes of some suites, and what is wrong with them."""

    held: tuple[Held, ...]
    findings: tuple[Finding, ...]
    trials: Trials

    def prunable(self) -> list[Finding]:
        """What `prune` would take away."""
        return [each for each in self.findings if each.kind == "unused"]


async def examined(suites: Sequence[Found], own: Sequence[Variant] = ()) -> Shelf:
    """Reads every cassette under the suites' roots, and replays every case. Reaches no network.

    `own` are variants besides those that plait has; of any other the recordings cannot be judged.
    """
    variants = (*VARIANTS.values(), *own)
    held = tuple(_held(path) for root in _roots(suites) for path in sorted(root.rglob(f"*{SUFFIX}")))
    paths = [each.path for each in held]
    trials = await _replayed(list(_columns(suites, paths, variants)))
    trials = replace(trials, strangers=frozenset(_strangers(suites, paths, variants)))
    folders = [found.cassettes / found.suite.name for found in suites]
    shown = findings(held, trials, Redactor(secrets_of(os.environ)), folders)
    return Shelf(held, tuple(shown), trials)


def prune(shelf: Shelf) -> None:
    """Takes away what is unused: interactions, files, and folders that are empty then. Raises OSError."""
    recordings = {each.path: each.recording for each in shelf.held}
    for finding in shelf.prunable():
        recording = recordings[finding.path]
        left = pruned(recording, finding.places) if recording is not None and finding.places else None
        if left is not None:
            write(finding.path, left)
            continue
        finding.path.unlink()
        if not any(finding.path.parent.iterdir()):
            finding.path.parent.rmdir()


def refresh(trials: Iterable[Trial], outcomes: Iterable[Outcome]) -> list[Path]:
    """Marks what has answered all of its trials as made with what there is now; says which files were not so marked."""
    trials = list(trials)
    failed = {each.key for each in outcomes if each.status == "error"}
    bad = {trial.cassette for trial in trials if trial.key in failed}
    current = {trial.cassette: trial.made_with for trial in trials if trial.cassette not in bad}
    stale = [path for path, now in current.items() if path.is_file() and read(path).made_with != now]
    for path in stale:
        write(path, read(path).sealed().model_copy(update={"made_with": current[path]}))
    return stale


def _roots(suites: Sequence[Found]) -> list[Path]:
    return sorted({found.cassettes for found in suites})


def _held(path: Path) -> Held:
    try:
        raw = read_bytes(path)
        return Held(path, raw, recording_of(path, raw))
    except Edited as error:
        return Held(path, read_bytes(path), None, ("edited", error.why))
    except Unreadable as error:
        return Held(path, error.raw, None, ("unreadable", error.why))


def _columns(
    suites: Sequence[Found], paths: Sequence[Path], known: Sequence[Variant]
) -> Iterator[tuple[Found, Matrix]]:
    """For each suite what it is recorded with, as the shelf shows; where it shows nothing the shipped way, once."""
    for found in suites:
        here = [each for path in paths if (each := _shelved(found, path)) and each.suite == found.suite.name]
        named = dict[tuple[str, str], int]()
        for each in here:
            column = each.model, each.variant
            named[column] = max(named.get(column, 1), each.epoch)
        for (model, recorded_as), epochs in sorted(named.items()) or [((LOCAL, SHIPPED), 1)]:
            variants = tuple(each for each in known if each.recorded_as == recorded_as)
            yield found, Matrix((model,), variants, epochs)


def _strangers(suites: Sequence[Found], paths: Sequence[Path], known: Sequence[Variant]) -> Iterator[Path]:
    """The cassettes of variants that nobody knows: what would be asked is not known either."""
    names = {each.recorded_as for each in known}
    for found in suites:
        for path in paths:
            if (here := _shelved(found, path)) and here.suite == found.suite.name and here.variant not in names:
                yield path


def _shelved(found: Found, path: Path) -> Shelved | None:
    return shelved(found.cassettes, path) if path.is_relative_to(found.cassettes) else None


async def _replayed(columns: Sequence[tuple[Found, Matrix]]) -> Trials:
    made_with, unsure, uses, misses = dict[Path, dict[str, str]](), set[Path](), set[Use](), dict[Path, str]()
    for found, matrix in columns:
        for variant in matrix.variants:
            alone = replace(matrix, variants=(variant,))
            with watching() as watched:
                report = await run_suites([found], alone)
            trials = {trial.key: trial for trial in alone.trials([found]) if trial.asks}
            failed = [each.key for each in report.outcomes if each.status == "error"]
            unsure |= {trials[key].cassette for key in failed if key in trials}
            uses |= watched.uses
            if variant.name == variant.recorded_as:
                misses |= watched.misses
                made_with |= {trial.cassette: trial.made_with for trial in trials.values()}
    return Trials(made_with, misses, frozenset(uses), frozenset(unsure))
