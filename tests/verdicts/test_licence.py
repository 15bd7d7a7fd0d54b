"""What each way to a learning rate licenses (STATISTICS, section 2)."""

import dataclasses
import math

import numpy as np
import pytest

from lab.specs import ContrastSpec, SearchSpec, StudySpec, TunedSpec
from lab.verdicts.document import from_json, to_json
from lab.verdicts.judge import judge
from lab.verdicts.words import Modifier, Verdict
from lab.words import Clock, Search


def drawn(seed, centre, members=64):
    hits = np.ceil(np.random.default_rng(seed).lognormal(math.log(centre), 0.35, members))
    return [int(hit) if hit <= 99 else None for hit in hits]


FAST, SLOW = drawn(1, 25), drawn(2, 40)
PLAIN = TunedSpec(
    search=SearchSpec(),
    seed=99,
    trials=10,
    lowest=1e-4,
    highest=0.1,
    complete=True,
    member_steps=1000,
)
TRANSFERRED = dataclasses.replace(PLAIN, source="small")


@pytest.fixture
def verdict_of(made):
    """Of a small cohort that is faster, and a large one, with rates found so."""

    def judged(small, large, hits=(FAST, SLOW), rates=(0.003, 0.001)):
        records = {}
        for name, tuned, own, rate in zip(
            ("small", "large"), (small, large), hits, rates, strict=True
        ):
            one = made(own, learning_rate=rate).records(name)
            spec = dataclasses.replace(one.spec, tuned=tuned)
            records[name] = dataclasses.replace(one, spec=spec)
        study = StudySpec(
            question="?",
            cohorts=tuple(one.spec for one in records.values()),
            contrasts=(ContrastSpec("small", "large"),),
        )
        return judge(study.comparison, records)

    return judged


def hardest(verdict):
    (found,) = [one for one in verdict.contrasts if (one.clock, one.target) == (Clock.STEPS, 0.75)]
    return found


LICENCES = {
    "equal searches": (PLAIN, PLAIN, Modifier.TUNED, "when each is tuned with 10 trials of this"),
    "muP": (TRANSFERRED, TRANSFERRED, Modifier.TRANSFERRED, "transferred from small by muP"),
    "one of them": (PLAIN, None, Modifier.AS_CONFIGURED, "unequal kind or effort (10 and 0"),
    "more trials": (
        PLAIN,
        dataclasses.replace(PLAIN, trials=13),
        Modifier.AS_CONFIGURED,
        "(10 and 13 trials)",
    ),
    "other range": (
        PLAIN,
        dataclasses.replace(PLAIN, search=SearchSpec(decades=2.0)),
        Modifier.AS_CONFIGURED,
        "as configured",
    ),
    "other method": (
        PLAIN,
        dataclasses.replace(PLAIN, search=SearchSpec(Search.RANDOM)),
        Modifier.AS_CONFIGURED,
        "as configured",
    ),
    "search and muP": (PLAIN, TRANSFERRED, Modifier.AS_CONFIGURED, "as configured"),
}


@pytest.mark.parametrize("name", LICENCES)
def test_licence_and_its_words(verdict_of, name):
    small, large, modifier, words = LICENCES[name]
    verdict = verdict_of(small, large)
    found = hardest(verdict)
    assert modifier in found.decision.modifiers
    licences = {Modifier.TUNED, Modifier.TRANSFERRED, Modifier.AS_CONFIGURED}
    assert len(licences & set(found.decision.modifiers)) == 1
    assert found.decision.verdict is Verdict.SMALLER_FASTER
    for text in (found.claim, found.sentence, verdict.answer):
        assert words in text
        if modifier is Modifier.AS_CONFIGURED:
            assert "no claim about size in general" in text
        else:
            assert "for these tuned rates: another search may find others" in text
            assert "no claim about size" not in text


def test_one_rate_found_by_both_searches_is_a_tuned_one(verdict_of):
    verdict = verdict_of(PLAIN, PLAIN, rates=(0.003, 0.003))
    assert Modifier.TUNED in hardest(verdict).decision.modifiers


@pytest.mark.parametrize("whole", [PLAIN, TRANSFERRED])
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("hits", [(FAST, SLOW), (SLOW, FAST)])
def test_incomplete_tuning_names_no_direction(verdict_of, whole, which, hits):
    sides = [whole, whole]
    sides[which] = dataclasses.replace(whole, complete=False)
    verdict = verdict_of(*sides, hits=hits)
    assert Modifier.TUNING_INCOMPLETE in hardest(verdict).decision.modifiers
    assert {one.decision.verdict for one in verdict.contrasts} == {Verdict.UNDECIDED}
    assert {one.decision.more_members for one in verdict.contrasts} == {None}
    name = ("small", "large")[which]
    for text in (hardest(verdict).sentence, verdict.answer):
        assert "tuning is incomplete" in text
        assert name in text.lower().partition("no direction may be named, for ")[2]
        assert "--tune" in text
        assert "was faster" not in text
    assert from_json(to_json(verdict)) == verdict


def test_incomplete_tuning_forbids_a_crossing_too_but_no_equality(verdict_of):
    crossing = ([12, 13, 14, 15] * 16 + [80, 81, 82, 83] * 16, [40, 41, 42, 43] * 32)
    even = ([8, 10, 12, 14, 16, 18, 20, 22, 24, 26] * 70,) * 2
    open_ = dataclasses.replace(PLAIN, complete=False)
    assert hardest(verdict_of(PLAIN, PLAIN, crossing)).decision.verdict is Verdict.CROSSING
    assert hardest(verdict_of(open_, PLAIN, crossing)).decision.verdict is Verdict.UNDECIDED
    found = hardest(verdict_of(open_, PLAIN, even))
    assert found.decision.verdict is Verdict.EQUIVALENT
    assert "No direction may be named" in found.sentence


def judged_in_a_row(made, *tuned):
    """Ever larger and slower nets, each against the next."""
    records = {}
    for index, one in enumerate(tuned):
        plain = made(
            drawn(index, 20 + 12 * index), parameters=100 * 4**index, learning_rate=0.01 / 2**index
        )
        record = plain.records(f"net-{index}")
        spec = dataclasses.replace(record.spec, tuned=one)
        records[spec.name] = dataclasses.replace(record, spec=spec)
    names = list(records)
    study = StudySpec(
        question="?",
        cohorts=tuple(one.spec for one in records.values()),
        contrasts=tuple(map(ContrastSpec, names[:-1], names[1:])),
    )
    return judge(study.comparison, records)


def test_several_pairs_share_a_claim_where_they_share_a_licence(made):
    same = judged_in_a_row(made, PLAIN, PLAIN, PLAIN).answer
    assert "measured when each is tuned with 10 trials of this search (grid); for" in same
    none = judged_in_a_row(made, None, None, None).answer
    assert "rates not tuned for each size: no claim" in none
    mixed = judged_in_a_row(made, PLAIN, PLAIN, None).answer
    assert "different licences (1 with each net tuned, 1 as configured)" in mixed
    assert "no claim about size" in mixed


def test_a_trend_is_a_direction_too(made):
    assert judged_in_a_row(made, PLAIN, PLAIN, PLAIN).trend is not None
    open_ = dataclasses.replace(PLAIN, complete=False)
    found = judged_in_a_row(made, PLAIN, open_, PLAIN)
    assert found.trend is None
    assert found.answer.count("the best rate of net-1 cannot be told") == 1
