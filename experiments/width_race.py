"""Which width of an MLP or CNN converges first?

    scripts/run width_race                                     # about a minute on 2 CPU cores
    scripts/run width_race --architecture=cnn --widths=4,8,16,32
    scripts/run width_race --dataset=mnist --widths=16,64,256

One cohort a width on a classification set, every member with its own initial weights and its own
order of the data; each width against the next larger one, on the clocks steps, examples, FLOPs and
seconds.

Expect wider to be first in steps, and the order to turn in FLOPs, where a wide step costs more. All
at one shared learning rate: no claim about size in general. --tune=grid searches for one for each,
on members apart.
"""

import dataclasses

from absl import flags

from experiments import _clocks, _data, _flags, _study
from lab.data.loading import load, name_splits
from lab.errors import UsageError
from lab.specs import CNNSpec, ContrastSpec, MLPSpec, StudySpec
from lab.words import Metric, Task

_DATASET = flags.DEFINE_string(
    "dataset", "sklearn_digits", "TFDS classification set: image and label."
)
_ARCHITECTURE = flags.DEFINE_enum("architecture", "mlp", ["mlp", "cnn"], "Family of networks.")
_WIDTHS = flags.DEFINE_list(
    "widths", ["8", "32", "128"], "Units of a layer, or channels of a convolution; two or more."
)
_DEPTH = flags.DEFINE_integer("depth", 2, "Hidden layers, or convolutions.")
_LEARNING_RATE = flags.DEFINE_float(
    "learning_rate", 0.003, "Learning rate of every cohort; by default 1 of prodigy."
)
_BUDGET = flags.DEFINE_integer("budget_steps", 2000, "The most steps a member may take.")
_EVERY = flags.DEFINE_integer("eval_every", 10, "Steps from one evaluation to the next.")
_TARGET = flags.DEFINE_list("target", ["0.9", "0.95"], "Accuracies; the hardest one decides.")


def main() -> None:
    """Flags to study to answer."""
    sequential = _flags.sequential()
    widths = _widths()
    family = MLPSpec if _ARCHITECTURE.value == "mlp" else CNNSpec
    spec = _data.data_spec(_DATASET.value, Task.CLASSIFICATION)
    declared = tuple(
        _flags.cohort_spec(
            name=f"width-{width}",
            data=spec,
            model=family(width, _DEPTH.value),
            seed=seed,
            metric=Metric.ACCURACY,
            thresholds=_TARGET.value,
            learning_rate=_LEARNING_RATE.value,
            budget_steps=_BUDGET.value,
            eval_every=_EVERY.value,
        )
        for width, seed in zip(widths, _flags.seeds(len(widths)), strict=True)
    )
    # Late: a mistake in a flag must not cost a download.
    spec = name_splits(spec, _data.data_dir())
    data = load(spec, _data.data_dir())
    cohorts = _clocks.budgeted(
        [dataclasses.replace(cohort, data=spec) for cohort in declared], data
    )
    names = [cohort.name for cohort in cohorts]
    study = StudySpec(
        question=f"Do narrower {_ARCHITECTURE.value.upper()}s always converge faster than wider?",
        cohorts=cohorts,
        contrasts=tuple(map(ContrastSpec, names[:-1], names[1:])),
        sequential=sequential,
    )
    _study.answer("width_race", study, {spec: data})


def _widths() -> tuple[int, ...]:
    try:
        widths = tuple(int(width) for width in _WIDTHS.value)
    except ValueError:
        raise UsageError(
            f"widths is {','.join(_WIDTHS.value)!r}; it must be whole numbers: pass --widths=8,32"
        ) from None
    if len(widths) < 2:
        raise UsageError(f"widths is {_WIDTHS.value}; a race takes two or more: pass --widths=8,32")
    _flags.require_increasing("widths", widths)
    return widths


if __name__ == "__main__":
    flags.adopt_module_key_flags(_flags)
    _flags.run_main(main)
