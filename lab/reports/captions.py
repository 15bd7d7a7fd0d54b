"""Words beside the pictures: how to read them, for one who has never seen such a curve."""

import dataclasses
from collections.abc import Sequence

from lab.records.cohort import CohortRecords
from lab.reports.formatting import count, joined
from lab.specs import CohortSpec
from lab.verdicts import language
from lab.words import Clock, Direction

_LONGEST_NAME = 14


@dataclasses.dataclass(frozen=True, slots=True)
class Caption:
    """A picture's title, its caption, and its text for one who cannot see it."""

    title: str
    caption: str
    alt: str


def goal(spec: CohortSpec, threshold: int = -1) -> str:
    """The verdicts' goal with its direction: `IoU 0.6 or more`."""
    side = "more" if spec.target.direction is Direction.MAXIMIZE else "less"
    return f"{language.goal(spec.target.metric, spec.target.thresholds[threshold])} or {side}"


def whole_goal(spec: CohortSpec) -> str:
    """The goal with its split and its sustain rule."""
    often = "" if spec.target.sustain == 1 else f", at {spec.target.sustain} evaluations in a row"
    return f"{goal(spec)} on the whole validation split{often}"


def held(spec: CohortSpec) -> str:
    """The fan's vertical axis."""
    name = spec.target.metric.label
    if spec.target.sustain == 1:
        return f"best {name} so far"
    return f"best {name} so far, held\nfor {spec.target.sustain} evaluations in a row"


def short(name: str) -> str:
    """A name that fits beside a curve."""
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def sized(records: CohortRecords) -> str:
    """`small: 2,904 parameters`."""
    return f"{records.spec.name}: {count(records.parameters)} parameters"


def incidence(cohorts: Sequence[CohortRecords], clocks: Sequence[Clock]) -> Caption:
    """Beside the incidence curves."""
    spec = cohorts[0].spec
    sustained = (
        ""
        if spec.target.sustain == 1
        else f" and stayed there for {spec.target.sustain} evaluations in a row"
    )
    flops = (
        " The right panel asks the same with the cost of a step counted in: a larger network "
        "spends more arithmetic on each step, so its curve stretches to the right."
        if Clock.FLOPS in clocks and len(clocks) > 1
        else ""
    )
    caption = (
        f"How to read it: a curve climbs by one member each time one has reached {goal(spec)}"
        f"{sustained}; at its height you read which share of all members had got there by then. "
        "The curve further to the left and above converges faster; curves that cross mean that one "
        "is faster early and the other late. Members that never get there, diverged ones among "
        "them, stay in the count, so a curve may end below 100%. Shaded: where the true share "
        "plausibly lies at each single time (95%, Wilson); the wider, the less is known. In the "
        f"language of survival analysis this is 1 minus the Kaplan–Meier curve.{flops}"
    )
    ends = joined(
        [f"{one.reached[:, -1].sum()} of {len(one.member)} {one.spec.name}" for one in cohorts]
    )
    alt = f"Step curves of the share of members that reached {goal(spec)}: by the end, {ends}."
    return Caption("How many members have converged by when", caption, alt)


def fan(cohorts: Sequence[CohortRecords], shown: int) -> Caption:
    """Beside the fan."""
    spec = cohorts[0].spec
    caption = (
        f"How to read it: the thick line is the {spec.target.metric.label} that half of "
        "all members have held by then; where it meets the target (dot), half have converged. The "
        "shaded bands say the same for the best 10, 25, 75 and 90%, so a wide band means that runs "
        "of the same network differ much. A member stops training once it has reached the target; "
        "it then counts as exactly at the target, for leaving it out would show only the slow. A "
        "member that diverged counts as never improving again. "
        f"Thin lines: up to {shown} members, evenly spaced by their number, as recorded."
    )
    names = joined([one.spec.name for one in cohorts])
    alt = f"Learning curves of {names}: quantiles over all members against training steps."
    return Caption("How the members learn", caption, alt)
