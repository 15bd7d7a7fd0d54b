import dataclasses

import numpy as np
import pytest

from lab.errors import UsageError
from lab.records.cohort import Curves
from lab.specs import (
    ContrastSpec,
    MLPSpec,
    SearchSpec,
    Setting,
    StudySpec,
    TunedSpec,
    Varied,
    holding,
)
from lab.verdicts.judge import judge
from lab.verdicts.settings import at_setting, told_apart
from lab.verdicts.words import Verdict
from lab.words import Clock, Hyperparameter

RATES = (0.001, 0.003, 0.01)
SLOW, FAST = 60, 20


def rate(value):
    return Setting(Hyperparameter.LEARNING_RATE, value)


def varied(records):
    vary = (Varied(Hyperparameter.LEARNING_RATE, RATES),)
    return dataclasses.replace(records, spec=dataclasses.replace(records.spec, vary=vary))


def hits(base, seed):
    """Member i of the small net is slow at the first rate alone, of the large one at the last."""
    spread = np.random.default_rng(seed).integers(-8, 9, 96)
    return [base[index % 3] + int(spread[index]) for index in range(96)]


@pytest.fixture
def pair(made):
    small = varied(made(hits((SLOW, 40, FAST), 1)).records("small"))
    curves = Curves(np.arange(96).repeat(3), np.tile([1, 2, 3], 96), {})
    small = dataclasses.replace(small, curves=curves)
    large = varied(made(hits((FAST, 40, SLOW), 2), parameters=5000).records("large"))
    return {"small": small, "large": large}


def study(pair, **changes):
    specs = tuple(one.spec for one in pair.values())
    contrasts = tuple(ContrastSpec("small", "large", f"{one:g}", (rate(one),)) for one in RATES)
    return StudySpec("?", specs, contrasts, **changes)


def test_a_setting_has_its_members_alone_and_their_curves(pair):
    part = at_setting(pair["small"], [rate(0.01)])
    assert part.member.tolist() == list(range(2, 96, 3))
    assert part.spec.values(Hyperparameter.LEARNING_RATE) == (0.01,)
    assert part.planned == len(part.member) == part.spec.members == 32
    assert part.curves.member.tolist() == np.repeat(part.member, 3).tolist()
    assert part.spec.name == "small-learning-rate-0.01"
    parts = [at_setting(pair["small"], [rate(one)]) for one in RATES]
    assert sorted(np.concatenate([one.member for one in parts])) == list(range(96))


def test_contrasts_at_settings_are_judged_between_their_members(pair):
    verdict = judge(study(pair).comparison, pair)
    found = {
        one.level: one.decision.verdict
        for one in verdict.contrasts
        if one.clock is Clock.STEPS and one.target == 0.75
    }
    assert found["0.001"] is Verdict.LARGER_FASTER
    assert found["0.01"] is Verdict.SMALLER_FASTER
    assert found["0.003"] not in (Verdict.LARGER_FASTER, Verdict.SMALLER_FASTER)
    assert len(verdict.cohorts) == 6
    assert verdict.trend is None


def test_without_settings_nothing_changes(pair):
    comparison = dataclasses.replace(
        study(pair).comparison, contrasts=(ContrastSpec("small", "large"),)
    )
    assert told_apart(comparison, pair) == (comparison, pair)


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ((rate(0.02),), "no member of cohort 'small' has"),
        ((Setting(Hyperparameter.DROPOUT, 0.1),), "does not name all that varies"),
    ],
)
def test_a_setting_that_nobody_has_is_refused(pair, at, words):
    specs = tuple(one.spec for one in pair.values())
    with pytest.raises(UsageError, match=words):
        StudySpec("?", specs, (ContrastSpec("small", "large", at=at),))


def test_settings_of_unequal_numbers_of_members_are_refused(pair):
    specs = tuple(dataclasses.replace(one.spec, members=97) for one in pair.values())
    with pytest.raises(UsageError, match="pass --members=99"):
        StudySpec("?", specs, (ContrastSpec("small", "large", at=(rate(0.01),)),))


def test_two_that_vary_side_by_side_are_one_setting(pair):
    spec = dataclasses.replace(
        pair["small"].spec,
        model=MLPSpec(8),
        data=dataclasses.replace(pair["small"].spec.data),
        vary=(
            Varied(Hyperparameter.LEARNING_RATE, (0.1, 0.1, 0.01, 0.01)),
            Varied(Hyperparameter.LABEL_SMOOTHING, (0.0, 0.1, 0.0, 0.1)),
        ),
    )
    smoothing = Setting(Hyperparameter.LABEL_SMOOTHING, 0.1)
    assert spec.at((rate(0.01), smoothing)) == (3, 4)
    alone = holding(dataclasses.replace(spec, vary=()), (rate(0.01), smoothing))
    assert alone.optimizer.learning_rate == 0.01
    assert alone.recipe.label_smoothing == 0.1


def test_members_that_chose_the_rate_are_not_judged_by(pair):
    spec = dataclasses.replace(pair["small"].spec, vary=())
    tuned = TunedSpec(SearchSpec(), spec.seed, 7, 1e-4, 1e-1, True, 1000)
    with pytest.raises(UsageError, match="of the members that chose its hyperparameters"):
        dataclasses.replace(spec, tuned=tuned)
    with pytest.raises(UsageError, match="cannot be judged by"):
        dataclasses.replace(study(pair), search=True)


def test_a_study_with_settings_and_a_search_goes_to_json_and_back(pair):
    one = dataclasses.replace(
        pair["small"].spec, tuned=TunedSpec(SearchSpec(), 99, 7, 1e-4, 1e-1, True, 1000)
    )
    made = study({"small": dataclasses.replace(pair["small"], spec=one), "large": pair["large"]})
    assert StudySpec.from_json(made.to_json()) == made


def test_settings_and_cohorts_that_nearly_share_a_name_are_told_apart(made):
    """1e+09 stood as 1e-09, and a cohort a_b as a-b, so that one took the other's place."""
    records = varied(made([20] * 6).records("a_b"))
    vary = (Varied(Hyperparameter.LEARNING_RATE, (1e9, 1e-9)),)
    names = [
        at_setting(
            dataclasses.replace(
                records, spec=dataclasses.replace(records.spec, name=name, vary=vary)
            ),
            [rate(value)],
        ).spec.name
        for name in ("a_b", "a-b")
        for value in (1e9, 1e-9)
    ]
    assert names == [
        "a_b-learning-rate-1e9",
        "a_b-learning-rate-1e-9",
        "a-b-learning-rate-1e9",
        "a-b-learning-rate-1e-9",
    ]
