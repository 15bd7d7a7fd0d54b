"""The course of searches on problems whose best rate is known on paper."""

import dataclasses
import math

import numpy as np
import pytest

from lab.specs import SearchSpec, Setting, Varied
from lab.tuning.choosing import best, open_ends, transfers
from lab.tuning.plan import Seeker, chosen, is_complete, next_round, tuned_spec
from lab.tuning.trials import Result, Round, Trial, pooled
from lab.words import Hyperparameter, Search

HORIZON = 2000.0


def descent(rate, generator):
    """Steps of gradient descent on theta^2/2 to a loss of 1e-4, from theta near 1: 1 at rate 1."""
    theta = generator.lognormal(0, 0.3)
    factor = abs(1 - rate)
    if factor == 0 or theta**2 / 2 <= 1e-4:
        return 1.0
    if factor >= 1:
        return HORIZON
    steps = math.ceil(math.log(1e-4 / (theta**2 / 2)) / (2 * math.log(factor)))
    return float(min(max(steps, 1), HORIZON))


def run(seekers, steps=descent, seed=0):
    """Every round until the searches are done; steps(rate, generator) is a member's time."""
    generator = np.random.default_rng(seed)
    histories, asked_for = {}, []
    while asked := next_round(seekers, histories):
        asked_for.append(asked)
        for name, one in asked.items():
            results = []
            for trial in one.trials:
                times = np.array([steps(trial.rate, generator) for _ in range(one.repeats)])
                results.append(Result(trial, times, int((times < HORIZON).sum()), 0))
            total = int(sum(result.restricted_R.sum() for result in results))
            histories.setdefault(name, []).append(Round(tuple(results), total))
    return histories, asked_for


def seeker(name="net", centre=1.0, group=0, source=None, **search):
    return Seeker(name, SearchSpec(**search), centre, seed=11, group=group, source=source)


@pytest.mark.parametrize("method", Search)
def test_the_known_best_rate_is_found(method):
    one = seeker(centre=0.5, method=method, trials=9)
    histories, _ = run([one])
    assert 0.4 < chosen(one, histories).rate < 1.6
    assert is_complete(one, histories)


@pytest.mark.parametrize("method", Search)
def test_an_edge_is_found_and_passed(method):
    one = seeker(centre=0.01, method=method, trials=9)
    histories, asked = run([one])
    first = asked[0]["net"].trials
    assert max(trial.rate for trial in first) < 0.4
    assert 0.3 < chosen(one, histories).rate < 2
    assert is_complete(one, histories)
    assert tuned_spec(one, histories).trials > 9


def test_an_edge_that_cannot_be_passed_is_told():
    one = seeker(centre=1e-4, extensions=1)
    histories, asked = run([one])
    assert len(asked) == 2
    assert not is_complete(one, histories)
    assert not tuned_spec(one, histories).complete


def test_without_extensions_there_is_one_round():
    one = seeker(centre=0.01, extensions=0)
    histories, asked = run([one])
    assert len(asked) == 1
    assert not is_complete(one, histories)


def test_those_compared_get_equal_effort_and_others_none_of_it():
    near, far = seeker("near", 0.5), seeker("far", 0.01)
    apart = seeker("apart", 0.5, group=1)
    histories, asked = run([near, far, apart])
    specs = {one.name: tuned_spec(one, histories) for one in (near, far, apart)}
    assert specs["near"].trials == specs["far"].trials > specs["apart"].trials == 7
    for each in asked:
        if "near" in each:
            assert len(each["near"].trials) == len(each["far"].trials)
            assert each["near"].repeats == each["far"].repeats
    # One refines where the other goes on.
    lowest, highest = sorted(trial.rate for trial in asked[0]["near"].trials)[::6]
    assert all(lowest < trial.rate < highest for trial in asked[1]["near"].trials)
    assert max(trial.rate for trial in asked[1]["far"].trials) > 0.4


def test_halving_is_equal_too_where_one_had_members_again():
    def rare(rate, generator):
        """One member in three arrives, at rate 1 alone."""
        return 100.0 if rate == 1 and generator.random() < 0.34 else HORIZON

    one, other = seeker("one", method=Search.HALVING), seeker("two", 0.01, method=Search.HALVING)
    histories, asked = run([one, other], rare)
    assert tuned_spec(one, histories).trials == tuned_spec(other, histories).trials
    for each in asked:
        assert set(each) == {"one", "two"}
        assert len(each["one"].trials) == len(each["two"].trials)
        assert each["one"].repeats == each["two"].repeats


def test_halving_keeps_the_better_half_with_twice_the_members():
    one = seeker(method=Search.HALVING, trials=8, repeats=3)
    histories, asked = run([one])
    halvings = [each["net"] for each in asked if each["net"].repeats > 3]
    assert [each.repeats for each in halvings] == [6, 12]
    assert [len(each.trials) for each in halvings] == [4, 2]
    assert chosen(one, histories) in halvings[-1].trials
    before = sorted(pooled(histories["net"][:1]), key=lambda result: result.criterion)
    assert {result.trial for result in before[:4]} == set(halvings[0].trials)


def result(rate, *times):
    reached = sum(time < HORIZON for time in times)
    return Result(Trial(rate), np.array(times, float), reached, 0)


def test_a_best_inside_is_no_proof_where_the_end_is_as_good():
    results = [result(0.1, 300, 900), result(1, 290, 900), result(10, 1800, 1900)]
    assert best(results).trial.rate == 1
    assert open_ends(results, best(results)) == (True, False)


def test_one_lucky_member_among_many_that_never_arrive_proves_nothing():
    never = [result(10.0**power, *[HORIZON] * 4) for power in range(-4, 4) if power]
    results = [*never, result(1, 600, *[HORIZON] * 3)]
    assert open_ends(results, best(results)) == (True, True)


def test_members_are_added_where_they_are_what_is_lacking():
    def rare(rate, generator):
        return 100.0 if rate == 1 and generator.random() < 0.4 else HORIZON

    one = seeker(extensions=1, repeats=4)
    _, asked = run([one], rare, seed=3)
    first, again = (each["net"].trials for each in asked)
    assert set(again) == {first[0], Trial(1.0), first[-1]}


def test_where_nobody_arrives_both_ends_are_passed_and_nothing_is_claimed():
    one = seeker(extensions=1)
    histories, asked = run([one], lambda rate, generator: HORIZON)
    rates = [trial.rate for trial in asked[1]["net"].trials]
    first = [trial.rate for trial in asked[0]["net"].trials]
    assert min(rates) < min(first)
    assert max(rates) > max(first)
    assert chosen(one, histories).rate == 1.0
    assert not is_complete(one, histories)


def test_mup_searches_at_the_base_alone_and_checks_the_others():
    base, wide = seeker("base", source="base"), seeker("wide", source="base")
    histories, asked = run([base, wide])
    assert all("wide" not in each for each in asked[:-1])
    assert set(asked[-1]) == {"wide"}
    rate = chosen(base, histories).rate
    assert chosen(wide, histories).rate == rate
    assert [trial.rate for trial in asked[-1]["wide"].trials] == pytest.approx(
        [rate / 3, rate, 3 * rate], rel=1e-3
    )
    assert asked[-1]["wide"].repeats == 8
    assert is_complete(wide, histories)


def test_a_rate_that_does_not_transfer_is_told():
    base, wide = seeker("base", source="base"), seeker("wide", source="base")
    histories, _ = run([base])
    asked = next_round([base, wide], histories)["wide"]
    # At the wide net everything goes as if rates were three times as large: too large at the best.
    rng = np.random.default_rng(0)
    times = [np.array([descent(3 * trial.rate, rng) for _ in range(8)]) for trial in asked.trials]
    results = [Result(trial, one, 8, 0) for trial, one in zip(asked.trials, times, strict=True)]
    histories["wide"] = [Round(tuple(results), 1)]
    assert is_complete(base, histories)
    assert not is_complete(wide, histories)


NEVER = (HORIZON,) * 4
BRACKETS = {
    "the best, and told from both": ((900, 950, 980, 920), (200, 210, 220, 230), NEVER, True),
    "broad below, told from above": ((200, 190, 240, 200), (200, 210, 220, 230), NEVER, True),
    "nobody arrives": (NEVER, NEVER, NEVER, False),
    "nobody arrives at the rate alone": ((HORIZON, HORIZON, HORIZON, 1900), NEVER, NEVER, False),
    "nothing can be told": (
        (200, 900, 300, 700),
        (900, 300, 700, 400),
        (800, 300, 400, 900),
        False,
    ),
    "alike": ((200, 210, 220, 230), (210, 200, 230, 220), (220, 230, 200, 210), False),
    "one clearly better": ((200, 210, 220, 230), (900, 950, 980, 920), NEVER, False),
    "one ahead, and none told apart": (
        (300, 900, 350, 500),
        (900, 600, 400, 800),
        (990, 700, 600, 900),
        False,
    ),
    "one lucky member": (NEVER, (100, HORIZON, HORIZON, HORIZON), NEVER, False),
}


@pytest.mark.parametrize("name", BRACKETS)
def test_a_transfer_is_claimed_where_it_is_shown(name):
    below, own, above, shown = BRACKETS[name]
    bracket = [result(0.1 * 3**power, *times) for power, times in enumerate((below, own, above))]
    assert transfers(bracket, bracket[1].trial.rate) is shown


def test_other_hyperparameters_are_searched_in_all_combinations():
    also = (Varied(Hyperparameter.WEIGHT_DECAY, (0.0, 0.1)),)
    one = seeker(also=also, trials=5)
    _, asked = run([one])
    trials = asked[0]["net"].trials
    assert len(set(trials)) == 10
    assert {trial.beside for trial in trials} == {
        (Setting(Hyperparameter.WEIGHT_DECAY, value),) for value in (0.0, 0.1)
    }


def test_random_trials_lie_in_the_range_and_are_the_seeds():
    one = seeker(method=Search.RANDOM, trials=200, centre=0.01, decades=2)
    trials = next_round([one], {})["net"].trials
    logs = np.log10([trial.rate for trial in trials])
    assert (logs >= -3).all()
    assert (logs <= -1).all()
    assert abs(logs.mean() + 2) < 0.2
    assert next_round([one], {})["net"].trials == trials
    other = next_round([dataclasses.replace(one, seed=12)], {})["net"].trials
    assert other != trials


def test_the_criterion_of_the_best_flatters_which_is_why_others_are_measured():
    """Twelve equal rates: picked for being low, the best is too low (STATISTICS, section 2)."""

    def alike(rate, generator):
        return min(500 * generator.lognormal(0, 0.6), HORIZON)

    one = seeker(trials=12, extensions=0)
    picked = [best(pooled(run([one], alike, seed)[0]["net"])).criterion for seed in range(200)]
    generator = np.random.default_rng(5)
    truth = np.mean([alike(1, generator) for _ in range(20_000)])
    assert np.mean(picked) / truth < 0.8
