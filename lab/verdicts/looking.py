"""When members that are added in turn are enough: at the first look that makes the answer clear."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from lab.quantities import percent
from lab.records.cohort import CohortRecords
from lab.specs import Comparison
from lab.verdicts.deciding import SEED, Issue, decision_on, issues
from lab.verdicts.decision import Decision
from lab.verdicts.gate import check
from lab.verdicts.language import warning
from lab.verdicts.licence import is_tuned_through
from lab.verdicts.sequential import is_clear
from lab.words import Clock


@dataclasses.dataclass(frozen=True, slots=True)
class Running:
    """Where a study stands at a look: whether that is clear, and a line that says how it stands."""

    settled: bool
    line: str


def deciding_look(comparison: Comparison, records: Mapping[str, CohortRecords]) -> int | None:
    """The look that the verdict is taken at; None where members up to it have not all ended."""
    if comparison.sequential is None:
        return None
    *before, last = comparison.sequential.looks
    for look in (*before, last):
        if not is_complete(records, look):
            return None
        if look == last or _settled(_standings(comparison, records, look)):
            return look
    return None


def is_complete(records: Mapping[str, CohortRecords], look: int) -> bool:
    """Whether the first so many members of every cohort have ended."""
    return all(int((one.member < look).sum()) == look for one in records.values())


def at_look(comparison: Comparison, records: Mapping[str, CohortRecords], look: int) -> Running:
    """What the first `look` members say of the answer: the hardest target, on each clock.

    With the warning that a verdict would have.
    """
    found = _standings(comparison, records, look)
    told = [_standing(issue, decision, len(comparison.contrasts)) for issue, decision in found]
    if any(not is_tuned_through(one.spec) for one in records.values()):
        told.append("tuning is incomplete, so that the verdict will name no direction")
    checks = [check(one.part(0, look), np.random.default_rng(SEED)) for one in records.values()]
    faults = [f"cohort {one.cohort}: {fault}" for one in checks for fault in one.faults]
    return Running(
        settled=_settled(found),
        line=" ".join([f"at {look} members of each: {'; '.join(told)}", *warning(faults)]),
    )


def _standings(
    comparison: Comparison, records: Mapping[str, CohortRecords], look: int
) -> list[tuple[Issue, Decision]]:
    return [
        (issue, decision_on(issue, comparison, records, look))
        for issue in issues(comparison, records)
        if _answers(issue, comparison, records)
    ]


def _settled(found: Sequence[tuple[Issue, Decision]]) -> bool:
    return all(is_clear(decision) for _, decision in found)


def _answers(issue: Issue, comparison: Comparison, records: Mapping[str, CohortRecords]) -> bool:
    """Whether more members are asked for until it is clear.

    Examples ask what steps ask; and how many members are trained is not for the timing to say,
    which more of them make no surer. Seconds alone, where nothing else is asked, may.
    """
    hardest = len(records[issue.contrast.smaller].spec.target.thresholds) - 1
    same = issue.clock is Clock.EXAMPLES and Clock.STEPS in comparison.clocks
    timed = issue.clock is Clock.SECONDS and set(comparison.clocks) != {Clock.SECONDS}
    return issue.threshold == hardest and not same and not timed


def _standing(issue: Issue, decision: Decision, contrasts: int) -> str:
    chance = decision.win_probability
    names = f"{issue.contrast.smaller}/{issue.contrast.larger} " if contrasts > 1 else ""
    ends = f"{percent(chance.estimate)} [{percent(chance.lower)}, {percent(chance.upper)}]"
    return f"{names}{issue.clock.label} {decision.verdict.value} (smaller first {ends})"
