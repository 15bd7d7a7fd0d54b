"""A study and records made up from known curves, through the same builders the runner uses."""

import dataclasses

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.records.schema import curves_table, members_table
from lab.specs import (
    AdamSpec,
    CohortSpec,
    ContrastSpec,
    DataSpec,
    StudySpec,
    TargetSpec,
    UNetSpec,
)
from lab.words import Metric, Outcome, Rule, Task


def cohort(name: str = "small", **changes) -> CohortSpec:
    plain = CohortSpec(
        name=name,
        data=DataSpec("digits_on_photographs", Task.SEGMENTATION),
        model=UNetSpec(width=0.25),
        optimizer=AdamSpec(3e-3),
        target=TargetSpec(Metric.IOU, (0.4, 0.6), sustain=2),
        batch_size=8,
        budget_steps=100,
        eval_every=10,
        members=6,
        seed=7,
    )
    return dataclasses.replace(plain, **changes)


def study(*cohorts: CohortSpec, question: str = "Does the smaller converge faster?") -> StudySpec:
    specs = cohorts or (cohort("small"), cohort("large", model=UNetSpec(width=0.35)))
    contrasts = tuple(ContrastSpec(specs[0].name, other.name) for other in specs[1:])
    return StudySpec(question=question, cohorts=specs, contrasts=contrasts)


def smoothed(values_NxE: npt.NDArray[np.floating], count: int) -> npt.NDArray[np.floating]:
    """Means of the last `count` evaluations; NaN before there are so many."""
    if count == 1:
        return values_NxE
    means = np.full(np.shape(values_NxE), np.nan)
    for e in range(count - 1, means.shape[1]):
        means[:, e] = np.mean(values_NxE[:, e - count + 1 : e + 1], axis=1)
    return means


def first_hits(
    spec: CohortSpec, values_NxE: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The definition, in plain loops: the first of `sustain` evaluations in a row at it."""
    values_NxE = smoothed(values_NxE, spec.target.smoothing)
    count, sustain = len(values_NxE), spec.target.sustain
    sign = -1 if spec.target.metric is Metric.LOSS else 1
    hit = np.zeros((count, len(spec.target.thresholds)), np.int64)
    for i, row in enumerate(sign * values_NxE):
        for k, threshold in enumerate(spec.target.thresholds):
            for e in range(len(row) - sustain + 1):
                plateau = spec.target.rule is Rule.PLATEAU
                limit = np.nanmax(row[: e + sustain]) - threshold if plateau else sign * threshold
                if (row[e : e + sustain] >= limit).all():
                    hit[i, k] = e + 1
                    break
    return hit, hit > 0


def tables(spec: CohortSpec, values_NxE: npt.NDArray[np.floating]) -> tuple[pa.Table, pa.Table]:
    """Members and curves of a cohort whose target metric takes these values, cut where each ends.

    A row that holds NaN is a member that diverged there.
    """
    values = np.asarray(values_NxE, np.float32)
    hit, reached = first_hits(spec, values)
    broken = np.isnan(values)
    outcome, ended = [], np.full(len(values), spec.evaluations)
    for i in range(len(values)):
        if broken[i].any() and not (reached[i, -1] and hit[i, -1] < broken[i].argmax()):
            outcome.append(Outcome.DIVERGED)
            ended[i] = broken[i].argmax() + 1
            reached[i] &= hit[i] + spec.target.sustain - 1 <= ended[i]
        elif reached[i, -1]:
            outcome.append(Outcome.REACHED)
            ended[i] = hit[i, -1] + spec.target.sustain - 1
        else:
            outcome.append(Outcome.EXHAUSTED)
    member = np.arange(len(values))
    rows = np.repeat(member, ended)
    evaluation = np.concatenate([np.arange(1, last + 1) for last in ended])
    seen = values[rows, evaluation - 1]
    metrics = {
        metric: seen if metric is spec.target.metric else 1 - seen for metric in spec.metrics
    }
    return (
        members_table(spec, member=member, outcome=outcome, hit=hit, reached=reached, ended=ended),
        curves_table(spec, member=rows, evaluation=evaluation, metrics=metrics),
    )


def realistic(spec: CohortSpec, speed: float, top: float, seed: int = 3) -> npt.NDArray[np.float32]:
    """Noisy saturating curves (N, E); some never reach the target, and member 3 diverges."""
    generator = np.random.default_rng(seed)
    step_E = np.arange(1, spec.evaluations + 1) * spec.eval_every
    half_N = speed * np.exp(generator.normal(0, 0.35, spec.members))
    top_N = top + generator.normal(0, 0.05, spec.members)
    rise_NxE = 1 - np.exp(-((step_E / half_N[:, None]) ** 1.3))
    noise_NxE = generator.normal(0, 0.012, rise_NxE.shape)
    values_NxE = np.clip(top_N[:, None] * rise_NxE + noise_NxE, 0, 1)
    values_NxE[3, spec.evaluations // 3 :] = np.nan
    values_NxE[3] *= 0.5
    return values_NxE.astype(np.float32)
