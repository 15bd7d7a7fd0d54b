"""What TensorBoard and Weights & Biases save from a chart, turned into long form."""

import pyarrow as pa
import pyarrow.compute as pc

VALUE = "Value"
"""TensorBoard's column of values, whatever the metric; wide files are given the same."""
_TENSORBOARD = {"Wall time", "Step", "Value"}


def in_long_form(table: pa.Table, metric: str, step: str | None) -> pa.Table:
    """A chart of Weights & Biases (a column `RUN - METRIC` a run) melted; others as they are.

    Its columns `RUN - METRIC__MIN` and `__MAX` are bounds of what was averaged for the chart.

    TensorBoard's file, one a run, is long already: `Wall time,Step,Value`.
    """
    if step is None or metric in table.column_names or set(table.column_names) == _TENSORBOARD:
        return table
    ending = f" - {metric}"
    runs = [name for name in table.column_names if name.endswith(ending)]
    if not runs:
        return table
    parts = [
        pa.table(
            {
                step: table[step],
                VALUE: pc.cast(table[name], pa.string()),
                "run": pa.array([name.removesuffix(ending)] * len(table), pa.string()),
            }
        )
        for name in runs
    ]
    return pa.concat_tables(parts)
