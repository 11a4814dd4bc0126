"""`make run`: the whole line once. A request of one's own, or one whose file, server and grants are brought along.

Not a command of `plait`: it fetches the embedded model when it is not there, then does what `plait plan --run` does.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from plait.__main__ import main as plait
from plait.display import say
from plait.wiring import EMBEDDED, LOCAL, models
from planner.model_download import is_pulled

REQUEST = (
    "At the same time, read notes.txt, fetch the URL given by the input url and count the words of notes.txt with wc. "
    "Then let the model write one short paragraph that combines all three."
)
NOTES = "The garden show opens on Saturday.\nMore than ninety growers bring roses, herbs and old apple trees.\n"
WEATHER = {"place": "the show ground", "day": "Saturday", "sky": "sunny", "degrees_celsius": 21}
GRANTS = ("shell", "network:127.0.0.1")


class Weather(BaseHTTPRequestHandler):
    """A server with one document."""

    def do_GET(self) -> None:
        body = json.dumps(WEATHER).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: what was fetched stands in the run."""


@contextmanager
def weather_server() -> Iterator[str]:
    """The URL of the document, on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Weather)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/weather.json"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def surroundings() -> Iterator[list[str]]:
    """A folder of its own with what the default request speaks of; the options that name the rest."""
    with TemporaryDirectory(prefix="plait-demo-") as folder, chdir(folder), weather_server() as url:
        Path("notes.txt").write_text(NOTES, encoding="utf-8")
        yield ["--input", f"url={url}", *(option for grant in GRANTS for option in ("--allow", grant))]


def main(arguments: list[str]) -> int:
    """Plans and runs the request; without one, the default request with exactly the grants that it needs."""
    chosen = models()
    if not chosen.replays and chosen.model in (LOCAL, EMBEDDED) and not is_pulled():
        say("The embedded model is not there yet; it is fetched once, 1.1 GB.")
        if code := plait(["model", "pull"]):
            return code
    if arguments:
        return plait(["plan", "--run", "--", *arguments])
    say(f'request: "{REQUEST}"')
    say("Its file and its server are made for this run; it is granted " + " and ".join(GRANTS) + ".")
    with surroundings() as options:
        return plait(["plan", "--run", *options, REQUEST])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
