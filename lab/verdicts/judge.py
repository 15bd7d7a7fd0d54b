"""From a study's records to its verdict: every contrast, on every clock, at every target."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from lab.records.cohort import AnyMetric, CohortRecords
from lab.specs import Comparison, Margins
from lab.statistics.quantiles import quantile_time
from lab.tuning.found import BestOf, CohortTuning
from lab.verdicts.answer import answer
from lab.verdicts.clocks import clock_times
from lab.verdicts.deciding import SEED, Issue, beside, decision_on, issues
from lab.verdicts.decision import Decision
from lab.verdicts.findings import CohortSummary, Entrant, Finding
from lab.verdicts.flips import Flips, flips
from lab.verdicts.gate import CohortCheck, check
from lab.verdicts.level_answer import level_answer
from lab.verdicts.level_language import worded, worded_shares
from lab.verdicts.licence import FORBIDDEN, claim, is_tuned_through, licence, untold
from lab.verdicts.looking import deciding_look
from lab.verdicts.paragraph import sentence
from lab.verdicts.settings import told_apart
from lab.verdicts.shares import Share, shares
from lab.verdicts.support import SizeTrend, Support, size_trend
from lab.verdicts.timing import with_seconds_only
from lab.verdicts.winner_map import WinnerMap, winner_maps
from lab.verdicts.words import Modifier, Verdict
from lab.words import Cause, Clock, Outcome

_NO_FLIPS = Flips()


@dataclasses.dataclass(frozen=True, slots=True)
class ContrastVerdict:
    """One smaller cohort against one larger, on one clock, at one target, in facts and in words.

    `support` is None where members were added in turn: its intervals are of a fixed number.
    `level` is what both have of the study's cause, where it has one.
    """

    smaller: str
    larger: str
    clock: Clock
    metric: AnyMetric
    target: float
    decision: Decision
    support: Support | None
    claim: str
    sentence: str
    level: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class StudyVerdict:
    """The answer, what it was made of, and the margins declared beforehand.

    `trend` is over three sizes or more. `look` is how many members of each cohort it was taken
    from, where they were added in turn. Maps, flips and shares are of a fixed number of members
    that have all ended, and of nets whose tuning is complete; else there are none. `tuning` and
    `best_of` are of the searches that the hyperparameters are from: no records of the study hold
    them, and `judge` leaves them out.
    """

    question: str
    answer: str
    cohorts: tuple[CohortSummary, ...]
    checks: tuple[CohortCheck, ...]
    contrasts: tuple[ContrastVerdict, ...]
    margins: Margins
    trend: SizeTrend | None
    look: int | None
    cause: Cause | None = None
    baseline: str = ""
    maps: tuple[WinnerMap, ...] = ()
    flips: Flips = _NO_FLIPS
    shares: tuple[Share, ...] = ()
    tuning: tuple[CohortTuning, ...] = ()
    best_of: tuple[BestOf, ...] = ()


def judge(comparison: Comparison, records: Mapping[str, CohortRecords]) -> StudyVerdict:
    """The verdict on what is compared; `records` holds every cohort of it by name, in order.

    While members are missing every contrast is undecided: those that end first are the quick ones.
    """
    comparison, records = told_apart(comparison, records)
    look = deciding_look(comparison, records)
    if look is not None:
        records = {name: one.part(0, look) for name, one in records.items()}
    checks = {name: check(one, np.random.default_rng(SEED)) for name, one in records.items()}
    entrants = {
        name: Entrant(summarise(one), one.spec, one.planned, checks[name])
        for name, one in records.items()
    }
    asked = issues(comparison, records)
    findings = with_seconds_only(
        [_find(issue, comparison, records, entrants, look) for issue in asked]
    )
    whole = all(one.complete and len(one.member) for one in records.values())
    fixed = whole and comparison.sequential is None
    maps = winner_maps(comparison, records) if fixed else ()
    turning = _NO_FLIPS
    if fixed:
        turning = worded(flips(comparison, records, maps, findings), comparison.cause)
    explained = worded_shares(shares(comparison, records)) if fixed else ()
    contrasts = tuple(
        _contrast_verdict(finding, beside(issue, comparison, records) if look is None else None)
        for issue, finding in zip(asked, findings, strict=True)
    )
    return StudyVerdict(
        question=comparison.question,
        answer=_answer(comparison, findings, turning, explained),
        cohorts=tuple(entrant.summary for entrant in entrants.values()),
        checks=tuple(checks.values()),
        contrasts=contrasts,
        margins=comparison.margins,
        trend=_trend(comparison, records) if look is None and whole else None,
        look=look,
        cause=comparison.cause,
        baseline=comparison.baseline,
        maps=maps,
        flips=turning,
        shares=explained,
    )


def _answer(
    comparison: Comparison,
    findings: Sequence[Finding],
    turning: Flips,
    explained: Sequence[Share],
) -> str:
    """Level by level where there are several of a cause."""
    if len({one.level for one in comparison.contrasts}) < 2:
        return answer(findings)
    return level_answer(findings, comparison.cause, turning, explained)


def _trend(comparison: Comparison, records: Mapping[str, CohortRecords]) -> SizeTrend | None:
    """Over the sizes of one level: between levels more differs than the size.

    None where a rate may not be the best, for the trend names a direction too.
    """
    unsure = any(not is_tuned_through(one.spec) for one in records.values())
    if unsure or len({contrast.level for contrast in comparison.contrasts}) > 1:
        return None
    return size_trend(records, comparison.margins)


def summarise(records: CohortRecords) -> CohortSummary:
    """The cohort's row of the verdict, at its hardest target."""
    count = {outcome: records.outcome.count(outcome) for outcome in Outcome}
    steps, solo = clock_times(records, Clock.STEPS), records.solo_seconds
    flops = records.flops_per_step
    median = quantile_time(steps.times, 0.5, 0.95).on(steps, steps.budget)
    return CohortSummary(
        name=records.spec.name,
        parameters=records.parameters,
        members=len(records.member),
        reached=count[Outcome.REACHED],
        diverged=count[Outcome.DIVERGED],
        exhausted=count[Outcome.EXHAUSTED],
        stopped=count[Outcome.STOPPED],
        median_steps=median.estimate,
        flops_per_step=None if flops is None else float(flops),
        solo_seconds_per_step=None if solo is None else solo.estimate,
        solo_seconds=solo,
    )


def _find(
    issue: Issue,
    comparison: Comparison,
    records: Mapping[str, CohortRecords],
    entrants: Mapping[str, Entrant],
    look: int | None,
) -> Finding:
    pair = records[issue.contrast.smaller], records[issue.contrast.larger]
    target = pair[0].spec.target
    finding = Finding(
        smaller=entrants[issue.contrast.smaller],
        larger=entrants[issue.contrast.larger],
        clock=issue.clock,
        declared=target,
        target=target.thresholds[issue.threshold],
        cell=float(max(clock_times(one, issue.clock).cell for one in pair)),
        margins=comparison.margins,
        decision=decision_on(issue, comparison, records, look),
        level=issue.contrast.level,
    )
    return dataclasses.replace(finding, decision=_qualified(finding, comparison.clocks))


def _qualified(finding: Finding, clocks: tuple[Clock, ...]) -> Decision:
    """The decision with the modifiers that its data alone cannot know."""
    decision = finding.decision
    added = [licence(finding)]
    batch_sizes = {side.spec.batch_size for side in (finding.smaller, finding.larger)}
    if finding.clock is Clock.EXAMPLES and Clock.STEPS in clocks and len(batch_sizes) == 1:
        added.append(Modifier.SAME_AS_STEPS)
    if finding.warnings:
        added.append(Modifier.CHECK_FAILED)
    if untold(finding):
        added.append(Modifier.TUNING_INCOMPLETE)
        if decision.verdict in FORBIDDEN:
            decision = _undecided(decision)
    if finding.smaller.unfinished or finding.larger.unfinished:
        added.append(Modifier.INCOMPLETE)
        decision = _undecided(decision)
    return dataclasses.replace(decision, modifiers=(*decision.modifiers, *added))


def _undecided(decision: Decision) -> Decision:
    """For a reason that no number of members removes."""
    return dataclasses.replace(
        decision, verdict=Verdict.UNDECIDED, more_members=None, more_for=None
    )


def _contrast_verdict(finding: Finding, support: Support | None) -> ContrastVerdict:
    return ContrastVerdict(
        smaller=finding.smaller.summary.name,
        larger=finding.larger.summary.name,
        clock=finding.clock,
        metric=finding.declared.metric,
        target=finding.target,
        decision=finding.decision,
        support=support,
        claim=claim(finding),
        sentence=sentence(finding),
        level=finding.level,
    )
