"""From records to the decision on one contrast, on one clock, at one target."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from lab.records.cohort import CohortRecords
from lab.specs import CohortSpec, Comparison, ContrastSpec, SequentialSpec
from lab.verdicts.clocks import clock_times, is_known
from lab.verdicts.decision import Decision, decide
from lab.verdicts.meeting import Meeting, Side, Unit
from lab.verdicts.sequential import Look, decide_in_turn
from lab.verdicts.support import Support, support
from lab.verdicts.timing import Pair, agreed, readings
from lab.verdicts.words import Modifier
from lab.words import Clock, Factor, Outcome

SEED = 20_260_728
"""The address of all that a verdict draws: the same records, the same verdict."""


@dataclasses.dataclass(frozen=True, slots=True)
class Issue:
    """What is decided: one contrast, on one clock, at one of its thresholds."""

    contrast: ContrastSpec
    clock: Clock
    threshold: int


def issues(comparison: Comparison, records: Mapping[str, CohortRecords]) -> list[Issue]:
    """All of a comparison's that can be answered, the hardest threshold of each clock last."""
    return [
        Issue(contrast, clock, index)
        for contrast in comparison.contrasts
        for clock in comparison.clocks
        if all(is_known(records[name], clock) for name in (contrast.smaller, contrast.larger))
        for index in range(len(records[contrast.smaller].spec.target.thresholds))
    ]


def decision_on(
    issue: Issue, comparison: Comparison, records: Mapping[str, CohortRecords], look: int | None
) -> Decision:
    """By all members, or where they were added in turn by the first `look` of each cohort."""
    pair = records[issue.contrast.smaller], records[issue.contrast.larger]
    if issue.clock is Clock.SECONDS:
        each = [_decided(one, issue, comparison, look) for one in readings(pair)]
        decision = agreed(each)
    else:
        decision = _decided(pair, issue, comparison, look)
    modifiers = (*decision.modifiers, *_of_seeds(pair))
    return dataclasses.replace(decision, modifiers=modifiers)


def _decided(pair: Pair, issue: Issue, comparison: Comparison, look: int | None) -> Decision:
    """With a step's cost taken as known."""
    generator = np.random.default_rng(SEED)
    spec, margins = comparison.sequential, comparison.margins
    if spec is None or look is None:
        return decide(meet(pair, issue), margins, generator)
    return decide_in_turn(_looks(pair, issue, spec, look), spec, margins, generator)


def beside(issue: Issue, comparison: Comparison, records: Mapping[str, CohortRecords]) -> Support:
    """What stands beside the decision, by all members; in seconds at their estimates."""
    pair = records[issue.contrast.smaller], records[issue.contrast.larger]
    return support(meet(pair, issue), comparison.margins, np.random.default_rng(SEED))


def meet(pair: Pair, issue: Issue) -> Meeting:
    """The two cohorts on the issue's clock."""
    unit = unit_of(pair)
    sides = [_side(one, issue, unit) for one in pair]
    units = max((int(side.unit.max(initial=-1)) + 1 for side in sides), default=0)
    return Meeting(sides[0], sides[1], unit, units)


def unit_of(pair: Pair) -> Unit:
    """What is replicated: data orders where several members share one, else mates, else members.

    Cohorts of one root seed have data orders in common, member by member.
    """
    specs = [one.spec for one in pair]
    alike = [one.seed for one in specs if isinstance(one, CohortSpec)]
    if len(alike) < 2 or alike[0] != alike[1]:
        return Unit.MEMBERS
    orders = [one.seed_ids.get(Factor.ORDER) for one in pair]
    if orders[0] is None or orders[1] is None:
        return Unit.MEMBERS
    levels = [len(np.unique(ids)) for ids in orders if ids is not None]
    if levels == [len(one.member) for one in pair]:
        return Unit.PAIRS if np.array_equal(pair[0].member, pair[1].member) else Unit.MEMBERS
    return Unit.BLOCKS if min(levels, default=0) > 1 else Unit.MEMBERS


def _looks(pair: Pair, issue: Issue, spec: SequentialSpec, look: int) -> list[Look]:
    stops = spec.looks[: spec.looks.index(look) + 1]
    return [
        Look(
            meeting=meet((pair[0].part(0, stop), pair[1].part(0, stop)), issue),
            block=meet((pair[0].part(start, stop), pair[1].part(start, stop)), issue),
        )
        for start, stop in zip((0, *stops[:-1]), stops, strict=True)
    ]


def _side(records: CohortRecords, issue: Issue, unit: Unit) -> Side:
    blocks = unit is Unit.BLOCKS
    return Side(
        clock=clock_times(records, issue.clock, issue.threshold),
        diverged=np.array([one is Outcome.DIVERGED for one in records.outcome], np.bool_),
        # Orders have one number in both cohorts; members are numbered anew, for some are missing.
        unit=records.seed_ids[Factor.ORDER] if blocks else np.arange(len(records.member)),
        ended=records.ended,
    )


def _of_seeds(pair: Pair) -> list[Modifier]:
    """What the members' seeds have in common, where it limits what is said."""
    found = {Unit.PAIRS: [Modifier.PAIRED], Unit.BLOCKS: [Modifier.BY_DATA_ORDER]}.get(
        unit_of(pair), []
    )
    shared = {
        factor
        for one in pair
        for factor, ids in one.seed_ids.items()
        if len(np.unique(ids)) < len(ids)
    }
    if Factor.ORDER in shared and not found:
        found.append(Modifier.ONE_DATA_ORDER)
    if shared - {Factor.ORDER}:
        found.append(Modifier.CROSSED)
    return found
