"""The ways to plan that a command line names: those that plait has, and one for each directory of prompts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from evals.variants import SHIPPED, VARIANTS, Variant, of_prompts
from runtime.issues import nearest

ManyVariants = Annotated[
    list[str] | None,
    typer.Option("--variant", metavar="V", help=f"A way to plan: {', '.join(VARIANTS)}. Repeatable."),
]
ManyPrompts = Annotated[
    list[Path] | None,
    typer.Option("--prompts", metavar="DIR", help="A variant with the templates and examples there. Repeatable."),
]


def variants(names: Sequence[str] | None, directories: Sequence[Path] | None) -> tuple[Variant, ...]:
    """Those that are named, then those of directories; else the shipped one. A usage error for what there is not."""
    if unknown := [name for name in names or () if name not in VARIANTS]:
        told = "\n".join(f"there is no variant '{name}'; {nearest(name, VARIANTS)}" for name in unknown)
        raise typer.BadParameter(told, param_hint="--variant")
    return (*(VARIANTS[name] for name in dict.fromkeys(names or ())), *variants_of(directories)) or (SHIPPED,)


def variants_of(directories: Sequence[Path] | None) -> tuple[Variant, ...]:
    """One for each directory. A usage error for two of one name; raises InvalidRequest for what holds no prompts."""
    own = tuple(of_prompts(each) for each in {each.resolve(): each for each in directories or ()}.values())
    counts = Counter([*VARIANTS, *(each.name for each in own)])
    if taken := [name for name, count in counts.items() if count > 1]:
        told = "\n".join(f"there would be two variants '{name}'; give the directory another name" for name in taken)
        raise typer.BadParameter(told, param_hint="--prompts")
    return own
