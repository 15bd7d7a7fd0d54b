"""Do networks of equal size converge alike, or does the architecture decide?

    scripts/run same_count                                    # four families of 2,850 parameters
    scripts/run same_count --families=mlp,cnn --parameters=10000
    scripts/run same_count --dials='{"depth": 2}' --dials='{"depth": 6}' --families=mlp,mlp

Each family against the first, all of as nearly the same number of parameters as their widths
allow, and each tuned by the same search on other seeds. "Smaller" and "larger" are then a matter of
a few parameters: what is asked is which architecture is first.

Expect large differences, since a count says little of how a network learns: at an equal count a
shift in steps of several times is nothing unusual.
"""

import dataclasses

from absl import flags

from experiments import _causes, _data, _flags
from lab.causes import Level
from lab.errors import UsageError
from lab.models import count_parameters, match_parameters
from lab.races import distinct_names, open_data
from lab.specs import ModelSpec
from lab.specs.families import model_spec, read_dials
from lab.training.problem import make_problem
from lab.words import Cause

QUESTION = "Do networks of equal size converge alike, or does the architecture decide?"

_ASKED = _causes.define(budget_steps=2000, eval_every=20)
_FAMILIES = flags.DEFINE_list(
    "families", ["mlp", "cnn", "resnet", "vit"], "Two families or more; the first is compared with."
)
_DIALS = flags.DEFINE_multi_string(
    "dials",
    ["{}", '{"depth": 3}', '{"blocks": 1}', '{"depth": 1, "heads": 2, "patch": 2}'],
    "Dials of a family as JSON, besides its width; once for each family.",
)
_PARAMETERS = flags.DEFINE_integer("parameters", 2850, "How many parameters each shall have.")
_TOLERANCE = flags.DEFINE_float("tolerance", 0.05, "How far off a network may be, as a share.")


def main() -> None:
    """Flags to study to answer."""
    _causes.scale(
        {"tune": "grid", "members": 48, "tune_trials": 5, "tune_repeats": 4},
        {"members": 256, "parameters": 30000, "tune_trials": 13, "tune_repeats": 8},
    )
    names, models = _entrants()
    seeds = _flags.seeds(len(models))
    declared = [
        _causes.cohort(_ASKED, name, _causes.data_spec(_ASKED), model, seed)
        for name, model, seed in zip(names, models, seeds, strict=True)
    ]
    # Late: a mistake in a flag must not cost a download.
    spec, data = open_data(declared[0].data, _data.data_dir())
    signature = make_problem(spec, data).signature
    cohorts = []
    for cohort in declared:
        match = match_parameters(
            cohort.model, _PARAMETERS.value, signature, "width", _TOLERANCE.value
        )
        print(f"{cohort.name}: {match}")
        cohorts.append(dataclasses.replace(cohort, model=match.spec))
    counts = {one.name: count_parameters(one.model, signature) for one in cohorts}
    levels = []
    for other in cohorts[1:]:
        pair = tuple(sorted((cohorts[0], other), key=lambda one: counts[one.name]))
        levels.append(Level(f"{pair[0].name} against {pair[1].name}", pair))
    _causes.answer("same_count", Cause.ARCHITECTURE, QUESTION, levels, baseline=False)


def _entrants() -> tuple[tuple[str, ...], list[ModelSpec]]:
    families, dials = _FAMILIES.value, [read_dials(text) for text in _DIALS.value]
    if len(families) < 2:
        raise UsageError(
            f"families is {','.join(families)!r}; a comparison takes two or more: pass "
            "--families=mlp,cnn"
        )
    if len(families) != len(dials) and not flags.FLAGS["dials"].present:
        dials = [{} for _ in families]
    if len(families) != len(dials):
        raise UsageError(
            f"dials is given {len(dials)} times for {len(families)} families; it must be once for "
            "each: pass '{}' where none is turned"
        )
    models = [
        model_spec(family, one, free="width") for family, one in zip(families, dials, strict=True)
    ]
    return distinct_names(families, dials), models


if __name__ == "__main__":
    flags.adopt_module_key_flags(_flags)
    _flags.run_main(main)
