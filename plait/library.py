"""Workflows kept by name: one JSON file each, in the folder of PLAIT_LIBRARY or else the user's own."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from runtime.issues import JsonValue

SUFFIX = ".json"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")


def library(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of the kept workflows."""
    if named := environ.get("PLAIT_LIBRARY"):
        return Path(named).expanduser()
    import platformdirs  # noqa: PLC0415  # who names a folder does without

    return platformdirs.user_data_path("plait") / "workflows"


def is_name(text: str) -> bool:
    """Whether a workflow can be kept under it: letters, digits, `_` and `-`, so that it is never taken for a path."""
    return bool(_NAME.fullmatch(text))


def place_of(name: str) -> Path:
    return library() / f"{name}{SUFFIX}"


def names() -> list[str]:
    """The names of all kept workflows, sorted."""
    return sorted(path.stem for path in library().glob(f"*{SUFFIX}") if is_name(path.stem))


def found(name: str) -> Path | None:
    """The file of a kept workflow; None where there is none."""
    place = place_of(name)
    return place if is_name(name) and place.is_file() else None


def described(document: JsonValue) -> str:
    """What a workflow says of itself, on one line."""
    said = document.get("description") if isinstance(document, dict) else None
    return " ".join(str(said or "").split())
