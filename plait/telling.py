"""What goes on, told to whoever looks at it: a bar, a drawing, lines, or nobody."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, Self, TypeAlias, TypeVar

from runtime.record import Fact, RunRecord

Seen_contra = TypeVar("Seen_contra", contravariant=True)


class Progress(Protocol[Seen_contra]):
    """Sees what happens, one thing after the other."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def take(self, seen: Seen_contra, /) -> None: ...


class Quiet(Generic[Seen_contra]):
    """Says nothing; and what has nothing to open or close begins here."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def take(self, seen: Seen_contra, /) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Items:
    """How many items of a step's batch are done."""

    node: str
    done: int
    count: int


Happening: TypeAlias = Fact | Items | RunRecord
"""Of a run each fact, how far its batches are, and in the end its record."""
