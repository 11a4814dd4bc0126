"""Templates to pages of HTML that need nothing else: no network, no fonts, no scripts but their own.

A page may run the one script and use the one style that it was made with, and says so to the browser. All else in it
comes from outside: it is escaped, and cleared of what a browser would obey.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined

from evals.report import words
from evals.report.figures import LESS_IS_BETTER, Figure
from evals.report.pictures import written
from evals.report.tables import base_words, cost_words, figure_words, interval_words

PLOT = 100  # the width of the line from 0 to 1


def rendered(template: str, script: str = "", **values: object) -> str:
    """The page that a template makes of values, with `script` the only one that it may run."""
    style = part("page.css")
    page = _environment().get_template(template)
    return page.render(style=style, script=script, policy=_policy(style, script), **values)


def part(name: str) -> str:
    """A file that pages are made of."""
    return (files("evals.report") / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """What the browser is told to allow."""
    known = {"style-src": style} | ({"script-src": script} if script else {})
    hashes = (f"{key} 'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for key, text in known.items())
    return "; ".join(["default-src 'none'", "img-src data:", *hashes, "base-uri 'none'", "form-action 'none'"])


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FunctionLoader(part),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_harmless,
    )
    made.globals.update(
        plot=plot,
        figure_words=figure_words,
        interval_words=interval_words,
        base_words=base_words,
        cost_words=cost_words,
        dollars=words.dollars,
        written=written,
        counted=words.counted,
        percent=words.percent,
        number=words.number,
    )
    return made


def _harmless(value: object) -> object:
    """Of whatever stands in the page: text that a browser shows as it stands."""
    return words.readable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def plot(name: str, figure: Figure) -> tuple[float, float, float] | None:
    """Where the value and the ends of its interval stand on a line from nothing to perfect; None if it has no place."""
    if figure.interval is None or name in LESS_IS_BETTER or not 0 <= figure.value <= 1:
        return None
    low, high = (min(max(end, 0.0), 1.0) for end in figure.interval)
    return round(low * PLOT, 1), round(figure.value * PLOT, 1), round(high * PLOT, 1)
