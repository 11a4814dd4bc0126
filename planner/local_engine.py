"""The engine's own process, run as a script: serves one model until its standard input ends. It stands alone because
the engine holds the interpreter lock while it loads, and while it stops waits for requests that then cannot end.

Its one argument is a JSON object of parameters; its answer one line of JSON: `url`, or `error` and `detail`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import TextIO


def main() -> None:
    answers = _private_stdout()
    settings = json.loads(sys.argv[1])
    try:
        server = _started(settings)
    except ModuleNotFoundError as error:
        _answer(answers, error="not_installed", detail=str(error))
    except (ImportError, OSError) as error:
        _answer(answers, error="not_loadable", detail=str(error))
    except RuntimeError as error:
        _answer(answers, error="not_servable", detail=str(error))
    else:
        _answer(answers, url=server.listening_address)
        sys.stdin.buffer.read()
    # The engine's threads are left as they are: stopping them may wait for a request.
    os._exit(0)


class _Server:
    """What is used of the engine's server."""

    listening_address: str


def _started(settings: dict[str, str | int | bool]) -> _Server:
    library = importlib.import_module("xllamacpp")  # here: of the optional extra `local`
    parameters = library.CommonParams()
    parameters.model.path = settings.pop("path")
    parameters.model_alias = {settings.pop("alias")}
    parameters.cpuparams.n_threads = settings.pop("threads")
    parameters.hostnames = [settings.pop("host")]
    for name, value in settings.items():
        setattr(parameters, name, value)
    server: _Server = library.Server(parameters)
    return server


def _private_stdout() -> TextIO:
    # What native code prints goes to standard error; the real standard output carries the answer alone.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _answer(answers: TextIO, **answer: str) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
