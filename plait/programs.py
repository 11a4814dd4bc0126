"""Programs that shell steps run and this machine does not have: for what no node type can do, a model makes one up.

Only the first word of a command is looked at, and only a plain one. It is told and refuses nothing: a workflow may be
planned here and run elsewhere.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator

from runtime.graph import Graph

_FIRST = re.compile(r"\s*([A-Za-z][\w.+-]*)(?=\s|$)")
_WORDS_OF_THE_SHELL = """
alias bg break case cd command continue echo eval exec exit export false fg for getopts hash if jobs kill printf pwd
read readonly return set shift test time times trap true type ulimit umask unalias unset until wait while
"""
_OF_THE_SHELL = frozenset(_WORDS_OF_THE_SHELL.split())


def missing_programs(graph: Graph, find: Callable[[str], object] = shutil.which) -> Iterator[str]:
    """One sentence for each step that runs a program which `find` does not find."""
    for step in graph.steps:
        command = step.params.get("command") if step.type == "shell" else None
        first = _FIRST.match(command) if isinstance(command, str) else None
        if first and first[1] not in _OF_THE_SHELL and find(first[1]) is None:
            yield f"'{step.id}' runs '{first[1]}', and this machine has no program of that name; see if there is one"
