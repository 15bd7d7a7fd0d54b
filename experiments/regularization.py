"""On little text, does regularisation decide whether the smaller network converges first?

    scripts/run regularization                                # two Transformers, a tenth of a text
    scripts/run regularization --fractions=0.05,0.2,1 --dropouts=0,0.2,0.4 --full
    scripts/run regularization --dataset=tiny_shakespeare --window=128
    scripts/run regularization --dataset=huggingface:ptb_text_only --tokens=bpe   # needs a network

A small and a larger Transformer learn to say the next character of a share of the text, with every
combination of dropout and weight decay (AdamW), at rates found for each network and combination.

Expect the time to a fixed validation loss to rise with dropout for both (what the question's first
answer says of Transformers on small data), and the larger network to be first; whether the order
turns as the text shrinks is a guess that is put to the test.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping

from absl import flags

from experiments import _causes, _flags
from experiments._unused import require_unused
from lab.causes import Level
from lab.errors import UsageError
from lab.quantities import exact
from lab.specs import AdamWSpec, CohortSpec, DataSpec, ModelSpec, Setting, holding
from lab.words import Cause, Hyperparameter

QUESTION = "On little text, does regularisation decide whether the smaller network converges first?"

_ASKED = _causes.define(
    dataset="python_documentation",
    target=("4", "3.5"),
    learning_rate=0.01,
    budget_steps=320,
    eval_every=20,
)
_WIDTHS = flags.DEFINE_list("widths", ["12", "32"], "Two widths or more, the smallest first.")
_DEPTH = flags.DEFINE_integer("depth", 1, "Blocks of the Transformer.")
_HEADS = flags.DEFINE_integer("heads", 2, "Heads of its attention.")
_DROPOUTS = flags.DEFINE_list("dropouts", ["0", "0.3"], "Each with each of --decays.")
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
            "members": 24,
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
    require_unused(
        ["optimizer", "momentum", "weight_decay", "dropout", "train_fraction", "tune_also"],
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
    fractions = _causes.numbers("fractions", _FRACTIONS.value)
    if not fractions:
        raise UsageError("fractions is empty; some text is learned from: pass --fractions=0.1")
    models = _models()
    seeds = iter(_flags.seeds(len(models) * len(fractions) * len(settings)))
    levels = [
        _level(fraction, len(fractions) > 1, setting, models, seeds)
        for fraction, setting in itertools.product(fractions, settings)
    ]
    _causes.answer("regularization", Cause.REGULARIZATION, QUESTION, levels)


def _models() -> dict[int, ModelSpec]:
    """The Transformers by their width."""
    widths = _causes.sizes("widths", _WIDTHS.value)
    models = _causes.sized("transformer", widths, depth=_DEPTH.value, heads=_HEADS.value)
    return dict(zip(widths, models, strict=True))


def _level(
    fraction: float,
    told: bool,
    setting: tuple[float, float],
    models: Mapping[int, ModelSpec],
    seeds: Iterator[int],
) -> Level:
    """Every width on that share of the text, with one setting; the share is `told` by its name."""
    dropout, decay = setting
    text = f" on {exact(fraction)} of the text" if told else ""
    ending = f"dropout-{exact(dropout)}-decay-{exact(decay)}"
    if told:
        ending += f"-text-{exact(fraction)}"
    return Level(
        f"dropout {exact(dropout)} with decay {exact(decay)}{text}",
        tuple(
            _cohort(f"width-{width}-{ending}", _part(fraction), setting, model, next(seeds))
            for width, model in models.items()
        ),
    )


def _cohort(
    name: str, data: DataSpec, setting: tuple[float, float], model: ModelSpec, seed: int
) -> CohortSpec:
    dropout, decay = setting
    plain = _causes.cohort(_ASKED, name, data, model, seed)
    decaying = dataclasses.replace(plain, optimizer=AdamWSpec(_ASKED.learning_rate.value))
    return holding(
        decaying,
        [Setting(Hyperparameter.DROPOUT, dropout), Setting(Hyperparameter.WEIGHT_DECAY, decay)],
    )


def _part(fraction: float) -> DataSpec:
    spec = _causes.data_spec(_ASKED, draws=True)
    return dataclasses.replace(
        spec, difficulty=dataclasses.replace(spec.difficulty, train_fraction=fraction)
    )


if __name__ == "__main__":
    flags.adopt_module_key_flags(_flags)
    _flags.run_main(main)
