"""The columns of the part files, and how arrays become rows."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.specs import CohortSpec, NamedMetric
from lab.words import Factor, Hyperparameter, Metric, Outcome

RECORDS_SCHEMA = 4
VERSION_KEY = b"convergence_lab_schema"
COHORT_KEY = b"convergence_lab_cohort"
"""Whose rows a file holds: two cohorts may have one seed. Files of before it was kept lack it."""
_METADATA = {VERSION_KEY: str(RECORDS_SCHEMA).encode()}


def _list_of(item: pa.DataType) -> pa.DataType:
    return pa.list_(pa.field("element", item))  # Parquet's own name for an item.


SEED_COLUMNS = {
    Factor.INIT: "init_id",
    Factor.ORDER: "data_order_id",
    Factor.DROPOUT: "dropout_id",
    Factor.SPLIT: "split_id",
}

MEMBERS = pa.schema(
    [
        pa.field("member", pa.int64(), nullable=False),
        pa.field("seed", pa.int64(), nullable=False),
        # Members with one id had the same draws; null where the cohort draws no such thing.
        pa.field("init_id", pa.int64(), nullable=False),
        pa.field("data_order_id", pa.int64(), nullable=False),
        pa.field("dropout_id", pa.int64(), nullable=True),
        pa.field("split_id", pa.int64(), nullable=True),
        # The member's own, as declared; null where its cohort has no such thing.
        *(pa.field(one.value, pa.float64(), nullable=True) for one in Hyperparameter),
        pa.field("outcome", pa.string(), nullable=False),
        # One item for each threshold, from the easiest to the hardest; null is "never".
        pa.field("hit_evaluation", _list_of(pa.int32()), nullable=False),
        pa.field("hit_step", _list_of(pa.int64()), nullable=False),
        pa.field("before_hit_step", _list_of(pa.int64()), nullable=False),
        pa.field("ended_evaluation", pa.int32(), nullable=False),
        pa.field("ended_step", pa.int64(), nullable=False),
        pa.field("diverged_at_step", pa.int64(), nullable=True),
    ],
    metadata=_METADATA,
)
"""A row a member, written when it has ended."""


def curves_schema(metrics: Sequence[Metric | NamedMetric]) -> pa.Schema:
    """A row an evaluation of a member; a float32 column a metric."""
    return pa.schema(
        [
            pa.field("member", pa.int64(), nullable=False),
            pa.field("evaluation", pa.int32(), nullable=False),
            pa.field("step", pa.int64(), nullable=False),
            *(pa.field(metric.value, pa.float32(), nullable=False) for metric in metrics),
        ],
        metadata=_METADATA,
    )


def members_table(
    cohort: CohortSpec,
    *,
    member: npt.ArrayLike,
    outcome: Sequence[Outcome],
    hit: npt.ArrayLike,
    reached: npt.ArrayLike,
    ended: npt.ArrayLike,
    diverged_at_step: npt.ArrayLike | None = None,
) -> pa.Table:
    """Rows for members that have ended (N of them, K thresholds).

    `member`, `ended` (an evaluation) and `diverged_at_step` (by default the step of the last
    evaluation; read only where the outcome is DIVERGED) have shape (N,); `hit` (an evaluation; read
    only where `reached`) and `reached` have shape (N, K). ValueError when shapes disagree.
    """
    member_N = np.asarray(member, np.int64).reshape(-1)
    count = len(member_N)
    shape = (count, len(cohort.target.thresholds))
    ended_N = _shaped(ended, np.int64, (count,), "ended")
    hit_NxK = _shaped(hit, np.int64, shape, "hit")
    reached_NxK = _shaped(reached, np.bool_, shape, "reached")
    if len(outcome) != count:
        raise ValueError(f"{len(outcome)} outcomes for {count} members")
    ended_step_N = ended_N * cohort.eval_every
    at_N = ended_step_N if diverged_at_step is None else diverged_at_step
    lived_N = np.array([one is not Outcome.DIVERGED for one in outcome], np.bool_)
    columns = [
        pa.array(member_N),
        pa.array(np.full(count, cohort.seed, np.int64)),
        pa.array(cohort.seeds.level(Factor.INIT, member_N)),
        pa.array(cohort.seeds.level(Factor.ORDER, member_N)),
        _ids(cohort, Factor.DROPOUT, cohort.draws, member_N),
        _ids(cohort, Factor.SPLIT, cohort.train_share < 1, member_N),
        *(_declared(cohort, one, member_N) for one in Hyperparameter),
        pa.array([one.value for one in outcome], pa.string()),
        _lists(hit_NxK, reached_NxK, pa.int32()),
        _lists(hit_NxK * cohort.eval_every, reached_NxK, pa.int64()),
        _lists((hit_NxK - 1) * cohort.eval_every, reached_NxK, pa.int64()),
        pa.array(ended_N.astype(np.int32)),
        pa.array(ended_step_N),
        pa.array(_shaped(at_N, np.int64, (count,), "diverged_at_step"), mask=lived_N),
    ]
    return pa.Table.from_arrays(columns, schema=_named(MEMBERS, cohort))


def curves_table(
    cohort: CohortSpec,
    *,
    member: npt.ArrayLike,
    evaluation: npt.ArrayLike,
    metrics: Mapping[Metric | NamedMetric, npt.ArrayLike],
) -> pa.Table:
    """Rows for evaluations, of shape (R,); `metrics` holds every metric of the cohort's task."""
    member_R = np.asarray(member, np.int64).reshape(-1)
    shape = (len(member_R),)
    evaluation_R = _shaped(evaluation, np.int64, shape, "evaluation")
    columns = [
        pa.array(member_R),
        pa.array(evaluation_R.astype(np.int32)),
        pa.array(evaluation_R * cohort.eval_every),
        *(
            pa.array(_shaped(metrics[metric], np.float32, shape, metric.value))
            for metric in cohort.metrics
        ),
    ]
    return pa.Table.from_arrays(columns, schema=_named(curves_schema(cohort.metrics), cohort))


def _named(schema: pa.Schema, cohort: CohortSpec) -> pa.Schema:
    return schema.with_metadata({**_METADATA, COHORT_KEY: cohort.name.encode()})


def _ids(
    cohort: CohortSpec, factor: Factor, drawn: bool, member_N: npt.NDArray[np.int64]
) -> pa.Array:
    """Levels of a factor; null where members draw nothing by it."""
    if not drawn:
        return pa.nulls(len(member_N), pa.int64())
    return pa.array(cohort.seeds.level(factor, member_N))


def _declared(
    cohort: CohortSpec, which: Hyperparameter, member_N: npt.NDArray[np.int64]
) -> pa.Array:
    values = np.array(cohort.values(which), np.float64)
    if not len(values):
        return pa.nulls(len(member_N), pa.float64())
    return pa.array(values[member_N % len(values)])


def _lists(
    values_NxK: npt.NDArray[np.int64], valid_NxK: npt.NDArray[np.bool_], item: pa.DataType
) -> pa.Array:
    count, width = values_NxK.shape
    items = pa.array(values_NxK.reshape(-1), mask=~valid_NxK.reshape(-1)).cast(item)
    offsets = pa.array(np.arange(count + 1, dtype=np.int32) * width)
    return pa.ListArray.from_arrays(offsets, items, type=_list_of(item))


def _shaped(
    values: npt.ArrayLike, dtype: type[np.generic], shape: tuple[int, ...], name: str
) -> npt.NDArray:
    array = np.asarray(values, dtype)
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}; it must be {shape}")
    return array
