"""How much does the initial state decide: luck, the scheme of the draw, pretraining?

    scripts/run initial_state                                 # MLPs of width 16 and 64 on digits
    scripts/run initial_state --starts=family,orthogonal --widths=8,32,128
    scripts/luck RUN --cohort=width-16-crossed                 # what weights and order explain

The same networks from weights drawn by several schemes, from weights trained on another problem
(the digits 0 to 4, where the race is about 5 to 9), and from draws with the mean and variance of
each of those tensors; every cohort is tuned by the same search on other seeds. The last layer is
drawn anew throughout. At the level "crossed" members share 8 initial weights and 8 orders of the
data in all combinations, so that the share of luck in each can be told.

Expect pretrained first, then matched, then random (Raghu et al. 2019), and an order of the two
sizes that the start alone does not turn round.
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from experiments import _causes, _flags, _study
from experiments._unused import require_unused
from lab.causes import Level
from lab.errors import UsageError
from lab.specs import CohortSpec, InitialSpec, ModelSpec, SeedsSpec, SourceSpec, StudySpec
from lab.words import Cause, Scheme, Use

QUESTION = (
    "How much does the initial state decide which of a smaller and a larger network is first?"
)

_ASKED = _causes.define()
STARTS = {
    "family": InitialSpec(),
    "glorot": InitialSpec(Scheme.GLOROT),
    "lecun": InitialSpec(Scheme.LECUN),
    "orthogonal": InitialSpec(Scheme.ORTHOGONAL),
    "narrow": InitialSpec(Scheme.TRUNCATED_NORMAL, deviation=0.02),
}
CROSSED, PRETRAINED, MATCHED = "crossed", "pretrained", "matched"
_STARTS = flags.DEFINE_list(
    "starts",
    ["family", "orthogonal", "narrow", MATCHED, PRETRAINED, CROSSED],
    f"Of {', '.join(STARTS)} (truncated normal draws of deviation 0.02), {MATCHED}, {PRETRAINED}, "
    f"{CROSSED}.",
)
_WIDTHS = flags.DEFINE_list("widths", ["16", "64"], "Two widths or more, the smallest first.")
_BEFORE = flags.DEFINE_list("classes_before", list("01234"), "Classes of the pretraining.")
_AFTER = flags.DEFINE_list("classes_after", list("56789"), "Classes of the race.")

OF_A_START = (
    *("init", "deviation", "zero_branches", "zero", "pretrained", "matched", "fresh"),
    *("frozen", "parametrisation", "base_width"),
)
LAST_LAYER = "Dense_2"
LEVELS_OF_LUCK = 8


def main() -> None:
    """Flags to study to answer."""
    _causes.scale(
        {"tune": "grid"},
        {
            "members": 256,
            "widths": "4,16,64,256",
            "starts": ",".join([*STARTS, MATCHED, PRETRAINED, CROSSED]),
            "tune_trials": 13,
        },
    )
    require_unused(
        [*OF_A_START, "classes", "cross"],
        "the experiment goes through initial states itself",
    )
    widths = _causes.sizes("widths", _WIDTHS.value)
    starts = _causes.among("starts", _STARTS.value, [*STARTS, MATCHED, PRETRAINED, CROSSED])
    if CROSSED in starts:
        _require_whole_crossings()
    if not {MATCHED, PRETRAINED} & set(starts):
        require_unused(
            ["classes_before"],
            "no start is from trained weights",
            f"add {PRETRAINED} or {MATCHED} to --starts",
        )
    models = _causes.sized("mlp", widths)
    seeds = _flags.seeds(len(widths) * (len(starts) + 1))
    names = [f"width-{width}" for width in widths]
    before, after = (_causes.whole_numbers(flag.name, flag.value) for flag in (_BEFORE, _AFTER))
    declared = _declared(names, models, seeds, after)
    root = _root(starts, declared)
    trained = root.with_name(f"{root.name}-pretraining")
    levels = []
    for index, start in enumerate(starts, start=1):
        cohorts = [
            dataclasses.replace(
                _starting(one, start, trained), name=f"{one.name}-{start}", seed=seed
            )
            for one, seed in zip(declared, seeds[index * len(widths) :], strict=False)
        ]
        if start == CROSSED:
            cohorts = [dataclasses.replace(one, seed=cohorts[0].seed) for one in cohorts]
        levels.append(Level(start, tuple(cohorts)))
    # Late: a mistake in a flag must not cost a training.
    if {MATCHED, PRETRAINED} & set(starts):
        _pretrain(trained, _declared(names, models, seeds, before))
    _causes.answer("initial_state", Cause.INITIAL_STATE, QUESTION, levels, folder=root)


def _require_whole_crossings() -> None:
    every = LEVELS_OF_LUCK**2
    if _flags.members() % every or _flags.sequential() is not None:
        raise UsageError(
            f"at the level {CROSSED} members have each of {every} combinations of seeds equally "
            f"often, all of them from the start: pass --members={every}, without --sequential, or "
            f"--starts without {CROSSED}"
        )


def _declared(
    names: Sequence[str],
    models: Sequence[ModelSpec],
    seeds: Sequence[int],
    classes: Sequence[int],
) -> list[CohortSpec]:
    """A cohort a width, on some of the classes."""
    plain = _causes.data_spec(_ASKED)
    kept = tuple(classes)
    data = dataclasses.replace(
        plain, difficulty=dataclasses.replace(plain.difficulty, classes=kept)
    )
    return [
        _causes.cohort(_ASKED, name, data, model, seed)
        for name, model, seed in zip(names, models, seeds, strict=False)
    ]


def _starting(cohort: CohortSpec, start: str, trained: Path) -> CohortSpec:
    """The cohort with the initial state of a level."""
    if start == CROSSED:
        return dataclasses.replace(
            cohort, seeds=SeedsSpec(init=LEVELS_OF_LUCK, order=LEVELS_OF_LUCK)
        )
    if start in STARTS:
        return dataclasses.replace(cohort, initial=STARTS[start])
    source = SourceSpec(str(trained), cohort.name, 0)
    use = Use.PRETRAINED if start == PRETRAINED else Use.MATCHED
    return dataclasses.replace(
        cohort, initial=InitialSpec(source=source, use=use, fresh=(LAST_LAYER,))
    )


def _root(starts: Sequence[str], declared: Sequence[CohortSpec]) -> Path:
    asked = f"{starts} {declared} {_BEFORE.value} {_causes.fingerprint()}"
    return _flags.out_folder("initial_state", hashlib.sha256(asked.encode()).hexdigest()).resolve()


def _pretrain(folder: Path, cohorts: Sequence[CohortSpec]) -> None:
    """One member a width on the problem before; the race starts from where it got to."""
    alone = tuple(dataclasses.replace(one, members=1) for one in cohorts)
    (level,), data = _causes.opened([Level(PRETRAINED, alone)])
    study = StudySpec("Where members of another study start from.", level.cohorts, ())
    _study.train(study, data, folder)


if __name__ == "__main__":
    flags.adopt_module_key_flags(_flags)
    _flags.run_main(main)
