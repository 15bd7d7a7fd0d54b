"""What a check finds is said before every verdict, and nothing is said where all is well."""

import dataclasses

import made_up
import numpy as np
import pytest

from lab.records.reader import cohort_records
from lab.verdicts.gate import check
from lab.verdicts.judge import judge
from lab.verdicts.words import Modifier
from lab.words import Factor

MEMBERS = 40
PAIR = (
    made_up.cohort("small", members=MEMBERS),
    made_up.cohort("large", members=MEMBERS, seed=8),
)


def learned(spec, speed=40.0, values=None):
    values = made_up.realistic(spec, speed, 0.8, spec.seed) if values is None else values
    return cohort_records(spec, 1_000, 1e6, *made_up.tables(spec, values))


def verdict(*cohorts):
    study = made_up.study(*(one.spec for one in cohorts))
    return judge(study.comparison, {one.spec.name: one for one in cohorts})


def test_sound_members_are_judged_without_a_word():
    found = verdict(*map(learned, PAIR))
    assert all(one.faults == () for one in found.checks)
    assert all(Modifier.CHECK_FAILED not in one.decision.modifiers for one in found.contrasts)
    assert "Warning" not in found.answer


@pytest.mark.parametrize("fault", ["copies", "drift"])
def test_every_verdict_comes_with_the_warning(fault):
    spec = PAIR[0]
    values = made_up.realistic(spec, 40.0, 0.8)
    if fault == "copies":
        values[10:30] = values[10]
        words = "19 of its 40 members have the very curve of another"
    else:
        values[: MEMBERS // 2] = made_up.realistic(
            dataclasses.replace(spec, members=MEMBERS // 2), 12.0, 0.8
        )
        words = "its earlier members differ from its later ones"
    found = verdict(learned(spec, values=values), learned(PAIR[1]))
    assert found.answer.startswith("Warning: cohort small: ")
    assert words in found.answer
    for one in found.contrasts:
        assert Modifier.CHECK_FAILED in one.decision.modifiers
        assert words in one.sentence


def test_members_of_crossed_seeds_are_not_asked_for_drift():
    records = learned(PAIR[0])
    crossed = dataclasses.replace(
        records, seed_ids={Factor.INIT: np.arange(MEMBERS) // 8, Factor.ORDER: np.arange(MEMBERS)}
    )
    generator = np.random.default_rng(0)
    assert check(records, generator).split.drift_p_value is not None
    assert check(crossed, generator).split.drift_p_value is None
