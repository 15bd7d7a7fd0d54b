"""A whole finding as a short paragraph."""

from lab.quantities import percent
from lab.specs import TargetSpec
from lab.statistics.quantiles import QuantileTime
from lab.verdicts import timing
from lab.verdicts.decision import QUANTILES, Decision
from lab.verdicts.findings import Finding
from lab.verdicts.language import amount, headline, warning
from lab.verdicts.licence import claim, incomplete
from lab.verdicts.reading import DIRECTED
from lab.verdicts.words import Modifier, Verdict
from lab.words import Rule

_MODIFIERS = {
    Modifier.NEGLIGIBLY: "The difference is real but within the margins of equivalence.",
    Modifier.SMALLER_LESS_RELIABLE: "The smaller net diverged more often: it is less reliable.",
    Modifier.LARGER_LESS_RELIABLE: "The larger net diverged more often: it is less reliable.",
    Modifier.GRID_LIMITED: "The two nets were not evaluated at the same times on this clock, and "
    "the order within one evaluation, which nobody saw, could change the verdict.",
    Modifier.MEANS_GRID_LIMITED: "The ratio of mean times is grid-limited: by times as they were "
    "seen it would exclude 1, but evaluations closer together are needed to be sure.",
    Modifier.SPARSE: "So few members reached it, or so many at one evaluation, that an exact "
    "permutation test must agree before a direction is named.",
    Modifier.PAIRED: "Member i of one net had the seeds of member i of the other; intervals count "
    "pairs.",
    Modifier.BY_DATA_ORDER: "Members share data orders, so intervals count orders, not members.",
    Modifier.ONE_DATA_ORDER: "All members saw the data in one order: nothing is said of any other.",
    Modifier.CROSSED: "Members share other seeds too; intervals take the seeds drawn as given.",
    Modifier.SEQUENTIAL: "Members were added until the answer was clear: intervals hold at any "
    "look, and estimates taken where one stops lean outward.",
    Modifier.PLANNED_LOOKS: "Members were added until the answer was clear: intervals allow for "
    "the looks planned, and estimates taken where one stops lean outward.",
    Modifier.TIMING: "The verdict is not the same at both ends of what a step may take.",
    Modifier.SECONDS_ONLY: "Neither steps nor FLOPs name this direction: it is this machine's.",
    Modifier.SAME_AS_STEPS: "Batches have one size, so this is the question asked in steps, not a "
    "second confirmation.",
}


def sentence(finding: Finding) -> str:
    """The whole finding as a short paragraph: verdict, uncertainty, counts, margins, horizon."""
    parts = [f"In {finding.clock.label}, {headline(finding)}.", *warning(finding.warnings)]
    if Modifier.INCOMPLETE in finding.decision.modifiers:
        return " ".join(parts)
    if finding.decision.verdict is not Verdict.NOT_REACHED:
        parts += [_medians(finding), _restricted_mean(finding)]
    parts += [_counts(finding), *_stopped(finding.decision), *_unseen_order(finding.decision)]
    parts += timing.told(finding)
    parts += [_MODIFIERS[each] for each in finding.decision.modifiers if each in _MODIFIERS]
    parts += [f"{one[0].upper()}{one[1:]}." for one in incomplete([finding])]
    parts += [_rules(finding), f"Measured {claim(finding)}."]
    return " ".join(parts)


def _medians(finding: Finding) -> str:
    middle = QUANTILES.index(0.5)
    decision = finding.decision

    def median(quantile: QuantileTime) -> str:
        if quantile.estimate is None:
            return "not reached by half of the members"
        return amount(quantile.estimate, finding.clock)

    return (
        f"Median time: smaller {median(decision.quantiles_smaller[middle])}, larger "
        f"{median(decision.quantiles_larger[middle])}."
    )


def _restricted_mean(finding: Finding) -> str:
    decision = finding.decision
    ratio, horizon = decision.rmst_ratio, amount(decision.horizon, finding.clock)
    told = (
        f"{ratio.estimate:.2f} [{ratio.lower:.2f}, {ratio.upper:.2f}] times the larger's; the "
        "brackets hold wherever between two evaluations the times lie"
    )
    if decision.sparse:
        told = (
            f"{ratio.estimate:.2f} times the larger's, with too few members that reached it, or "
            "that differ, for an interval"
        )
    return (
        f"Mean time, a member that had not reached it by {horizon} counting as {horizon}: the "
        f"smaller's is {told}."
    )


def _counts(finding: Finding) -> str:
    decision, sides = finding.decision, (finding.smaller.summary, finding.larger.summary)
    horizon = amount(decision.horizon, finding.clock)
    return (
        f"Within {horizon}, {decision.reached_smaller} of {sides[0].members} smaller and "
        f"{decision.reached_larger} of {sides[1].members} larger members reached it; in all, "
        f"{sides[0].diverged} and {sides[1].diverged} diverged, which counts as never."
    )


def _stopped(decision: Decision) -> list[str]:
    """What runs that were stopped early leave open, and what is taken for granted of them."""
    found = decision.follow_up
    if found is None:
        return []
    told = [
        f"{found.stopped_smaller} runs of the smaller and {found.stopped_larger} of the larger "
        "were stopped before that without having reached it: each counts up to where it was "
        "stopped (Kaplan-Meier), which assumes that they were stopped for reasons that have "
        "nothing to do with how soon they would have reached it. Had they all gone on as badly or "
        "as well for the smaller net as they could, it would have been first in "
        f"{percent(found.lowest)} to {percent(found.highest)} of the pairs"
    ]
    if decision.verdict in DIRECTED:
        told.append(
            "the direction holds at both ends"
            if found.certain
            else "without that assumption no direction can be claimed"
        )
    return [f"{', and '.join(told)}."]


def _unseen_order(decision: Decision) -> list[str]:
    unseen = decision.win_probability.highest - decision.win_probability.lowest
    if unseen <= 0:
        return []
    return [
        f"For about {percent(unseen)} of the pairs the evaluations do not show who was first; the "
        "brackets of the pairs allow for either."
    ]


def _rules(finding: Finding) -> str:
    margins = finding.margins
    return (
        f"Brackets are {100 * (1 - margins.alpha_win):g}% intervals; ties count half. Declared "
        f"before the run: equivalent means within {100 * margins.delta:g} points of 50% of the "
        f"pairs and {100 * margins.delta_incidence:g} points of the share that has reached it, "
        f"with at least {100 * margins.minimum_reached:g}% of either net's members there; the "
        f"horizon of {amount(finding.decision.horizon, finding.clock)} is {_horizon(finding)}."
        f"{_detection(finding.declared)}"
    )


def _horizon(finding: Finding) -> str:
    if finding.trained_elsewhere:
        return "as far as the runs of both are known"
    return f"the smaller of the two budgets{_lost_to_sustain(finding.declared.sustain)}"


def _detection(declared: TargetSpec) -> str:
    """What there is to know of a success beyond a threshold held at single evaluations."""
    told = []
    if declared.smoothing > 1:
        told += [f"each evaluation counts as the mean of the last {declared.smoothing}"]
    if declared.rule is Rule.PLATEAU:
        told += [
            f"a plateau is {declared.sustain} evaluations in a row within the tolerance of the "
            "member's own best up to then, wherever that lies: it says that a member has stopped "
            "improving, not how good it is"
        ]
    return "".join(f" {one[0].upper()}{one[1:]}." for one in told)


def _lost_to_sustain(sustain: int) -> str:
    if sustain == 1:
        return ""
    return f", less its end, where {sustain} evaluations in a row can no longer start"
