"""Targets easier than the hardest, chosen from the range of the curves, and the times to them.

Members' whole curves are recorded up to their hit of the hardest target, so any easier one can be
found in them by the rules that members are trained under.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from lab.records.cohort import CohortRecords
from lab.records.imported.recorded import with_target
from lab.specs import TargetSpec
from lab.statistics.intervals import Floats
from lab.words import Direction, Rule

BETWEEN = 5
_CLOSE = 0.04
"""Of the range: an added target as near as this to another would repeat its row."""


def targets(cohorts: Sequence[CohortRecords]) -> tuple[float, ...]:
    """The declared ones of cohorts that share them, and a few more, from easiest to hardest.

    Nothing is looked at but the range: of a metric with two ends even steps from where half of the
    members start, of another quantiles of what was seen, of a plateau even steps in the logarithm
    from the declared tolerance to half the members' whole improvement.
    """
    spec = cohorts[0].spec.target
    seen = [_seen(one) for one in cohorts]
    if not any(len(starts) for starts, _, _ in seen):
        return spec.thresholds
    starts, values, gains = (np.concatenate(parts) for parts in zip(*seen, strict=True))
    kept = list(spec.thresholds)
    for value in _added(spec, starts, values, gains):
        if _fits(value, kept, spec, float(np.median(starts))):
            kept.append(value)
    falling = spec.rule is Rule.PLATEAU or spec.direction is Direction.MINIMIZE
    return tuple(sorted(kept, reverse=falling))


def watched(records: CohortRecords, wanted: tuple[float, ...]) -> CohortRecords:
    """The cohort with times to all of these targets: recorded ones where declared, else found."""
    own = records.spec.target
    added = tuple(value for value in wanted if value not in own.thresholds)
    if not added:
        return records
    found = with_target(records, dataclasses.replace(own, thresholds=added))
    columns = [
        (records, own.thresholds.index(value))
        if value in own.thresholds
        else (found, added.index(value))
        for value in wanted
    ]
    return dataclasses.replace(
        records,
        spec=dataclasses.replace(records.spec, target=dataclasses.replace(own, thresholds=wanted)),
        hit=np.stack([one.hit[:, k] for one, k in columns], axis=1),
        reached=np.stack([one.reached[:, k] for one, k in columns], axis=1),
    )


def _seen(records: CohortRecords) -> tuple[Floats, Floats, Floats]:
    """Each member's first value and whole improvement, and all values; finite ones alone."""
    spec, curves = records.spec.target, records.curves
    values = curves.metrics.get(spec.metric, np.zeros(0))
    values, member = values[np.isfinite(values)], curves.member[np.isfinite(values)]
    if not len(values):
        return values, values, values
    begins = np.flatnonzero(np.diff(member, prepend=-1))
    sign = 1 if spec.direction is Direction.MAXIMIZE else -1
    best = np.maximum.reduceat(sign * values, begins)
    return values[begins], values, best - sign * values[begins]


def _added(spec: TargetSpec, starts: Floats, values: Floats, gains: Floats) -> list[float]:
    hardest = spec.thresholds[-1]
    steps = np.arange(1, BETWEEN + 1) / (BETWEEN + 1)
    if spec.rule is Rule.PLATEAU:
        whole = max(float(np.median(gains)), hardest)
        found = hardest * (whole / hardest) ** steps
    elif math.isfinite(spec.metric.lower) and math.isfinite(spec.metric.upper):
        start = float(np.median(starts))
        found = start + (hardest - start) * steps
    else:
        sign = 1 if spec.direction is Direction.MAXIMIZE else -1
        easier = values[sign * values < sign * hardest]
        found = np.quantile(easier, steps) if len(easier) else np.zeros(0)
    return [float(f"{value:.2g}") for value in found.tolist()]


def _fits(value: float, kept: list[float], spec: TargetSpec, start: float) -> bool:
    """Easier than the hardest, within what the metric can be, and no other's neighbour."""
    try:
        dataclasses.replace(spec, thresholds=(value, spec.thresholds[-1]))
    except ValueError:
        return False
    if spec.rule is Rule.PLATEAU:
        return all(abs(math.log(value / other)) > _CLOSE for other in kept)
    span = abs(spec.thresholds[-1] - start)
    return all(abs(value - other) > _CLOSE * span for other in kept)
