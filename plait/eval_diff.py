"""A comparison of two reports as text and as JSON: the figures, the verdicts, and the cases that flipped."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import indent

from evals.comparing import Change, Comparison, Pair, Place, Side
from evals.making import Aspect
from evals.report.diff_tables import changes_table, grounds, makings
from evals.report.pictures import difference, outline
from evals.report.tables import reasons, verdict
from evals.report.words import counted, readable
from evals.results import Outcome
from plait.eval_report import table_text
from runtime.issues import JsonValue

MOST_LINES = 60  # of one case's diff


def comparison_text(found: Comparison, room: int) -> str:
    parts = [
        _sides(found),
        table_text(changes_table(found), room) if found.changes else "no score is in both",
        f"over all: {found.verdict} ({grounds(found)})",
        *(_flipped(pair) for pair in found.flipped),
        *_apart(found),
    ]
    return "\n\n".join(filter(None, parts))


def _sides(found: Comparison) -> str:
    cases = len({pair.place[:2] for pair in found.pairs})
    lines = [
        *(f"{letter}  {_named(side)}" for letter, side in (("A", found.before), ("B", found.after))),
        f"{counted(len(found.pairs), 'pair')} of {counted(cases, 'case')}",
    ]
    if made := makings(found):
        lines.append(f"made with {made}")
    return "\n".join(lines)


def _named(side: Side) -> str:
    return readable(f"{side.name}: {side.model}, {side.variant}")


# --- cases -----------------------------------------------------------------------------------------------------------


def _flipped(pair: Pair) -> str:
    """What a case was and what it became: reasons, both graphs, and the difference of the documents."""
    now = "passes now" if pair.flip == "better" else "no longer passes"
    lines = [f"{_place(pair.place)}: {now}"]
    for letter, outcome in (("A", pair.before), ("B", pair.after)):
        lines.append(f"  {letter} {verdict(outcome)}")
        lines += [f"    {readable(reason)}" for reason in reasons(outcome) if not outcome.passed]
        lines.append(indent(outline(outcome.workflow) or "(no workflow)", "    ").rstrip())
    lines.append(indent(_diff(pair), "  "))
    return "\n".join(filter(None, lines))


def _diff(pair: Pair) -> str:
    lines = difference(pair.before.workflow, pair.after.workflow, ("A", "B")).splitlines()
    more = [f"… and {len(lines) - MOST_LINES} more lines"] if len(lines) > MOST_LINES else []
    return "\n".join([*lines[:MOST_LINES], *more])


def _place(place: Place) -> str:
    return readable(f"{place.suite}/{place.case}" + (f", epoch {place.epoch}" if place.epoch != 1 else ""))


def _apart(found: Comparison) -> Iterator[str]:
    """What could not be compared."""
    for told, places in (
        ("could not be judged in both, so in no figure", [pair.place for pair in found.unjudged]),
        ("only in A", found.only_before),
        ("only in B", found.only_after),
    ):
        if places:
            yield f"{told}:\n" + "\n".join(f"  {_place(place)}" for place in places)


# --- JSON ------------------------------------------------------------------------------------------------------------


def comparison_json(found: Comparison) -> dict[str, JsonValue]:
    return {
        "a": _side_json(found.before),
        "b": _side_json(found.after),
        "made_with": [_aspect_json(each) for each in found.made_with],
        "pairs": len(found.pairs),
        "verdict": found.verdict,
        "scores": [_change_json(each) for each in found.changes],
        "flipped": [_flip_json(pair) for pair in found.flipped],
        "unjudged": [_place_json(pair.place) for pair in found.unjudged],
        "only_a": [_place_json(place) for place in found.only_before],
        "only_b": [_place_json(place) for place in found.only_after],
    }


def _side_json(side: Side) -> dict[str, JsonValue]:
    return {"file": side.name, "model": side.model, "variant": side.variant, "outcomes": len(side.outcomes)}


def _aspect_json(each: Aspect) -> dict[str, JsonValue]:
    different: list[JsonValue] = [{"name": name, "a": before, "b": after} for name, before, after in each.different]
    return {"aspect": each.name, "same": each.same, "pairs": each.pairs, "different": different}


def _change_json(each: Change) -> dict[str, JsonValue]:
    return {
        "score": each.score,
        "kind": each.kind,
        "pairs": each.pairs,
        "a": each.before,
        "b": each.after,
        "difference": each.difference,
        "interval": list(each.interval),
        "better": each.better,
        "worse": each.worse,
        "p": each.p,
        "verdict": each.verdict,
    }


def _flip_json(pair: Pair) -> dict[str, JsonValue]:
    return {
        **_place_json(pair.place),
        "verdict": pair.flip,
        "a": _outcome_json(pair.before),
        "b": _outcome_json(pair.after),
        "diff": difference(pair.before.workflow, pair.after.workflow, ("A", "B")),
    }


def _place_json(place: Place) -> dict[str, JsonValue]:
    return {"suite": place.suite, "case": place.case, "epoch": place.epoch}


def _outcome_json(outcome: Outcome) -> dict[str, JsonValue]:
    return {"passed": outcome.passed, "why": list(reasons(outcome)), "workflow": outcome.workflow}
