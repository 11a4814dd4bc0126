"""The pictures of a graph by their names; a view is imported when it is first drawn."""

from __future__ import annotations

from importlib import import_module
from typing import Literal, cast

from runtime.graph import Graph

Form = Literal["ascii", "mermaid", "dot", "svg"]


def draw(graph: Graph, form: Form) -> str:
    """The graph as text of that form. Raises ValueError for a graph that goes in a circle."""
    view = import_module(f"runtime.views.{form}")  # only the one that is asked for: a run needs none
    return cast("str", view.render(graph))
