"""Searches in words and tables: while they go on, and after the verdict."""

from collections.abc import Mapping
from typing import Any

from lab.quantities import flops
from lab.reports import formatting
from lab.reports.tables import Document, Table, csv_text
from lab.specs import TunedSpec
from lab.tuning.plan import Asked
from lab.tuning.trials import Round, Trial, pooled
from lab.words import Hyperparameter

_TRIAL_FIELDS = ("criterion", "members", "reached", "diverged")


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
        for one in pooled([found])
    )
    header = ("rate", "mean steps, never as its own budget", "reached", "diverged")
    return f"{name}\n{Table(header, rows, frozenset(range(4))).text('  ')}"


def choice_line(name: str, trial: Trial, tuned: TunedSpec) -> str:
    """What the search of a cohort came to."""
    if tuned.source not in (None, name):
        held = (
            "no neighbour is clearly better, and one is clearly worse"
            if tuned.complete
            else "NOT shown to hold: its neighbours cannot be told from it, one is clearly better, "
            f"nobody arrives, or the search of {tuned.source} did not end inside its range"
        )
        return f"{name}: rate {trial.label}, transferred from {tuned.source}; {held}"
    where = "inside" if tuned.complete else "NOT told apart from an end of"
    return (
        f"{name}: rate {trial.label}, the best of {tuned.trials} trials, {where} the range "
        f"{tuned.lowest:g} to {tuned.highest:g}"
    )


def table(document: Document) -> Table:
    """A row a cohort: what was chosen, of which trials, and what that took."""
    header = ("cohort", "rate", "trials", "tried", "best inside", "search", "mean steps", "in all")
    rows = tuple(
        (
            str(one["cohort"]),
            _chosen(one),
            formatting.count(one["asked"]),
            f"{one['lowest']:g} to {one['highest']:g}",
            _inside(one),
            flops(one["flops"]),
            formatting.count(one["converges_in"]),
            formatting.NONE if one["total_flops"] is None else flops(one["total_flops"]),
        )
        for one in document["tuning"]
    )
    return Table(header, rows, frozenset({1, 2, 5, 6, 7}))


_READING = (
    "Rates were found on members apart from those above, by the mean number of steps to the "
    "target, never counting as the budget of the cohort itself. trials: one that was given members "
    "again counts anew. search: FLOPs of all members of the search. mean steps: of the members "
    "above, never as the cohort's own budget, so that it compares no cohorts of unequal budgets. "
    "in all: FLOPs of the search and of those mean steps of one member; of a transferred rate with "
    "the search that it is from."
)


def explained(document: Document) -> list[str]:
    """How to read the table, and for each pair of cohorts who is ahead at how many trials."""
    if not document.get("tuning"):
        return []
    return [_READING, *map(_best_of, document.get("best_of", ()))]


def _best_of(one: Mapping[str, Any]) -> str:
    names = f"{one['smaller']} and {one['larger']}"
    how = "Expected steps of the best among n trials, ranked by one half of each trial's members "
    how += f"and scored by the other, never as {_never(one)}, {names}: "
    if one["ahead"] is not None:
        return f"{how}{one['ahead']} is ahead for every tuning budget up to {one['trials']}."
    if not one["lead_changes"]:
        return f"{how}no budget up to {one['trials']} turns the lead, but at some they are level."
    turns = formatting.joined([str(drawn) for drawn in one["lead_changes"]])
    return f"{how}the lead changes at {turns} of {one['trials']} trials."


def _never(one: Mapping[str, Any]) -> str:
    """Verdicts of before the horizon was common have none."""
    horizon = one.get("horizon")
    if horizon is None:
        return "each cohort's own budget"
    return f"the common budget of {formatting.count(horizon)} steps"


def tuning_csv(document: Document) -> str:
    """A row a trial of each cohort, unrounded."""
    beside = list(
        dict.fromkeys(
            setting["hyperparameter"]
            for one in document["tuning"]
            for trial in one["trials"]
            for setting in trial["beside"]
        )
    )
    header = ["cohort", "rate", *beside, *_TRIAL_FIELDS, "chosen"]
    rows = []
    for one in document["tuning"]:
        for trial in one["trials"]:
            values = {each["hyperparameter"]: each["value"] for each in trial["beside"]}
            rows.append(
                [
                    one["cohort"],
                    trial["rate"],
                    *(values.get(name) for name in beside),
                    *(trial[field] for field in _TRIAL_FIELDS),
                    is_chosen(one, trial),
                ]
            )
    return csv_text(header, rows)


def is_chosen(one: Mapping[str, Any], trial: Mapping[str, Any]) -> bool:
    """Whether it is the trial that the cohort was measured with."""
    return bool(trial["rate"] == one["rate"] and trial["beside"] == one["beside"])


def _chosen(one: Mapping[str, Any]) -> str:
    told = [f"{one['rate']:g}"]
    told += [
        f"{Hyperparameter(each['hyperparameter']).label} {each['value']:g}"
        for each in one["beside"]
    ]
    return ", ".join(told)


def _inside(one: Mapping[str, Any]) -> str:
    if one["source"] not in (None, one["cohort"]):
        held = "transfer holds" if one["complete"] else "transfer not shown"
        return f"{held} ({one['source']})"
    return "yes" if one["complete"] else "not shown"
