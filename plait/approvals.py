"""What a person has approved, and which documents a model wrote: kept by the hash of the document's value.

An approval is for one document, one working directory and the capabilities shown when it was given. A changed document
has another hash, so it is asked about anew. A path is kept as the links led then: where one leads elsewhere now, that
is another place, and asked about as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from plait.display import say
from plait.files import write_text
from plait.state import state_directory
from runtime.grants import Grants
from runtime.issues import JsonValue

FOLDER = "approvals"


class Approval(BaseModel):
    """Capabilities granted for runs in one directory, as `Grants.settle` gives them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    directory: str
    granted: tuple[str, ...]
    given: datetime


class Known(BaseModel):
    """What is remembered of one document. `written_by` is the model that wrote it, None for a person or a program."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    document: str
    name: str = ""
    written_by: str | None = None
    approvals: tuple[Approval, ...] = ()

    def granted(self, directory: Path) -> tuple[str, ...]:
        """What was approved for runs in that directory, but for paths that lead through a link which was not there."""
        settle = Grants(directory=directory).settle
        return tuple(
            capability
            for approval in self.approvals
            for capability in approval.granted
            if approval.directory == str(directory) and settle(capability) == capability
        )


def digest_of(document: JsonValue) -> str:
    """The SHA-256 of a document's canonical JSON: the same for another layout of it, and for YAML."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Approvals:
    """The memory in `STATE/approvals`, one file a document, readable by its owner only.

    A folder that cannot be written spoils no run: it is told, and what was approved is asked again.
    """

    folder: Path

    @classmethod
    def within(cls, chosen: Path | None) -> Approvals:
        return cls(state_directory(chosen) / FOLDER)

    def of(self, document: JsonValue) -> Known:
        digest = digest_of(document)
        return self._read(self.folder / f"{digest}.json") or Known(document=digest)

    def all(self) -> list[Known]:
        """Everything remembered, by hash."""
        found = (self._read(path) for path in sorted(self.folder.glob("*.json")))
        return [known for known in found if known is not None]

    def approve(self, document: JsonValue, name: str, granted: Iterable[str], directory: Path) -> None:
        """Remembers what somebody has just said yes to, in place of what was approved there before."""
        known = self.of(document)
        others = tuple(each for each in known.approvals if each.directory != str(directory))
        new = Approval(directory=str(directory), granted=tuple(sorted(set(granted))), given=datetime.now(UTC))
        self._write(known.model_copy(update={"name": name or known.name, "approvals": (*others, new)}))

    def written_by(self, document: JsonValue, model: str) -> None:
        """Remembers that a model wrote the document."""
        self._write(self.of(document).model_copy(update={"written_by": model}))

    def hand_on(self, document: JsonValue, other: JsonValue) -> None:
        """A document made from another has the same author, and none of its approvals."""
        if (author := self.of(document).written_by) is not None:
            self.written_by(other, author)

    def forget(self, known: Known) -> None:
        """Takes all approvals of a document back; who wrote it stays remembered."""
        self._write(known.model_copy(update={"approvals": ()}))

    def _read(self, path: Path) -> Known | None:
        """A file that is damaged, or that speaks of another document, approves nothing."""
        try:
            known = Known.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None
        return known if known.document == path.stem else None

    def _write(self, known: Known) -> None:
        try:
            for each in (self.folder.parent, self.folder):
                each.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_text(self.folder / f"{known.document}.json", f"{known.model_dump_json(indent=1)}\n")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            say(f"warning: this is not remembered: {error.filename or self.folder}: {reason}")
