"""Findings in plain sentences, for a reader who has never seen a survival curve."""

from collections.abc import Callable, Iterable

from lab.quantities import flops, percent, seconds
from lab.specs import TargetSpec
from lab.verdicts.decision import Decision
from lab.verdicts.findings import Entrant, Finding
from lab.verdicts.landmarks import Landmark
from lab.verdicts.reading import DIRECTED
from lab.verdicts.sample_size import MoreMembers
from lab.verdicts.words import Modifier, Verdict
from lab.words import Clock, Rule


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
    return _HEADLINES[finding.decision.verdict](finding) + _stopped(finding.decision)


def _stopped(decision: Decision) -> str:
    """What the verdict takes for granted of runs that were stopped early; nothing of none."""
    found = decision.follow_up
    if found is None:
        return ""
    count = found.stopped_smaller + found.stopped_larger
    runs = f"the {count} runs that were" if count > 1 else "the one run that was"
    if decision.verdict not in DIRECTED:
        return f"; {runs} stopped early {'count' if count > 1 else 'counts'} up to there"
    if found.certain:
        return f", however {runs} stopped early would have gone on"
    return f"; that holds only if {runs} stopped early ended for no reason of their own"


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
    return (
        f"{text}; {_more(decision.more_members, decision)} would settle {decision.more_for}, if "
        "the estimate holds"
    )


def _more(needed: MoreMembers, decision: Decision) -> str:
    """`about 40 more members of each net`, or of that which has fewer."""
    # More members of the same orders would say no more of other orders.
    orders = ", in new data orders," if Modifier.BY_DATA_ORDER in decision.modifiers else ""
    nets = {"smaller": needed.smaller, "larger": needed.larger}
    if needed.smaller == needed.larger:
        nets = {"each": needed.smaller}
    counts = [
        f"{count:,} more members of {'each net' if net == 'each' else f'the {net} net'}"
        for net, count in nets.items()
        if count
    ]
    return f"{'at least' if needed.at_least else 'about'} {' and '.join(counts)}{orders}"


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
