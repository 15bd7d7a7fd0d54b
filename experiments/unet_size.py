"""Does a U-Net of 2,900 parameters converge later than one of 5,000, and is that normal?

    scripts/run                                     # 3 to 6 minutes on 2 CPU cores
    scripts/run unet_size --dataset=oxford_iiit_pet --image_size=64 --target=0.6

Two cohorts of U-Nets that differ in their width alone learn to find handwritten digits on
photographs, each at the learning rate that a search on other seeds found for it. Every member has
its own initial weights and its own order of the data. The time to a declared IoU on the whole
validation split is compared as two distributions, on the clocks steps, examples, FLOPs and seconds.

Expect the larger to be first in steps, and no direction in FLOPs, of which a step of the larger
takes 1.7 times as many: about as much as it saves. --tune=none compares both at one rate, at which
the smaller is first in FLOPs, and licenses no claim about size.
"""

import dataclasses
from collections.abc import Sequence

from absl import flags

from experiments import _causes, _clocks, _data, _flags, _study
from lab.data.loading import load, name_splits
from lab.errors import UsageError
from lab.models import Signature, match_parameters
from lab.specs import ContrastSpec, ModelSpec, StudySpec, UNetSpec
from lab.words import Cause, Metric, Task

QUESTION = (
    "A MobileNetV2-based U-Net of {small:,} parameters converged later than one of {large:,}. "
    "Do smaller neural nets always converge faster than larger ones, or is something wrong with it?"
)

_DATASET = flags.DEFINE_string(
    "dataset", "digits_on_photographs", "TFDS segmentation set: image and segmentation_mask."
)
_FOREGROUND = flags.DEFINE_list("foreground", ["1"], "Mask values that count as foreground.")
_SMALL = flags.DEFINE_integer("small_parameters", 2900, "Parameters of the smaller network.")
_LARGE = flags.DEFINE_integer("large_parameters", 5000, "Parameters of the larger network.")
_EXPANSION = flags.DEFINE_integer("expansion", 3, "Expansion of the inverted residuals.")
_LEARNING_RATE = flags.DEFINE_float(
    "learning_rate", 0.01, "Learning rate of both, or the middle of a search; 1 of prodigy."
)
_BUDGET = flags.DEFINE_integer("budget_steps", 800, "The most steps a member may take.")
_EVERY = flags.DEFINE_integer("eval_every", 20, "Steps from one evaluation to the next.")
_TARGET = flags.DEFINE_list("target", ["0.5", "0.65"], "IoU thresholds; the hardest one decides.")


def main() -> None:
    """Flags to study to answer."""
    _causes.scale(
        {"members": 48, "tune": "grid", "tune_trials": 5, "tune_repeats": 4, "tune_decades": 2.0},
        {"members": 256, "tune_trials": 13, "tune_repeats": 8, "tune_decades": 3.0},
    )
    sequential = _flags.sequential()
    spec = _data.data_spec(_DATASET.value, Task.SEGMENTATION, _FOREGROUND.value)
    counts = {"small": _SMALL.value, "large": _LARGE.value}
    _flags.require_increasing("small_parameters, large_parameters", tuple(counts.values()))
    declared = _flags.cohort_spec(
        name="declared",
        data=spec,
        model=UNetSpec(width=1.0, expansion=_EXPANSION.value),
        seed=_flags.SEED.value,
        metric=Metric.IOU,
        thresholds=_TARGET.value,
        learning_rate=_LEARNING_RATE.value,
        budget_steps=_BUDGET.value,
        eval_every=_EVERY.value,
    )
    # Late: a mistake in a flag must not cost a download.
    spec = name_splits(spec, _data.data_dir())
    data = load(spec, _data.data_dir())
    models = _models(tuple(counts.values()), data.train.inputs.shape[1:])
    seeds = _flags.seeds(len(counts))
    cohorts = [
        dataclasses.replace(declared, name=name, data=spec, model=model, seed=seed)
        for name, model, seed in zip(counts, models, seeds, strict=True)
    ]
    study = StudySpec(
        question=QUESTION.format(small=_SMALL.value, large=_LARGE.value),
        cohorts=_clocks.budgeted(cohorts, data),
        contrasts=(ContrastSpec(smaller="small", larger="large"),),
        sequential=sequential,
        cause=Cause.SIZE,
    )
    _study.answer("unet_size", study, {spec: data})


def _models(counts: Sequence[int], image_shape: tuple[int, ...]) -> tuple[ModelSpec, ...]:
    signature = Signature(image_shape, image_shape[:2])
    spec = UNetSpec(width=1.0, expansion=_EXPANSION.value)
    models = tuple(match_parameters(spec, count, signature).spec for count in counts)
    if len(set(models)) < len(models):
        raise UsageError(
            f"{' and '.join(map(str, counts))} parameters are the same network, to the nearest "
            "width: pass counts further apart"
        )
    return models


if __name__ == "__main__":
    flags.adopt_module_key_flags(_flags)
    _flags.run_main(main)
