"""The list of commands. A command's module is imported when that command is called, completed or asked for its help;
`plait --help` reads the names and lines here and imports none.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

if TYPE_CHECKING:
    from typer._click import Context  # typer has no public name for the class that it hands to its commands

COMMANDS = {
    "plan": "A request in plain words to an accepted workflow.",
    "run": "Run a workflow.",
    "list": "The workflows that were kept by name.",
    "runs": "The runs that were kept, the newest first.",
    "show": "One run: its steps, errors and outputs.",
    "approvals": "What was approved, and for which workflow.",
    "validate": "All issues of one or many documents.",
    "graph": "The graph of a workflow, its critical path marked.",
    "convert": "One form of a workflow to the other: pipeline, graph.",
    "nodes": "The node types: params, outputs, capabilities.",
    "cassettes": "Recordings of evals: check, prune, record.",
    "schema": "JSON Schema of the workflow language, for editors.",
    "eval": "Suites of requests, planned and scored.",
    "model": "The embedded model: list, pull, serve.",
    "doctor": "What is set up and what is missing, each with its mend.",
}


def new_app(*, completion: bool = False, about: str | None = None) -> typer.Typer:
    """A Typer in the house's manner: plain help, and no tracebacks of its own."""
    return typer.Typer(
        add_completion=completion,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        help=about,
    )


class Deferred(TyperCommand):
    """A command of which only name and help are known yet; the one it stands for takes its arguments."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Context | None = None, **extra: object
    ) -> Context:
        command = get_command(import_module(f"plait.commands.{self.name}").app)
        return command.make_context(info_name, args, parent, **extra)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version  # noqa: PLC0415  # no other call needs it

        typer.echo(f"plait {version('plait')}")
        raise typer.Exit


def application() -> TyperGroup:
    """The whole command line."""
    app = new_app(completion=True)

    @app.callback()
    def plait(
        version: Annotated[
            bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")
        ] = False,
        debug: Annotated[bool, typer.Option("--debug", help="Show a Python traceback for an error.")] = False,
    ) -> None:
        """From a sentence to a running parallel workflow."""

    group = cast("TyperGroup", get_command(app))
    group.commands.update({name: Deferred(name, help=line, rich_markup_mode=None) for name, line in COMMANDS.items()})
    return group
