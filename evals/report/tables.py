"""A report as rows of text, for whatever shows them: each cell of the matrix a row, each score a column. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evals.report.figures import OF_COST, Cell, Figure, cells, in_order, score_names, scores_of
from evals.report.words import UNKNOWN, counted, dollars, number, percent, readable
from evals.results import Outcome, Report, Score

NONE = "–"  # a score that does not apply


@dataclass(frozen=True, slots=True)
class Table:
    """`head` names the columns; every row is as long as it."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Failing:
    """A case that did not pass or could not be judged, and why, in words. `where`: model, variant, epoch."""

    case: str
    where: str
    verdict: str
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """A table for each suite, and what did not pass."""

    tables: tuple[Table, ...]
    failing: tuple[Failing, ...]


def table(report: Report) -> Summary:
    """What a report comes to."""
    found = cells(report)
    suites = dict.fromkeys(cell.column.suite for cell in found)
    tables = [_of_suite(suite, [cell for cell in found if cell.column.suite == suite]) for suite in suites]
    return Summary(tuple(tables), tuple(_failing(report)))


def _of_suite(suite: str, found: Sequence[Cell]) -> Table:
    names = score_names(found)
    head = ("model", "variant", "cases", "errors", *map(readable, names), "tokens read", "written", "cost", "seconds")
    return Table(readable(suite), head, tuple(_row(cell, names) for cell in found))


def _row(cell: Cell, names: Sequence[str]) -> tuple[str, ...]:
    tried = len(cell.outcomes)
    return (
        readable(cell.column.model),
        readable(cell.column.variant),
        str(cell.cases) if tried == cell.cases else f"{cell.cases} ({tried} tries)",
        str(cell.errors),
        *(figure_words(cell.figures.get(name), tried - cell.errors) for name in names),
        f"{cell.usage.prompt_tokens:,}",
        f"{cell.usage.completion_tokens:,}",
        cost_words(cell),
        f"{cell.seconds:.1f}",
    )


def figure_words(figure: Figure | None, judged: int) -> str:
    """A value with its interval, and what it is of."""
    if figure is None:
        return NONE
    if figure.kind == "labels":
        return ", ".join(f"{readable(label)} {count}" for label, count in figure.labels.items())
    said = percent(figure.value) if figure.kind == "rate" else number(figure.value)
    return " ".join(filter(None, (said, interval_words(figure), base_words(figure, judged))))


def base_words(figure: Figure, judged: int) -> str:
    """How many outcomes a figure is of, where not all that could be judged have it; of a rate also how many met it."""
    if figure.count == judged:
        return ""
    return f"({figure.met} of {figure.count})" if figure.kind == "rate" else f"(of {figure.count})"


def interval_words(figure: Figure) -> str:
    """`[55–91]` of a rate, in per cent; `[0.62–0.93]` of a mean; nothing where there is none."""
    if figure.interval is None:
        return ""
    low, high = figure.interval
    if figure.kind == "rate":
        return f"[{low * 100:.0f}–{high * 100:.0f}]"
    return f"[{number(low)}–{number(high)}]"


def cost_words(cell: Cell) -> str:
    """The sum of what is known, and of how many outcomes it is not."""
    if not cell.unknown_costs:
        return dollars(cell.cost_usd)
    if cell.unknown_costs == len(cell.outcomes):
        return UNKNOWN
    return f"{dollars(cell.cost_usd)} + {cell.unknown_costs} {UNKNOWN}"


# --- what did not pass -----------------------------------------------------------------------------------------------


def _failing(report: Report) -> Iterator[Failing]:
    several = len({(each.suite, each.model, each.variant) for each in report.outcomes}) > 1
    epochs = len({each.epoch for each in report.outcomes}) > 1
    for each in report.outcomes:
        if not each.passed:
            where = [each.suite, each.model, each.variant] if several else []
            where += [f"epoch {each.epoch}"] if epochs else []
            yield Failing(
                readable(each.case), readable(", ".join(where)), verdict(each), tuple(map(readable, reasons(each)))
            )


def verdict(outcome: Outcome) -> str:
    """In one word."""
    return "error" if outcome.passed is None else "passed" if outcome.passed else "failed"


def reasons(outcome: Outcome) -> Iterator[str]:
    """Why an outcome is no pass; the words of scores that are merely not perfect are not among them."""
    if outcome.error:
        yield outcome.error
    if outcome.status == "not_accepted":
        yield f"no workflow accepted in {counted(len(outcome.attempts), 'attempt')}{_strategies(outcome)}"
        yield from _last_issues(outcome)
    elif outcome.status == "accepted":
        for name in outcome.broken:
            yield f"{name}: {outcome.why.get(name, 'not met')}"


def _last_issues(outcome: Outcome) -> Iterator[str]:
    """What was wrong with the last answer."""
    for issue in outcome.attempts[-1].issues if outcome.attempts else ():
        if issue.get("severity") != "warning":
            yield f"{issue.get('path') or '/'}: {issue.get('message')}"


# --- case by case ----------------------------------------------------------------------------------------------------


def by_case(report: Report) -> Table:
    """A row for each outcome."""
    names = in_order(name for each in report.outcomes for name in each.scores)
    shown = [name for name in names if name not in OF_COST]
    head = (
        "suite",
        "case",
        "epoch",
        "model",
        "variant",
        "verdict",
        "attempts",
        *map(readable, shown),
        "tokens",
        "cost",
        "seconds",
    )
    return _without_sameness(Table("cases", head, tuple(_case_row(each, shown) for each in report.outcomes)))


def _case_row(outcome: Outcome, names: Sequence[str]) -> tuple[str, ...]:
    scores, used = scores_of(outcome), outcome.usage
    return (
        readable(outcome.suite),
        readable(outcome.case),
        str(outcome.epoch),
        readable(outcome.model),
        readable(outcome.variant),
        verdict(outcome),
        f"{len(outcome.attempts)}{_strategies(outcome)}",
        *(score_words(scores.get(name)) for name in names),
        f"{used.prompt_tokens + used.completion_tokens:,}",
        dollars(outcome.cost_usd),
        f"{outcome.seconds:.1f}",
    )


def _strategies(outcome: Outcome) -> str:
    """How the answers after the first were asked for, in brackets."""
    named = [readable(each.strategy) for each in outcome.attempts if each.strategy is not None]
    return f" ({', '.join(named)})" if named else ""


def score_words(value: Score | None) -> str:
    match value:
        case None:
            return NONE
        case bool():
            return "yes" if value else "no"
        case str():
            return readable(value)
        case _:
            return f"{value:,.0f}" if float(value).is_integer() else number(value)


def _without_sameness(whole: Table) -> Table:
    """The table less the leading columns that say the same in every row; the case is always said."""
    kept = [
        at
        for at, name in enumerate(whole.head)
        if name not in {"suite", "epoch", "model", "variant"} or len({row[at] for row in whole.rows}) > 1
    ]
    rows = tuple(tuple(row[at] for at in kept) for row in whole.rows)
    return Table(whole.title, tuple(whole.head[at] for at in kept), rows)
