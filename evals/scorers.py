"""Small pure functions from a case and what is known of how it went to what was found. `score` asks all of them.

A bool is an assertion, a number a score, a string a label; None: a case has nothing for this scorer to see. Where a
case has a gold graph and no workflow was accepted, the scores of the graph are 0: what was not delivered is not left
out of a mean. The built-in scorers come through the same entry points (group `plait.scorers`) as anyone else's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache, wraps
from importlib.metadata import entry_points
from typing import NamedTuple

from evals.dataset import Case
from evals.results import Score
from evals.structure import Alignment, Pair, Structure, align, is_right, of_gold, of_graph, right_params
from evals.subject import Finding, Scorer, Subject
from runtime import Unavailable

GROUP = "plait.scorers"
NOT_APPLICABLE = Finding(None)
NOTHING_ACCEPTED = "no workflow was accepted"


class Scores(NamedTuple):
    """What the scorers found: each score by its name, and of those that are not perfect what is missing, in words."""

    scores: dict[str, Score]
    why: dict[str, str]


def score(case: Case, subject: Subject, scorers: Mapping[str, Scorer] | None = None) -> Scores:
    """Every score that applies to a case, by name. A scorer that raises has no score, and `why` says so."""
    found = {name: _asked(scorer, case, subject) for name, scorer in (scorers or installed_scorers()).items()}
    return Scores(
        {name: each.value for name, each in found.items() if each.value is not None},
        {name: each.why for name, each in found.items() if each.why},
    )


def _asked(scorer: Scorer, case: Case, subject: Subject) -> Finding:
    try:
        found = scorer(case, subject)
    except Exception as error:  # noqa: BLE001  # anybody's scorer may raise anything, and one must not end an eval
        return Finding(None, f"the scorer failed ({type(error).__name__}: {error})")
    return found if isinstance(found, Finding) else Finding(found)


@cache
def installed_scorers() -> dict[str, Scorer]:
    """The scorers of every installed package that offers some, by name. Raises Unavailable for one that cannot load."""
    found: dict[str, Scorer] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            found[point.name] = point.load()
        except Exception as error:  # anybody's module may raise anything when it is imported
            what = f"the scorer '{point.name}' ({point.value}) cannot be loaded ({type(error).__name__}: {error})"
            raise Unavailable(f"{what}; mend or remove the package that offers it") from error
    return found


# --- planning --------------------------------------------------------------------------------------------------------


def valid_first(case: Case, subject: Subject) -> Finding:
    """Whether the first answer was accepted. A case that took a repair has not failed for that."""
    if not subject.attempts:
        return NOT_APPLICABLE
    first = subject.attempts[0]
    return Finding(first.accepted, "" if first.accepted else "; ".join(str(issue) for issue in first.issues))


def valid(case: Case, subject: Subject) -> Finding:
    """Whether an answer was accepted within the budget."""
    if not subject.attempts:
        return NOT_APPLICABLE
    return Finding(
        subject.accepted, "" if subject.accepted else f"{NOTHING_ACCEPTED}, attempts: {len(subject.attempts)}"
    )


def repaired(case: Case, subject: Subject) -> Finding:
    """Of a case whose first answer was refused: whether a later one was accepted within the budget."""
    if not subject.attempts or subject.attempts[0].accepted:
        return NOT_APPLICABLE
    return valid(case, subject)


def repairs(case: Case, subject: Subject) -> float | None:
    """How many further answers it took."""
    return float(len(subject.attempts) - 1) if subject.attempts else None


def tokens(case: Case, subject: Subject) -> float | None:
    """Tokens of all prompts and answers."""
    return float(subject.usage.prompt_tokens + subject.usage.completion_tokens) if subject.attempts else None


def cost(case: Case, subject: Subject) -> float | None:
    """US dollars; unknown is no score."""
    return subject.cost_usd


def seconds(case: Case, subject: Subject) -> float:
    """The model's seconds, or a mere run's."""
    return subject.seconds


# --- the graph against the gold graph --------------------------------------------------------------------------------


def f1(common: int, found: int, right: int) -> float | None:
    """The harmonic mean of precision and recall, 2·common / (found + right). van Rijsbergen (1979).

    None where there is nothing to find and nothing was found; 0 where something was found that is not there.
    """
    return 2 * common / (found + right) if found + right else None


def against_gold(compare: Callable[[Alignment], Finding]) -> Scorer:
    """A scorer of the aligned graphs, for cases that have a gold graph."""

    @wraps(compare)
    def scorer(case: Case, subject: Subject) -> Finding:
        if case.expect.gold is None:
            return NOT_APPLICABLE
        gold = of_gold(case.expect.gold)
        if subject.graph is None:
            blank = compare(align(Structure((), (), frozenset()), gold))
            return NOT_APPLICABLE if blank.value is None else Finding(0.0, NOTHING_ACCEPTED)
        return compare(align(of_graph(subject.graph), gold))

    return scorer


@against_gold
def node_f1(both: Alignment) -> Finding:
    """F1 of the steps' types as multisets. TaskBench (Shen et al. 2023) compares the names of tools so."""
    found, right = Counter(both.found.kinds), Counter(both.gold.kinds)
    words = [*_counted("missing", right - found), *_counted("not needed", found - right)]
    return Finding(f1((found & right).total(), found.total(), right.total()), "; ".join(words))


def _counted(what: str, kinds: Counter[str]) -> list[str]:
    return [f"{what}: {', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}"] if kinds else []


@against_gold
def edge_f1(both: Alignment) -> Finding:
    """F1 of the waits that no others imply (the transitive reduction of both graphs), between paired steps."""
    return _of_pairs(both, lambda each: each.waits, both.waits, "->")


@against_gold
def order_f1(both: Alignment) -> Finding:
    """F1 of all ordered pairs: the first always ends before the second starts."""
    return _of_pairs(both, lambda each: each.before, both.before, "before")


@against_gold
def parallel_f1(both: Alignment) -> Finding:
    """F1 of the pairs that do not wait for each other. To be read together with `dependencies`."""
    return _of_pairs(both, lambda each: each.beside, both.beside, "beside")


def _of_pairs(both: Alignment, pairs: Callable[[Structure], frozenset[Pair]], common: set[Pair], word: str) -> Finding:
    found, gold = pairs(both.found), pairs(both.gold)
    right = {(both.pairing[a], both.pairing[b]) for a, b in common}
    words = [*_named("missing", gold - common, both.gold, word), *_named("not needed", found - right, both.found, word)]
    return Finding(f1(len(common), len(found), len(gold)), "; ".join(words))


def _named(what: str, pairs: Iterable[Pair], structure: Structure, word: str) -> list[str]:
    """Pairs in words, by their types; of a pair that is there both ways, one."""
    kinds, given = structure.kinds, set(pairs)
    once = sorted((a, b) for a, b in given if a < b or (b, a) not in given)
    return [f"{what}: {', '.join(f'{kinds[a]} {word} {kinds[b]}' for a, b in once)}"] if once else []


@against_gold
def dependencies(both: Alignment) -> Finding:
    """The share of the gold graph's ordered pairs that the answer orders too; without both steps it does not."""
    gold = both.gold.before
    share = len(both.before) / len(gold) if gold else None
    return Finding(share, "; ".join(_named("missing", gold - both.before, both.gold, "before")))


@against_gold
def speedup(both: Alignment) -> Finding:
    """The ideal speed-up over one step at a time, against that of the gold graph; all steps take equally long.

    Below 1 the answer waits more than needed; above 1 it has dropped a wait, or done the same with more steps.
    """
    if not both.gold.kinds:
        return NOT_APPLICABLE
    if not both.found.kinds:
        return Finding(0.0)
    ideal, reached = (len(each.kinds) / each.levels for each in (both.gold, both.found))
    return Finding(reached / ideal, "" if reached >= ideal else f"{reached:.2f} times instead of {ideal:.2f}")


@against_gold
def arguments(both: Alignment) -> Finding:
    """The share of the gold params that are right, those of missing steps included."""
    total = sum(map(len, both.gold.params))
    right = sum(right_params(both.gold.params[a], both.found.params[b]) for a, b in both.pairing.items())
    wrong = [
        f"{both.gold.kinds[a]}.{name}"
        for a, params in enumerate(both.gold.params)
        for name, allowed in params.items()
        if a not in both.pairing or not is_right(name, allowed, both.found.params[both.pairing[a]])
    ]
    return Finding(right / total if total else None, f"not as expected: {', '.join(wrong)}" if wrong else "")
