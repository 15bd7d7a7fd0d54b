"""What a round of a search trains, as a study."""

import dataclasses

import pytest
from made_up import cohort, study

from lab.specs import AdamWSpec, SearchSpec, SeedsSpec, Setting
from lab.tuning.plan import Asked, Seeker
from lab.tuning.rounds import round_study, tuning_seed
from lab.tuning.trials import Trial, trials_of
from lab.words import Hyperparameter

DECAY = Hyperparameter.WEIGHT_DECAY
THREE = tuple(map(Trial, (0.1, 0.01, 0.001)))


def made(number=1, trials=THREE, repeats=2, **changes):
    one = cohort("small", **changes)
    seeker = Seeker("small", SearchSpec(), 0.01, tuning_seed(one.seed), group=0)
    asked = {"small": Asked(trials, repeats)}
    (found,) = round_study(study(one), {"small": seeker}, asked, number).cohorts
    return found


def test_a_round_may_have_more_trials_than_the_study_has_members():
    assert made(members=1).members == 6


def test_every_round_has_seeds_of_its_own():
    seeds = {made(number).seed for number in range(1, 50)}
    assert len(seeds) == 49
    assert cohort().seed not in seeds
    assert tuning_seed(cohort().seed) not in {*seeds, cohort().seed}
    assert made().seed != made(seed=8).seed


@pytest.mark.parametrize(
    ("declared", "searched"),
    [
        (SeedsSpec(), SeedsSpec()),
        (SeedsSpec(init=3, order=2), SeedsSpec()),
        (SeedsSpec(order=1), SeedsSpec(order=1)),
    ],
)
def test_crossed_levels_are_not_mixed_up_with_trials(declared, searched):
    assert made(seeds=declared).seeds == searched


@pytest.mark.parametrize(
    "trials",
    [
        (Trial(0.1), Trial(0.01)),
        (Trial(0.1),),
        (Trial(0.1, (Setting(DECAY, 0.0),)), Trial(0.1, (Setting(DECAY, 0.5),))),
        (Trial(0.1, (Setting(DECAY, 0.5),)), Trial(0.2, (Setting(DECAY, 0.5),))),
    ],
)
def test_trials_are_read_back_from_what_was_declared(trials):
    beside = tuple(one.hyperparameter for one in trials[0].beside)
    found = made(trials=trials, optimizer=AdamWSpec(0.003))
    assert trials_of(found, beside) == trials
    assert dataclasses.replace(found, vary=()).members == 2 * len(trials)
