"""What a search prints while it goes on."""

from collections.abc import Mapping

from lab.reports import formatting
from lab.reports.tables import Table
from lab.specs import TunedSpec
from lab.tuning.plan import Asked
from lab.tuning.trials import Round, Trial


def opening(number: int, asked: Mapping[str, Asked]) -> str:
    """Before a round is trained."""
    told = [
        f"{name}: {len(one.trials)} trials of {one.repeats} members, rates "
        f"{min(trial.rate for trial in one.trials):g} to "
        f"{max(trial.rate for trial in one.trials):g}"
        for name, one in asked.items()
    ]
    return f"\nSearch, round {number}; {'; '.join(told)}"


def round_lines(name: str, found: Round) -> str:
    """A table of a cohort's trials."""
    rows = tuple(
        (
            one.trial.label,
            formatting.count(one.criterion),
            f"{one.reached} of {one.members}",
            formatting.count(one.diverged),
        )
        for one in found.results
    )
    header = ("rate", "mean steps, never as the budget", "reached", "diverged")
    return f"{name}\n{Table((name, *header[1:]), rows, frozenset(range(4))).text('  ')}"


def choice_line(name: str, trial: Trial, tuned: TunedSpec) -> str:
    """What the search of a cohort came to."""
    if tuned.source not in (None, name):
        held = "no neighbour is better" if tuned.complete else "a neighbour is better, or the end"
        return f"{name}: rate {trial.label}, transferred from {tuned.source}; {held}"
    where = "inside" if tuned.complete else "NOT told apart from an end of"
    return (
        f"{name}: rate {trial.label}, the best of {tuned.trials} trials, {where} the range "
        f"{tuned.lowest:g} to {tuned.highest:g}"
    )
