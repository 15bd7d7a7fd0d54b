"""Words beside the pictures: how to read them, for one who has never seen such a curve."""

import dataclasses
from collections.abc import Sequence

from lab.records.cohort import CohortRecords
from lab.reports.formatting import count, joined
from lab.specs import AnyCohortSpec
from lab.verdicts import language
from lab.words import Clock, Direction, Outcome, Rule

_LONGEST_NAME = 14


@dataclasses.dataclass(frozen=True, slots=True)
class Caption:
    """A picture's title, its caption, and its text for one who cannot see it."""

    title: str
    caption: str
    alt: str


def goal(spec: AnyCohortSpec, threshold: int = -1) -> str:
    """The verdicts' goal with its direction: `IoU 0.6 or more`; a plateau has none."""
    words = language.goal(spec.target, spec.target.thresholds[threshold])
    if spec.target.rule is Rule.PLATEAU:
        return words
    side = "more" if spec.target.direction is Direction.MAXIMIZE else "less"
    return f"{words} or {side}"


def on_axis(spec: AnyCohortSpec, threshold: int = -1) -> str:
    """The goal in lines short enough for a vertical axis."""
    return goal(spec, threshold).replace(" (", "\n(").replace(" of a ", "\nof a ")


def whole_goal(spec: AnyCohortSpec) -> str:
    """The goal with its split, its sustain rule and its smoothing."""
    often = "" if spec.target.sustain == 1 else f", at {spec.target.sustain} evaluations in a row"
    return f"{goal(spec)} on the whole validation split{often}{smoothed(spec)}"


def smoothed(spec: AnyCohortSpec) -> str:
    """How many evaluations are averaged, where it is more than one."""
    if spec.target.smoothing == 1:
        return ""
    return f"; each evaluation counts as the mean of the last {spec.target.smoothing}"


def held(spec: AnyCohortSpec) -> str:
    """The fan's vertical axis."""
    name = spec.target.metric.label
    if spec.target.smoothing > 1:
        name = f"mean {name} of {spec.target.smoothing} evaluations"
    if spec.target.sustain == 1 or spec.target.rule is Rule.PLATEAU:
        return f"best {name} so far"
    return f"best {name} so far, held\nfor {spec.target.sustain} evaluations in a row"


def short(name: str) -> str:
    """A name that fits beside a curve."""
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def sized(records: CohortRecords) -> str:
    """`small: 2,904 parameters`, or the name alone."""
    if records.parameters is None:
        return records.spec.name
    return f"{records.spec.name}: {count(records.parameters)} parameters"


def incidence(cohorts: Sequence[CohortRecords], clocks: Sequence[Clock]) -> Caption:
    """Beside the incidence curves."""
    spec = cohorts[0].spec
    sustained = (
        ""
        if spec.target.sustain == 1
        else f" and stayed there for {spec.target.sustain} evaluations in a row"
    )
    costly = [clock.label for clock in clocks if clock in (Clock.FLOPS, Clock.SECONDS)]
    costs = (
        f" Counted in {joined(costly)}, the same with the cost of a step: a larger network spends "
        "more on each step, so its curve stretches to the right."
        if costly and len(clocks) > 1
        else ""
    )
    caption = (
        f"How to read it: a curve climbs by one member each time one has reached {goal(spec)}"
        f"{sustained}; at its height you read which share of all members had got there by then. "
        "The curve further to the left and above converges faster; curves that cross mean that one "
        "is faster early and the other late. Members that never get there, diverged ones among "
        "them, stay in the count, so a curve may end below 100%. Shaded: where the true share "
        f"plausibly lies at each single time (95%, {_band(cohorts)}); the wider, the less is "
        "known. In the language of survival analysis this is 1 minus the Kaplan–Meier curve."
        f"{costs}"
    )
    ends = joined(
        [f"{one.reached[:, -1].sum()} of {len(one.member)} {one.spec.name}" for one in cohorts]
    )
    alt = f"Step curves of the share of members that reached {goal(spec)}: by the end, {ends}."
    return Caption("How many members have converged by when", caption, alt)


def _stopped(cohorts: Sequence[CohortRecords]) -> bool:
    """Whether runs of these were stopped early, nobody knows why."""
    return any(Outcome.STOPPED in one.outcome for one in cohorts)


def _band(cohorts: Sequence[CohortRecords]) -> str:
    """How the shaded bands of the incidence are made."""
    if not _stopped(cohorts):
        return "Wilson"
    return "Wilson, or log-log with Greenwood's variance where runs were stopped early"


def fan(cohorts: Sequence[CohortRecords], shown: int) -> Caption:
    """Beside the fan."""
    spec = cohorts[0].spec
    metric = spec.target.metric.label
    if spec.target.rule is Rule.PLATEAU:
        meets, counts = "", "counts as staying at its best"
        line = f"the best {metric} so far that half of all members have seen by then"
        stops = "has been on its plateau"
    else:
        meets = "; where it meets the target (dot), half have converged"
        counts = "counts as exactly at the target"
        line = f"the {metric} that half of all members have held by then"
        stops = "has reached the target"
    stopped = (
        " A run that was stopped early stays as it stood, so the bands are the least that was held."
        if _stopped(cohorts)
        else ""
    )
    caption = (
        f"How to read it: the thick line is {line}{meets}. The "
        "shaded bands say the same for the best 10, 25, 75 and 90%, so a wide band means that runs "
        f"of the same network differ much. A member stops training once it {stops}; "
        f"it then {counts}, for leaving it out would show only the slow. A "
        f"member that diverged counts as never improving again.{stopped} "
        f"Thin lines: up to {shown} members, evenly spaced by their number, as recorded."
    )
    names = joined([one.spec.name for one in cohorts])
    alt = f"Learning curves of {names}: quantiles over all members against training steps."
    return Caption("How the members learn", caption, alt)
