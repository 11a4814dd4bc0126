"""`plait list`: the workflows that were kept by name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from plait.application import new_app
from plait.display import put, put_json, say
from plait.documents import examine_named
from plait.library import described, library, names, place_of
from plait.options import Json
from plait.tables import table
from runtime.checks import Examination
from runtime.issues import JsonValue
from runtime.node_types import Registry, installed_types

WIDEST = 60  # characters of a description in the table

app = new_app()


@dataclass(frozen=True, slots=True)
class Kept:
    """One workflow of the library. `steps` None: it is not valid with the node types that are installed."""

    name: str
    saved: datetime
    examined: Examination

    @property
    def steps(self) -> int | None:
        graph = self.examined.graph
        return len(graph.steps) if graph is not None and self.examined.valid else None

    @property
    def inputs(self) -> list[str]:
        graph = self.examined.graph
        return sorted(graph.inputs or ()) if graph is not None else []

    @property
    def description(self) -> str:
        return described(self.examined.document)

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "name": self.name,
            "description": self.description,
            "steps": self.steps,
            "inputs": list[JsonValue](self.inputs),
            "saved": self.saved.isoformat(),
            "file": str(place_of(self.name)),
        }


@app.command("list")
def list_(json: Json = False) -> int:
    """Print the workflows that `plait plan --save NAME` has kept."""
    registry = installed_types()
    kept = [_kept(name, registry) for name in names()]
    if json:
        put_json([each.to_json() for each in kept])
    elif kept:
        put(table([("name", "steps", "inputs", "saved", "description"), *map(_row, kept)]))
    else:
        say(f"no workflow has been kept in {library()} yet; plait plan REQUEST --save NAME keeps one")
    return 0


def _kept(name: str, registry: Registry) -> Kept:
    saved = datetime.fromtimestamp(place_of(name).stat().st_mtime, UTC)
    return Kept(name, saved, examine_named(str(place_of(name)), registry))


def _row(kept: Kept) -> tuple[str, ...]:
    said = kept.description
    short = said if len(said) <= WIDEST else f"{said[: WIDEST - 1]}…"
    steps = "not valid" if kept.steps is None else str(kept.steps)
    return kept.name, steps, ", ".join(kept.inputs), f"{kept.saved.astimezone():%Y-%m-%d %H:%M}", short
