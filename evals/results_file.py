"""The file that outcomes go to as they come: JSON Lines that only grow, each on disk before it counts as done.

An eval that was cut off goes on from it. A line holds the hash of everything that its outcome depends on, so what is
taken from the file is what would come out again. A last line that a kill has torn is dropped.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from pydantic import ValidationError

from evals.results import Key, Outcome, Report, Strict
from runtime import Unavailable


class Kept(Strict):
    """One line: an outcome, and the hash of everything it depends on."""

    stamp: str
    outcome: Outcome


class ResultsFile:
    """Used by one eval at a time. Raises Unavailable for a file that is used, or holds something else."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept: dict[Key, Kept] = {}
        self._file: BinaryIO | None = None

    def __enter__(self) -> ResultsFile:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a+b")
        try:
            self._lock()
            self._drop_what_is_torn()
            self._kept = {kept.outcome.key: kept for kept in _lines(self.path)}
        except BaseException:  # whatever it was, nobody else would close the file
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._file is not None
        self._file.close()

    def done(self, key: Key, stamp: str) -> Outcome | None:
        """The outcome of what was done before and would be no different now. What could not be judged was not done."""
        kept = self._kept.get(key)
        if kept is None or kept.stamp != stamp or kept.outcome.status == "error":
            return None
        return kept.outcome

    def add(self, outcome: Outcome, stamp: str) -> None:
        """Keeps an outcome; it is on the disk when this returns. Raises OSError."""
        assert self._file is not None
        text = json.dumps(Kept(stamp=stamp, outcome=outcome).model_dump(mode="json"), ensure_ascii=False)
        self._file.write(text.encode("utf-8", "replace") + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _lock(self) -> None:
        assert self._file is not None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            what = f"{self.path}: another eval is writing to this file"
            raise Unavailable(f"{what}; wait for its end, or give another --results FILE") from None

    def _drop_what_is_torn(self) -> None:
        assert self._file is not None
        self._file.seek(0)
        whole = self._file.read().rfind(b"\n") + 1
        self._file.truncate(whole)


def _lines(path: Path) -> Iterator[Kept]:
    """The whole lines of the file, in their order."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield Kept.model_validate_json(line)
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                what = f"{path}:{number}: no line of eval results ({first['msg']})"
                raise Unavailable(f"{what}; give another file, or delete this one") from None


def read_results(path: Path) -> Report:
    """The report of a results file as it stands: of each key the last outcome. Raises OSError, Unavailable."""
    kept = {each.outcome.key: each.outcome for each in _lines(path)}
    return Report.of(kept.values())
