"""The command line's outermost layer: every error becomes one clear message and an exit code, never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from plait.application import application
from plait.display import say

INTERRUPTED, FAILED = 130, 1


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code. With `--debug` an error is raised as it came."""
    arguments, debug = _without_debug(sys.argv[1:] if argv is None else argv)
    try:
        code = application().main(args=arguments or ["--help"], prog_name="plait", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to flush has no reader either
        return FAILED
    except (KeyboardInterrupt, typer.Abort):
        say("interrupted")
        return INTERRUPTED
    except Exception as error:  # the last door: whatever comes here is told in a sentence
        if debug:
            raise
        return _told(error)


def _without_debug(argv: Sequence[str]) -> tuple[list[str], bool]:
    """The arguments less `--debug`, which may stand anywhere before a `--`."""
    end = argv.index("--") if "--" in argv else len(argv)
    kept = [argument for argument in argv[:end] if argument != "--debug"]
    return [*kept, *argv[end:]], len(kept) < end


def _told(error: Exception) -> int:
    from plait.problems import message_of  # noqa: PLC0415  # most calls have no use for what it imports

    message, code = message_of(error)
    say(message)
    return code


if __name__ == "__main__":
    sys.exit(main())
