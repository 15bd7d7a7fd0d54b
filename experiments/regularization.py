"""On little text, does regularisation decide whether the smaller network converges first?

    scripts/run regularization                                # two Transformers, a tenth of a text
    scripts/run regularization --fractions=0.05,0.2,1 --dropouts=0,0.2,0.4 --full
    scripts/run regularization --dataset=tiny_shakespeare --window=128
    scripts/run regularization --dataset=huggingface:ptb_text_only --tokens=bpe   # needs a network

A small and a larger Transformer learn to say the next character of a share of the text, with every
combination of dropout and weight decay (AdamW), all of them lanes of one program a network. Rates
are tuned by the same search on other seeds, without dropout at the default decay, and kept.

Expect the time to a fixed validation loss to rise with dropout for both (what the question's first
answer says of Transformers on small data), and the larger network to be first; whether the order
turns as the text shrinks is a guess that is put to the test.
"""

import dataclasses
import itertools
from collections.abc import Sequence

from absl import flags

from experiments import _causes, _flags, _study
from lab.causes import Level, cause_study
from lab.errors import UsageError
from lab.specs import AdamWSpec, CohortSpec, DataSpec, Setting, StudySpec, Varied, holding
from lab.words import Cause, Hyperparameter, Tune

QUESTION = "On little text, does regularisation decide whether the smaller network converges first?"

_ASKED = _causes.define(
    dataset="python_documentation",
    target=("4", "3.5"),
    learning_rate=0.003,
    budget_steps=600,
    eval_every=20,
)
_WIDTHS = flags.DEFINE_list("widths", ["12", "32"], "Two widths or more, the smallest first.")
_DEPTH = flags.DEFINE_integer("depth", 1, "Blocks of the Transformer.")
_HEADS = flags.DEFINE_integer("heads", 2, "Heads of its attention.")
_DROPOUTS = flags.DEFINE_list("dropouts", ["0", "0.1", "0.3"], "Each with each of --decays.")
_DECAYS = flags.DEFINE_list("decays", ["0.01", "0.3"], "Weight decays of AdamW.")
_FRACTIONS = flags.DEFINE_list("fractions", ["0.1"], "Shares of the text that is learned from.")


def main() -> None:
    """Flags to study to answer."""
    _causes.scale(
        {
            "tune": "grid",
            "tune_trials": 5,
            "tune_repeats": 4,
            "tune_decades": 2.0,
            "members": 16,
            "window": 32,
        },
        {
            "tune_trials": 13,
            "tune_repeats": 8,
            "tune_decades": 3.0,
            "members": 64,
            "window": 64,
            "widths": "16,32,64,128",
            "fractions": "0.03,0.1,0.3,1",
        },
    )
    _causes.require_unused(
        (
            *("optimizer", "momentum", "weight_decay", "dropout", "train_fraction"),
            *("sequential", "cross", "vary", "tune_also"),
        ),
        "the experiment turns regularisation and the amount of text itself",
    )
    settings = tuple(
        itertools.product(
            _causes.numbers("dropouts", _DROPOUTS.value), _causes.numbers("decays", _DECAYS.value)
        )
    )
    if len(set(settings)) < max(2, len(settings)):
        raise UsageError(
            f"dropouts is {','.join(_DROPOUTS.value)} and decays is {','.join(_DECAYS.value)}; "
            "they make two settings or more, each once: pass --dropouts=0,0.1"
        )
    # Made before anything is trained, so that a mistake costs nothing.
    texts = _texts()
    folder = _study.folder_of("regularization", _study_of(texts, settings))
    found, data = _causes.opened(texts)
    # Rates first, without regularisation: they hold for all settings alike.
    plain = cause_study(Cause.REGULARIZATION, QUESTION, found, "")
    tuned = _study.tuned(plain, data, folder)
    found = [
        one._replace(cohorts=tuple(tuned.cohort(each.name) for each in one.cohorts))
        for one in found
    ]
    study = _study_of(found, settings)
    untouched = {cohort.name: Tune.NONE for cohort in study.cohorts}
    _study.answer("regularization", study, data, untouched, folder)


def _texts() -> list[Level]:
    """A level a share of the text, of cohorts that have no setting yet."""
    widths = _causes.sizes("widths", _WIDTHS.value)
    models = _causes.sized("transformer", widths, depth=_DEPTH.value, heads=_HEADS.value)
    fractions = _causes.numbers("fractions", _FRACTIONS.value)
    seeds = iter(_flags.seeds(len(widths) * len(fractions)))
    return [
        Level(
            "" if len(fractions) == 1 else f", {fraction:g} of the text",
            tuple(
                dataclasses.replace(
                    _causes.cohort(
                        _ASKED,
                        f"width-{width}-text-{fraction:g}",
                        _part(fraction),
                        model,
                        next(seeds),
                    ),
                    optimizer=AdamWSpec(_ASKED.learning_rate.value),
                )
                for width, model in zip(widths, models, strict=True)
            ),
        )
        for fraction in fractions
    ]


def _study_of(texts: Sequence[Level], settings: Sequence[tuple[float, float]]) -> StudySpec:
    """Every setting on every share of the text."""
    levels = []
    for one in texts:
        cohorts = [_varied(each, settings) for each in one.cohorts]
        levels += [_level(one, cohorts, setting) for setting in settings]
    return cause_study(Cause.REGULARIZATION, QUESTION, levels, levels[0].name)


def _part(fraction: float) -> DataSpec:
    spec = _causes.data_spec(_ASKED)
    return dataclasses.replace(
        spec, difficulty=dataclasses.replace(spec.difficulty, train_fraction=fraction)
    )


def _varied(cohort: CohortSpec, settings: Sequence[tuple[float, float]]) -> CohortSpec:
    """Members have the settings in turn, --members of them each."""
    dropouts, decays = zip(*settings, strict=True)
    named = ((Hyperparameter.DROPOUT, dropouts), (Hyperparameter.WEIGHT_DECAY, decays))
    one = [Setting(which, values[0]) for which, values in named]
    return dataclasses.replace(
        holding(cohort, one),
        members=len(settings) * cohort.members,
        vary=tuple(Varied(which, values) for which, values in named if len(set(values)) > 1),
    )


def _level(text: Level, cohorts: Sequence[CohortSpec], setting: tuple[float, float]) -> Level:
    dropout, decay = setting
    values = {Hyperparameter.DROPOUT: dropout, Hyperparameter.WEIGHT_DECAY: decay}
    at = tuple(Setting(one.hyperparameter, values[one.hyperparameter]) for one in cohorts[0].vary)
    return Level(f"dropout {dropout:g}, decay {decay:g}{text.name}", tuple(cohorts), at)


if __name__ == "__main__":
    flags.adopt_module_key_flags(_flags)
    _flags.run_main(main)
