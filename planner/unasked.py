"""A file that nobody asked for is not written: small models like to save what they were only asked to say. Pure.

Left out is a last step that saves a text under a name of the model's own, where the request speaks of no saving. The
text stays an output of the workflow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from planner.entries import inner_of
from planner.request import Request
from runtime.issues import JsonValue
from runtime.references import references_in

_SAVES = re.compile(
    r"\b(sav|stor|keep|export|file|output|put|log|record|append|report to|document|dump|backup|speicher|schreib|datei"
    r"|ableg|guard|archiv|escrib|enregistr|fichier|écri|salv|scriv|grav)|\bwrit\w*\b[^.;]*\b(to|in|into|as)\b|[^\x00-\u024f]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Asked:
    value: JsonValue
    notes: tuple[str, ...]


def without_unasked(value: JsonValue, request: Request) -> Asked:
    """The workflow without the steps that save what the request wants to be saved nowhere; as it was if none is."""
    entries = value.get("pipeline") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(entries, list) or _SAVES.search(request.text):
        return Asked(value, ())
    used = {path.head for reference in references_in(entries) for path in reference.paths}
    dropped: list[str] = []
    kept = _kept(entries, request.text.casefold(), used, dropped)
    if not kept or not dropped:
        return Asked(value, ())
    notes = tuple(f"left out '{each}': the request saves nothing" for each in dropped)
    return Asked({**value, "pipeline": kept}, notes)


def _kept(entries: list[JsonValue], text: str, used: set[str], dropped: list[str]) -> list[JsonValue]:
    kept: list[JsonValue] = []
    for entry in entries:
        if (inner := inner_of(entry)) and isinstance(entry, dict):
            key, parts = inner
            if left := _kept(parts, text, used, dropped):
                kept.append({**entry, key: left})
        elif _is_unasked(entry, text, used):
            dropped.append(str(entry["id"]) if isinstance(entry, dict) else "")
        else:
            kept.append(entry)
    return kept


def _is_unasked(entry: JsonValue, text: str, used: set[str]) -> bool:
    """Whether a step is a plain write of a file whose name is not in the text, and nothing needs it."""
    if not isinstance(entry, dict) or entry.get("type") not in ("write_file", "write-file") or "next" in entry:
        return False
    params, name = entry.get("params"), entry.get("id")
    path = params.get("path") if isinstance(params, dict) else None
    if not isinstance(path, str) or "${" in path or not isinstance(name, str) or name in used:
        return False
    return path.rpartition("/")[2].casefold() not in text
