"""Verdicts in seconds, whose cost of a step is measured and so has an interval (rule 7).

STATISTICS, section 0: a verdict must hold at both ends of the interval of the cost ratio.
"""

import dataclasses
from collections.abc import Iterable, Sequence

from lab.quantities import seconds
from lab.records.cohort import CohortRecords
from lab.statistics.intervals import OrderCertain
from lab.statistics.quantiles import SpeedUp
from lab.verdicts.decision import Decision
from lab.verdicts.findings import Finding
from lab.verdicts.reading import DIRECTED
from lab.verdicts.words import Modifier, Verdict
from lab.words import Clock

Pair = tuple[CohortRecords, CohortRecords]


def readings(pair: Pair) -> tuple[Pair, Pair, Pair]:
    """The pair at the estimates of its solo seconds, and at either end of their ratio."""
    smaller, larger = pair
    one, other = smaller.solo_seconds, larger.solo_seconds
    assert one is not None
    assert other is not None
    return (
        pair,
        (_taken_as(smaller, one.lower), _taken_as(larger, other.upper)),
        (_taken_as(smaller, one.upper), _taken_as(larger, other.lower)),
    )


def _taken_as(records: CohortRecords, step: float) -> CohortRecords:
    assert records.solo_seconds is not None
    return dataclasses.replace(records, solo_seconds=records.solo_seconds.taken_as(step))


def agreed(decisions: Sequence[Decision]) -> Decision:
    """The first, which is at the estimates, where those at the ends have its verdict.

    Else it is undecided, for want of better timing. What it was decided from spans all of them;
    times and counts are those at the estimates.
    """
    first = decisions[0]
    modifiers = [
        one
        for one in first.modifiers
        if one is not Modifier.NEGLIGIBLY or all(one in each.modifiers for each in decisions)
    ]
    spanned = dataclasses.replace(
        first,
        modifiers=tuple(modifiers),
        win_probability=_hull([one.win_probability for one in decisions]),
        rmst_ratio=_hull([one.rmst_ratio for one in decisions]),
        p_value=max(one.p_value for one in decisions),
        logrank_p_value=max(one.logrank_p_value for one in decisions),
        log_e_value=_least(one.log_e_value for one in decisions),
        speed_ups=tuple(
            map(_of_speed_ups, zip(*(one.speed_ups for one in decisions), strict=True))
        ),
    )
    if not _at_fault([one.verdict for one in decisions]):
        return spanned
    return dataclasses.replace(
        spanned,
        verdict=Verdict.UNDECIDED,
        modifiers=(*(one for one in modifiers if one is not Modifier.NEGLIGIBLY), Modifier.TIMING),
        more_members=None,
        more_for="better timing",
    )


def _at_fault(verdicts: Sequence[Verdict]) -> bool:
    """Whether better timing could settle it: not what members leave undecided at the estimates.

    Unless the ends contradict each other.
    """
    decided = {one for one in verdicts if one is not Verdict.UNDECIDED}
    return len(decided) > 1 or (verdicts[0] in decided and Verdict.UNDECIDED in verdicts)


def _hull(intervals: Sequence[OrderCertain]) -> OrderCertain:
    """The first, as long as all together."""
    return dataclasses.replace(
        intervals[0],
        lower=min(one.lower for one in intervals),
        upper=max(one.upper for one in intervals),
        lowest=min(one.lowest for one in intervals),
        highest=max(one.highest for one in intervals),
    )


def _of_speed_ups(found: Sequence[SpeedUp]) -> SpeedUp:
    uppers = [one.upper for one in found if one.upper is not None]
    return dataclasses.replace(
        found[0],
        lower=min(one.lower for one in found),
        upper=max(uppers) if len(uppers) == len(found) else None,
    )


def _least(values: Iterable[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return min(known) if known else None


def with_seconds_only(findings: Sequence[Finding]) -> list[Finding]:
    """With the modifier where seconds name a direction that neither steps nor FLOPs name."""
    return [
        _modified(one) if _is_alone(one, [two for two in findings if _asks_as(two, one)]) else one
        for one in findings
    ]


def _asks_as(other: Finding, finding: Finding) -> bool:
    same = (other.smaller, other.larger, other.target) == (
        finding.smaller,
        finding.larger,
        finding.target,
    )
    return same and other.clock in (Clock.STEPS, Clock.FLOPS)


def _is_alone(finding: Finding, others: Sequence[Finding]) -> bool:
    verdict = finding.decision.verdict
    directed = finding.clock is Clock.SECONDS and verdict in DIRECTED
    return directed and bool(others) and all(two.decision.verdict is not verdict for two in others)


def _modified(finding: Finding) -> Finding:
    modifiers = (*finding.decision.modifiers, Modifier.SECONDS_ONLY)
    return dataclasses.replace(
        finding, decision=dataclasses.replace(finding.decision, modifiers=modifiers)
    )


def told(finding: Finding) -> list[str]:
    """What seconds are, in sentences; none on other clocks."""
    solos = [side.summary.solo_seconds for side in (finding.smaller, finding.larger)]
    known = [one for one in solos if one is not None]
    if finding.clock is not Clock.SECONDS or not known:
        return []
    steps = [
        f"{seconds(one.estimate)} [{seconds(one.lower)}, {seconds(one.upper)}]" for one in known
    ]
    devices = " and ".join(dict.fromkeys(one.device for one in known))
    compiled = " and ".join(seconds(one.compile_seconds) for one in known)
    return [
        f"Seconds are those of a member that has one device of this machine ({devices}) to itself, "
        f"not its share of the ensemble's: a step takes {' and '.join(steps)}, and a verdict must "
        f"hold wherever in these brackets the truth lies. Compilation, which took {compiled}, is "
        "left out."
    ]
