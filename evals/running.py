"""Runs suites: a matrix of models and variants, case by case and epoch by epoch, so many at once.

Replaying is the default and reaches no network. Recording asks a model for what is not recorded, and for nothing else.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from evals.cassettes import Mode, use_cassettes
from evals.lookup import Found
from evals.made_with import code, templates
from evals.results import Outcome, Report
from evals.results_file import ResultsFile
from evals.trial import Trial, tried
from evals.variants import SHIPPED, Variant
from planner.litellm_client import asks_a_model
from planner.local_model import LOCAL
from planner.opening import Answers, ModelMissing, Opener, OpenModels, open_model
from runtime import Refused, ScriptedClient, Unavailable

AT_ONCE = 8  # trials of a replay


@dataclass(frozen=True, slots=True)
class Matrix:
    """What every case is tried with, and how often."""

    models: Sequence[str] = (LOCAL,)
    variants: Sequence[Variant] = (SHIPPED,)
    epochs: int = 1

    def trials(self, suites: Iterable[Found]) -> Iterator[Trial]:
        """Every trial of these suites, a whole column of the matrix after the other."""
        cases = [(each, case) for each in suites for case in each.suite.cases]
        for epoch in range(1, self.epochs + 1):
            for model in self.models:
                for variant in self.variants:
                    for found, case in cases:
                        yield Trial(found.suite, case, model, variant, epoch, found.cassettes)


def ignore(outcome: Outcome) -> None:
    """Nobody looks."""


async def run_suites(
    suites: Sequence[Found],
    matrix: Matrix = Matrix(),
    *,
    mode: Mode = "replay",
    at_once: int | None = None,
    results: ResultsFile | None = None,
    on_outcome: Callable[[Outcome], None] = ignore,
    allow: Iterable[str] = (),
    opener: Opener = open_model,
) -> Report:
    """Tries every case with everything in the matrix. `results`: an open file, from which what is done is taken.

    `allow` are grants for the real steps of runs. What could not be judged is an outcome too. Raises ModelMissing if a
    model that must be asked is not there.
    """
    trials = list(matrix.trials(suites))
    outcomes: list[Outcome] = []
    async with OpenModels(opener) as models:
        desk = _Desk(models, mode, results, tuple(allow))
        waiting = iter(trials)

        async def work() -> None:
            for trial in waiting:
                outcomes.append(await desk.outcome(trial))
                on_outcome(outcomes[-1])

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(at_once or (AT_ONCE if mode == "replay" else 1)):
                    group.create_task(work())
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None
    return Report.of(outcomes)


class _Desk:
    """Sees to it that each trial's calls are answered from where they should be, and its outcome kept."""

    def __init__(self, models: OpenModels, mode: Mode, results: ResultsFile | None, allow: tuple[str, ...]) -> None:
        self._models, self._mode, self._results, self._allow = models, mode, results, allow
        self._recording: defaultdict[Path, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def outcome(self, trial: Trial) -> Outcome:
        if self._results is not None and (known := self._results.done(trial.key, stamp(trial))):
            return known
        outcome = await self._judged(trial)
        if self._results is not None:
            self._results.add(outcome, stamp(trial))
        return outcome

    async def _judged(self, trial: Trial) -> Outcome:
        try:
            return await self._answered(trial)
        except ModelMissing:
            raise
        except Unavailable as error:
            return trial.unjudged(str(error))
        except Refused as refused:
            return trial.unjudged("\n".join([str(refused), *map(str, refused.issues)]))
        except Exception as error:  # noqa: BLE001 - a defect in one case must not cost what the others have found
            return trial.unjudged(f"a defect of plait's own, {type(error).__name__}: {error}")

    async def _answered(self, trial: Trial) -> Outcome:
        if not trial.asks:
            return await tried(trial, ScriptedClient(()), self._allow)
        if self._mode == "live":
            return await self._under(trial, "live", "real")
        if self._mode == "replay":
            return await self._under(trial, "replay", "recorded")
        async with self._recording[trial.cassette]:  # other variants may have the same one
            if trial.cassette.is_file():
                with suppress(Unavailable):  # something is not recorded: only then is a model needed
                    return await self._under(trial, "replay", "recorded")
            return await self._under(trial, "record", "real")

    async def _under(self, trial: Trial, mode: Mode, answers: Answers) -> Outcome:
        client = await self._models.client(trial.model, answers)
        place, made_with = trial.cassette, trial.made_with if mode == "record" else None
        with use_cassettes(place.parent, place.stem, mode, made_with=made_with, only=asks_a_model):
            return await tried(trial, client, self._allow)


def stamp(trial: Trial) -> str:
    """The hash of everything an outcome depends on: case, variant, recordings, code and prompts."""
    digest = hashlib.sha256()
    for part in (repr(trial.key), trial.suite.model_dump_json(exclude={"cases"}), trial.case.model_dump_json()):
        digest.update(part.encode())
    digest.update(repr((trial.variant, templates(trial.variant.prompts))).encode())
    digest.update(trial.cassette.read_bytes() if trial.cassette.is_file() else b"")
    digest.update(code().encode())
    return digest.hexdigest()[:32]
