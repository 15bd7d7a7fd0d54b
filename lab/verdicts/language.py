"""Findings in plain sentences, for a reader who has never seen a survival curve."""

from collections.abc import Callable, Iterable

from lab.quantities import flops, percent, seconds
from lab.specs import TargetSpec
from lab.statistics.quantiles import QuantileTime
from lab.verdicts import timing
from lab.verdicts.decision import QUANTILES, Decision
from lab.verdicts.findings import Entrant, Finding
from lab.verdicts.landmarks import Landmark
from lab.verdicts.licence import claim, incomplete
from lab.verdicts.words import Modifier, Verdict
from lab.words import Clock, Rule

_MODIFIERS = {
    Modifier.NEGLIGIBLY: "The difference is real but within the margins of equivalence.",
    Modifier.SMALLER_LESS_RELIABLE: "The smaller net diverged more often: it is less reliable.",
    Modifier.LARGER_LESS_RELIABLE: "The larger net diverged more often: it is less reliable.",
    Modifier.GRID_LIMITED: "An evaluation costs the two nets different amounts on this clock, and "
    "the order within one evaluation, which nobody saw, could change the verdict.",
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


def amount(value: float, clock: Clock) -> str:
    """A time with its unit: `1,250 steps`, `3.21 GFLOPs`, `4.5 ms`."""
    match clock:
        case Clock.FLOPS:
            return flops(value)
        case Clock.SECONDS:
            return seconds(value)
        case _:
            return f"{value:,.0f} {clock.label}"


def goal(declared: TargetSpec, threshold: float) -> str:
    """One of its targets: `IoU 0.75`, or `a plateau (IoU within 0.01 of a member's own best)`."""
    metric = declared.metric.label
    if declared.rule is Rule.PLATEAU:
        return f"a plateau ({metric} within {threshold:g} of a member's own best)"
    return f"{metric} {threshold:g}"


def _goal(finding: Finding) -> str:
    return goal(finding.declared, finding.target)


def net(entrant: Entrant, word: str) -> str:
    """`the smaller net (2,903 parameters)`, or its name where nobody counted them."""
    if entrant.summary.parameters is None:
        return f"the {word} net ({entrant.summary.name})"
    return f"the {word} net ({entrant.summary.parameters:,} parameters)"


def share_of_pairs(decision: Decision, verdict: Verdict | None = None) -> str:
    """How often the winner came first, else the smaller: `83% [76%, 88%] of random pairs`."""
    chance = decision.win_probability
    ends = chance.estimate, chance.lower, chance.upper
    if (verdict or decision.verdict) is Verdict.LARGER_FASTER:
        ends = 1 - chance.estimate, 1 - chance.upper, 1 - chance.lower
    estimate, lower, upper = map(percent, ends)
    return f"{estimate} [{lower}, {upper}] of random pairs"


def headline(finding: Finding) -> str:
    """The verdict itself, without its clock and without a full stop."""
    if Modifier.INCOMPLETE in finding.decision.modifiers:
        return _incomplete(finding)
    return _HEADLINES[finding.decision.verdict](finding)


def sentence(finding: Finding) -> str:
    """The whole finding as a short paragraph: verdict, uncertainty, counts, margins, horizon."""
    parts = [f"In {finding.clock.label}, {headline(finding)}.", *warning(finding.warnings)]
    if Modifier.INCOMPLETE in finding.decision.modifiers:
        return " ".join(parts)
    if finding.decision.verdict is not Verdict.NOT_REACHED:
        parts += [_medians(finding), _restricted_mean(finding)]
    parts += [_counts(finding), *_unseen_order(finding.decision), *timing.told(finding)]
    parts += [_MODIFIERS[each] for each in finding.decision.modifiers if each in _MODIFIERS]
    parts += [f"{one[0].upper()}{one[1:]}." for one in incomplete([finding])]
    parts += [_rules(finding), f"Measured {claim(finding)}."]
    return " ".join(parts)


def warning(found: Iterable[str]) -> list[str]:
    """What a check of the members found, as a sentence; none where all is well."""
    told = "; ".join(found)
    return [f"Warning: {told}; do not rely on this before knowing why."] if told else []


def _smaller_faster(finding: Finding) -> str:
    return _faster(finding, net(finding.smaller, "smaller"))


def _larger_faster(finding: Finding) -> str:
    return _faster(finding, net(finding.larger, "larger"))


def _faster(finding: Finding, winner: str) -> str:
    negligibly = " negligibly" if Modifier.NEGLIGIBLY in finding.decision.modifiers else ""
    return (
        f"{winner} was{negligibly} faster: it reached {_goal(finding)} first in "
        f"{share_of_pairs(finding.decision)}"
    )


def _crossing(finding: Finding) -> str:
    early, late = crossing_landmarks(finding.decision)
    words = ("smaller", "larger") if early.difference.above(0) else ("larger", "smaller")

    def shares(landmark: Landmark) -> str:
        return (
            f"by {amount(landmark.time, finding.clock)} {percent(landmark.smaller)} of the smaller "
            f"net's members and {percent(landmark.larger)} of the larger's had reached it"
        )

    return (
        f"the answer depends on when one looks: the {words[0]} net was faster to {_goal(finding)} "
        f"early, the {words[1]} later ({shares(early)}, {shares(late)}); the smaller was first in "
        f"{share_of_pairs(finding.decision)}"
    )


def crossing_landmarks(decision: Decision) -> tuple[Landmark, Landmark]:
    """The last landmark before the lead changes for the first time, and the first one after."""
    decided = [each for each in decision.landmarks if each.difference.above(0)]
    decided += [each for each in decision.landmarks if each.difference.below(0)]
    decided.sort(key=lambda landmark: landmark.time)
    leads = [each.difference.above(0) for each in decided]
    change = leads.index(not leads[0])
    return decided[change - 1], decided[change]


def _equivalent(finding: Finding) -> str:
    margins = finding.margins
    return (
        f"the two nets are equivalent within the margins: the smaller reached {_goal(finding)} "
        f"first in {share_of_pairs(finding.decision)} (margin: 50% ± {100 * margins.delta:g} "
        "points), and at no landmark do the shares that had reached it differ by "
        f"{100 * margins.delta_incidence:g} points or more"
    )


def _undecided(finding: Finding) -> str:
    decision = finding.decision
    text = (
        f"it is undecided which net reaches {_goal(finding)} first: the smaller did in "
        f"{share_of_pairs(decision)}"
    )
    if Modifier.TUNING_INCOMPLETE in decision.modifiers:
        return f"{text}, but tuning is incomplete"
    if Modifier.TIMING in decision.modifiers:
        return (
            f"{text}; to settle it takes a better timing of a step, on an idle machine, rather "
            "than more members"
        )
    if Modifier.GRID_LIMITED in decision.modifiers:
        return f"{text}; to settle it takes evaluations closer together rather than more members"
    if decision.more_members is None:
        return f"{text}; how many members would settle it cannot be told from these"
    # More members of the same orders would say no more of other orders.
    orders = ", in new data orders," if Modifier.BY_DATA_ORDER in decision.modifiers else ""
    return (
        f"{text}; about {decision.more_members:,} more members of each net{orders} would settle "
        f"{decision.more_for}, if the estimate holds"
    )


def _not_reached(finding: Finding) -> str:
    return (
        f"no member of either net reached {_goal(finding)} within "
        f"{amount(finding.decision.horizon, finding.clock)}, so nothing is known about which is "
        f"faster: {_remedy(finding)}"
    )


def _remedy(finding: Finding) -> str:
    """What to change where nobody reached: the rate first, for it may be all that is wrong."""
    sides = finding.smaller.summary, finding.larger.summary
    if not any(side.diverged for side in sides):
        return "an easier target or a larger budget is needed"
    told = " and ".join(f"{side.diverged} of {side.members}" for side in sides)
    if any(2 * side.diverged >= side.members > 0 for side in sides):
        advice = "a smaller learning rate is needed before sizes can be compared"
    else:
        advice = "try a smaller learning rate first, then an easier target or a larger budget"
    return f"{told} members diverged: {advice}"


def _grid_too_coarse(finding: Finding) -> str:
    return (
        f"nearly all members of both nets reached {_goal(finding)} within one evaluation "
        f"({amount(finding.cell, finding.clock)}) of each other: the two differ by less than that, "
        "and evaluations closer together are needed to see by how much"
    )


def _incomplete(finding: Finding) -> str:
    missing = finding.smaller.unfinished + finding.larger.unfinished
    planned = finding.smaller.planned + finding.larger.planned
    return (
        f"there is no verdict yet on {_goal(finding)}: {missing} of {planned} members have not "
        "ended, and those that end first are the quick ones"
    )


_HEADLINES: dict[Verdict, Callable[[Finding], str]] = {
    Verdict.SMALLER_FASTER: _smaller_faster,
    Verdict.LARGER_FASTER: _larger_faster,
    Verdict.CROSSING: _crossing,
    Verdict.EQUIVALENT: _equivalent,
    Verdict.UNDECIDED: _undecided,
    Verdict.NOT_REACHED: _not_reached,
    Verdict.GRID_TOO_COARSE: _grid_too_coarse,
}


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
    told = f"{ratio.estimate:.2f} [{ratio.lower:.2f}, {ratio.upper:.2f}] times the larger's"
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


def _unseen_order(decision: Decision) -> list[str]:
    unseen = decision.win_probability.highest - decision.win_probability.lowest
    if unseen <= 0:
        return []
    return [
        f"For about {percent(unseen)} of the pairs the evaluations do not show who was first; the "
        "brackets allow for either."
    ]


def _rules(finding: Finding) -> str:
    margins = finding.margins
    return (
        f"Brackets are {100 * (1 - margins.alpha_win):g}% intervals; ties count half. Declared "
        f"before the run: equivalent means within {100 * margins.delta:g} points of 50% of the "
        f"pairs and {100 * margins.delta_incidence:g} points of the share that has reached it, "
        f"with at least {100 * margins.minimum_reached:g}% of either net's members there; the "
        f"horizon of {amount(finding.decision.horizon, finding.clock)} is the smaller of the two "
        f"budgets{_lost_to_sustain(finding.declared.sustain)}.{_detection(finding.declared)}"
    )


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
