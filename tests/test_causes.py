"""Levels of a cause become one study."""

import dataclasses

import pytest
from toys import mlp_cohort

from lab.causes import Level, cause_study, requests
from lab.errors import UsageError
from lab.specs import Setting, StudySpec, Varied
from lab.words import Cause, Hyperparameter, Tune

SMALL, MIDDLE, LARGE = (
    mlp_cohort(name=name, seed=seed) for seed, name in enumerate(("small", "middle", "large"))
)


def other(cohort, ending):
    return dataclasses.replace(cohort, name=f"{cohort.name}-{ending}", seed=cohort.seed + 10)


def test_each_cohort_is_held_against_the_next_larger_at_every_level():
    levels = [
        Level("plain", (SMALL, MIDDLE, LARGE)),
        Level("noisy", (other(SMALL, "noisy"), other(LARGE, "noisy"))),
    ]
    study = cause_study(Cause.DIFFICULTY, "?", levels, "plain")
    assert [(one.smaller, one.larger, one.level) for one in study.contrasts] == [
        ("small", "middle", "plain"),
        ("middle", "large", "plain"),
        ("small-noisy", "large-noisy", "noisy"),
    ]
    assert StudySpec.from_json(study.to_json()) == study


def test_levels_that_are_settings_share_their_cohorts():
    rates = (0.1, 0.2)
    vary = (Varied(Hyperparameter.LEARNING_RATE, rates),)
    pair = tuple(dataclasses.replace(one, members=4, vary=vary) for one in (SMALL, LARGE))
    levels = [
        Level(f"{rate:g}", pair, (Setting(Hyperparameter.LEARNING_RATE, rate),)) for rate in rates
    ]
    study = cause_study(Cause.LEARNING_RATE, "?", levels, "0.1")
    assert study.cohorts == pair
    assert [one.at[0].value for one in study.contrasts] == [0.1, 0.2]


def test_levels_and_cohorts_of_one_name_are_refused():
    pair = (SMALL, LARGE)
    with pytest.raises(UsageError, match="not distinct"):
        cause_study(Cause.DEPTH, "?", [Level("one", pair), Level("one", pair)], "one")
    changed = (dataclasses.replace(SMALL, seed=99), LARGE)
    with pytest.raises(UsageError, match="different cohorts 'small'"):
        cause_study(Cause.DEPTH, "?", [Level("one", pair), Level("two", changed)], "one")


def test_a_level_has_its_own_way_to_a_rate_or_that_of_the_others():
    levels = [Level("shared", (SMALL,), tune=Tune.NONE), Level("tuned", (LARGE,))]
    assert requests(levels, Tune.GRID) == {"small": Tune.NONE, "large": Tune.GRID}
