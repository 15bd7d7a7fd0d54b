"""What lies between two evaluations is allowed for: means, quantiles and tests, on any grids."""

import dataclasses
import json
from fractions import Fraction

import numpy as np
import pytest

from lab.specs import Margins, SequentialSpec
from lab.statistics import distributions, logrank, rmst
from lab.statistics.intervals import OrderCertain
from lab.statistics.logrank import Weight
from lab.statistics.times import ClockTimes, Times
from lab.verdicts import document
from lab.verdicts.decision import decide
from lab.verdicts.evidence import LOGRANK_DRAWS, mean_between, mean_ratio
from lab.verdicts.meeting import Side, Sided, Unit, independent, least_favourable
from lab.verdicts.sequential import Look, decide_in_turn
from lab.verdicts.support import DRAWS, support
from lab.verdicts.words import Modifier

TESTS = (
    "gehan_p_value",
    "max_combo_p_value",
    "kolmogorov_smirnov_p_value",
    "cramer_von_mises_p_value",
)


def side(times, every, cost=1, budget=900):
    """Members that hit at these times, evaluated every so many steps of so much cost."""
    last = budget // (every * cost)
    hit = np.ceil(np.asarray(times) / (every * cost)).astype(np.int64)
    clock = ClockTimes(
        Times(hit, hit <= last, last), np.arange(1, last + 1) * every, Fraction(cost)
    )
    return Side(clock, np.zeros(len(hit), np.bool_), np.arange(len(hit)), hit)


def drawn(seed, centre=150.0, members=80):
    return centre * np.exp(0.5 * np.random.default_rng(seed).standard_normal(members))


def decided(meeting):
    return decide(meeting, Margins(), np.random.default_rng(0))


def beside(meeting):
    return support(meeting, Margins(), np.random.default_rng(0))


# One law, seen every 100 and every 5 steps: a mean of 170 is read as 220.
UNLIKE = independent(side(drawn(0), 100), side(drawn(1), 5))
ALIKE = independent(side(drawn(0), 100), side(drawn(1), 100))


def test_means_of_one_law_on_unlike_grids_are_not_told_apart():
    found = decided(UNLIKE)
    ratio = found.rmst_ratio
    seen = mean_ratio(UNLIKE, ratio.level, sparse=False)
    assert rmst.restricted_mean(UNLIKE.smaller.clock, UNLIKE.horizon).mean > 200
    assert ratio.lower < ratio.lowest < 1 < ratio.estimate < ratio.highest < ratio.upper
    assert Modifier.MEANS_GRID_LIMITED in found.modifiers
    difference = beside(UNLIKE).rmst_difference
    assert difference.lower < difference.lowest < 0 < difference.highest < difference.upper
    bootstrap = beside(UNLIKE).rmst_ratio_bootstrap
    assert bootstrap.lower < bootstrap.lowest == pytest.approx(ratio.lowest)
    assert mean_between(UNLIKE, seen) == ratio


def test_order_certain_means_by_hand():
    """Hits in (100, 200] and (200, 300] against hits in (150, 200]: 150 to 250 against 150, 200."""
    meeting = independent(side([150] * 10 + [250] * 10, 100), side([180] * 20, 50))
    found = mean_between(meeting, mean_ratio(meeting, 0.97, sparse=False))
    assert found.estimate == pytest.approx(250 / 200)
    assert (found.lowest, found.highest) == pytest.approx((150 / 200, 250 / 150))


def test_a_shared_grid_moves_means_too():
    """Rounding up moves both means alike, and so their ratio towards 1."""
    ratio = decided(ALIKE).rmst_ratio
    means = [
        [of(one.clock, ALIKE.horizon).mean for of in (rmst.earliest_mean, rmst.restricted_mean)]
        for one in (ALIKE.smaller, ALIKE.larger)
    ]
    assert ratio.lowest == pytest.approx(means[0][0] / means[1][1])
    assert ratio.highest == pytest.approx(means[0][1] / means[1][0])
    back = decided(independent(ALIKE.larger, ALIKE.smaller)).rmst_ratio
    assert (ratio.lower, ratio.upper) == pytest.approx((1 / back.upper, 1 / back.lower))


def test_a_ratio_that_the_grid_alone_tells_from_one_is_marked():
    near = independent(side(drawn(0, 150, 300), 100), side(drawn(1, 130, 300), 100))
    far = independent(side(drawn(0, 400, 300), 20), side(drawn(1, 130, 300), 20))
    assert Modifier.MEANS_GRID_LIMITED in decided(near).modifiers
    assert Modifier.MEANS_GRID_LIMITED not in decided(far).modifiers
    assert decided(far).rmst_ratio.above(1)


def test_rank_tests_on_unlike_grids_take_the_least_favourable_order():
    assert decided(UNLIKE).logrank_p_value == 1
    found = beside(UNLIKE)
    assert [getattr(found, test) for test in TESTS] == [1] * 4
    assert found.equivalence_p_value > 0.5
    assert found.win_ratio.ratio.lower < 1 < found.win_ratio.ratio.upper


def test_rank_tests_on_unlike_grids_still_find_what_no_order_hides():
    apart = independent(side(drawn(0, 400), 100), side(drawn(1, 100), 5))
    rounded, latest, earliest = (cells.table() for cells in apart.cells)
    p_values = [logrank.logrank(table).p_value for table in (latest, earliest)]
    assert decided(apart).logrank_p_value == max(p_values)
    assert p_values[0] != p_values[1]
    assert max(getattr(beside(apart), test) for test in TESTS) <= 1e-3
    assert beside(apart).win_ratio.ratio.upper < 1
    assert beside(apart).win_ratio.wins == pytest.approx(
        float(rounded.first @ (80 - np.cumsum(rounded.second))) / 6400
    )


def test_rank_tests_on_a_shared_grid_are_those_of_times_as_seen():
    table = ALIKE.tables.rounded
    relabelled = ALIKE.relabelled(ALIKE.cells[0], DRAWS, np.random.default_rng(0))
    found = beside(ALIKE)
    wanted = [
        logrank.permutation_p(table, relabelled, Weight.AT_RISK),
        logrank.max_combo_p(table, relabelled),
        *distributions.permutation_p_values(table, relabelled),
    ]
    assert [getattr(found, test) for test in TESTS] == wanted
    assert decided(ALIKE).logrank_p_value == logrank.logrank(table).p_value
    assert LOGRANK_DRAWS == DRAWS


def test_mates_on_unlike_grids():
    """Each against its own: with the orders that evaluations leave open."""
    paired = dataclasses.replace(UNLIKE, unit=Unit.PAIRS, units=80)
    found = beside(paired).pairs
    assert found.sign_p_value == 1
    chance = found.win_probability
    assert chance.lower < chance.lowest < chance.estimate < chance.highest < chance.upper
    alike = beside(dataclasses.replace(ALIKE, unit=Unit.PAIRS, units=80)).pairs
    assert alike.win_probability.lowest == alike.win_probability.highest
    ratio = decided(paired).rmst_ratio
    assert ratio.lower < 1 < ratio.upper
    assert decided(paired).logrank_p_value == 1


def test_members_added_in_turn_are_allowed_for_the_same():
    look = Look(UNLIKE, UNLIKE)
    found = decide_in_turn([look], SequentialSpec((80,)), Margins(), np.random.default_rng(0))
    ratio, fixed = found.rmst_ratio, decided(UNLIKE).rmst_ratio
    assert (ratio.lowest, ratio.highest) == (fixed.lowest, fixed.highest)
    assert ratio.lower < 1 < ratio.upper


def test_medians_begin_after_the_evaluation_before():
    found = decided(ALIKE)
    middle = found.quantiles_smaller[1]
    assert (middle.lower, middle.estimate) == (100, 200)
    assert found.speed_ups[1].lower == middle.lower / found.quantiles_larger[1].upper


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ([(1, 0.01)], 0.01),
        ([(1, 0.01), (2, 0.2)], 0.2),
        ([(1, 0.01), (-1, 0.02)], 1.0),
        ([(0, 0.9), (-1, 0.02)], 0.9),
    ],
)
def test_least_favourable(found, wanted):
    assert least_favourable([Sided(*one) for one in found]) == wanted


def test_verdicts_from_before_are_read(judged, made):
    """Their ratios of means took times as seen."""
    verdict = judged(small=made([9, 12, 14] * 16), large=made([10, 13, 19] * 16))
    written = json.loads(document.to_json(verdict))
    for contrast in written["contrasts"]:
        intervals = (
            contrast["rmst_ratio"],
            *(contrast["support"][name] for name in ("rmst_difference", "rmst_ratio_bootstrap")),
        )
        for one in intervals:
            del one["lowest"], one["highest"]
    read = document.from_json(json.dumps(written))
    ratio = read.contrasts[0].decision.rmst_ratio
    assert isinstance(ratio, OrderCertain)
    assert ratio.lowest == ratio.highest == ratio.estimate
    now = verdict.contrasts[0].decision.rmst_ratio
    assert (ratio.lower, ratio.upper) == (now.lower, now.upper)
