"""Where the recordings of a case stand: one file for each case, epoch, model and variant. Pure.

ROOT/SUITE/CASE.json                       the embedded model, planned as shipped, epoch 1
ROOT/SUITE/CASE@2.json                     its second epoch
ROOT/SUITE/MODEL@VARIANT/CASE.json         any other model or variant; a slash in the model's name is a plus
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePath
from urllib.parse import quote, unquote

MODEL, VARIANT = "local", "shipped"
SUFFIX = ".json"

_EPOCH = re.compile(r"@([2-9]|[1-9][0-9]+)\Z")
_LEADING_DOT = re.compile(r"\A\.")


@dataclass(frozen=True, slots=True)
class Shelved:
    """What one cassette is of. `model` and `variant` are written as its path has them."""

    suite: str
    case: str
    epoch: int = 1
    model: str = MODEL
    variant: str = VARIANT


def cassette_path(root: Path, suite: str, model: str, variant: str, case: str, epoch: int) -> Path:
    """The file for one trial. The eval runner opens it: `use_cassettes(path.parent, path.stem, mode)`.

    Give the variant whose cassettes answer, where several share theirs. Of a model file only the name counts.
    """
    folder = root / _written(suite)
    if (model, variant) != (MODEL, VARIANT):
        folder /= f"{_written(_without_folder(model))}@{_written(variant)}"
    return folder / f"{_written(case)}{f'@{epoch}' if epoch > 1 else ''}{SUFFIX}"


def shelved(root: PurePath, path: PurePath) -> Shelved | None:
    """What the cassette at a path under the root is of; None if no trial has it there."""
    parts = path.relative_to(root).parts
    if len(parts) not in (2, 3) or path.suffix != SUFFIX:
        return None
    epoch = _EPOCH.search(path.stem)
    case = path.stem[: epoch.start()] if epoch else path.stem
    model, at, variant = parts[1].rpartition("@") if len(parts) == 3 else (MODEL, "@", VARIANT)
    if not at or "@" in case:
        return None
    return Shelved(_read(parts[0]), _read(case), int(epoch[1]) if epoch else 1, _read(model), _read(variant))


def _without_folder(model: str) -> str:
    """`local:/home/me/tiny.gguf` is `local:tiny.gguf`: where a machine keeps its models is nobody else's matter."""
    kind, colon, path = model.partition(":")
    return f"{kind}:{PurePath(path).name}" if colon and kind == MODEL else model


def _written(name: str) -> str:
    return _LEADING_DOT.sub("%2E", quote(name, safe="/").replace("/", "+"))


def _read(written: str) -> str:
    return unquote(written.replace("+", "/"))
