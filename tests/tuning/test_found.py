"""What the searches below a run folder found, where budgets are unequal."""

import dataclasses

import numpy as np
from made_up import cohort, study

from lab.tuning.found import CohortTuning, CommonCurve, _curve, _horizons, best_of
from lab.tuning.trials import Result, Round, Trial
from lab.words import Search


def a_round(*times_R: tuple[float, ...]) -> Round:
    """Trials at rates 1, 2, ... whose members took these times."""
    results = [
        Result(Trial(float(rate)), np.array(one), len(one), 0)
        for rate, one in enumerate(times_R, start=1)
    ]
    return Round(tuple(results), 1)


def searched(name: str, found: Round, *horizons: int) -> CohortTuning:
    return CohortTuning(
        cohort=name,
        method=Search.GRID,
        source=None,
        rate=1.0,
        beside=(),
        complete=True,
        lowest=1.0,
        highest=2.0,
        rounds=1,
        asked=2,
        trials=(),
        curve=_curve(found),
        member_steps=1,
        flops=1.0,
        converges_in=None,
        total_flops=None,
        common_curves=tuple(CommonCurve(one, _curve(found, one)) for one in horizons),
    )


def compared(large_steps: int, small_steps: int):
    """A study of two nets of these budgets, and where a success can start last in each."""
    nets = (
        cohort("small", budget_steps=small_steps),
        cohort("large", budget_steps=large_steps),
    )
    # Of two evaluations that sustain a success, the last cannot start one.
    return study(*nets), (small_steps - 10, large_steps - 10)


def test_the_horizon_of_a_pair_is_the_shorter_budget():
    declared, (_, shorter) = compared(100, 300)
    assert _horizons(declared, "small") == _horizons(declared, "large") == [shorter]
    assert _horizons(dataclasses.replace(declared, contrasts=()), "small") == []


def test_a_longer_budget_does_not_put_its_cohort_behind():
    """Faster at every horizon that both have: one trial in two never arrives at either net."""
    declared, (longer, shorter) = compared(100, 300)
    fast, slow = 0.2 * shorter, 0.4 * shorter
    small = a_round((fast, fast), (longer, longer))
    large = a_round((slow, slow), (shorter, shorter))
    tuning = [searched("small", small, shorter), searched("large", large, shorter)]
    # Each with its own budget the larger net seems ahead at one trial.
    assert tuning[0].curve[0] > tuning[1].curve[0]
    (found,) = best_of(declared, tuning)
    assert found.horizon == shorter
    assert found.ahead == "small"
    assert found.lead_changes == ()


def test_the_best_is_picked_anew_at_the_horizon():
    one = a_round((100, 100, 3000, 3000), (900, 900, 900, 900))
    np.testing.assert_allclose(_curve(one), [1225, 1950])
    # Cut at 200 the second trial never arrives.
    np.testing.assert_allclose(_curve(one, 200), [175, 175])
    assert _curve(one, 3000) == _curve(one)


def test_cohorts_without_a_common_curve_are_not_compared():
    declared, (_, shorter) = compared(100, 300)
    one = a_round((1, 1), (2, 2))
    assert best_of(declared, [searched("small", one, shorter), searched("large", one)]) == ()
    assert best_of(declared, [searched("small", one, shorter)]) == ()
