"""The table of STATISTICS, section 3, row by row, and the laws that any decision obeys."""

import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.specs import Margins
from lab.statistics import win
from lab.statistics.intervals import OrderCertain
from lab.statistics.times import ClockTimes, Times
from lab.verdicts.decision import decide
from lab.verdicts.language import crossing_landmarks
from lab.verdicts.meeting import Side, independent
from lab.verdicts.reading import Reading
from lab.verdicts.sample_size import MoreMembers
from lab.verdicts.words import Modifier, Verdict

LAST = 40
MIRROR = {
    Verdict.SMALLER_FASTER: Verdict.LARGER_FASTER,
    Verdict.LARGER_FASTER: Verdict.SMALLER_FASTER,
    Modifier.SMALLER_LESS_RELIABLE: Modifier.LARGER_LESS_RELIABLE,
    Modifier.LARGER_LESS_RELIABLE: Modifier.SMALLER_LESS_RELIABLE,
}


def side(hits, cost=10, diverged=0, last=LAST):
    times = Times.of(hits, last)
    one = np.arange(times.members)
    return Side(ClockTimes.uniform(times, Fraction(cost)), one < diverged, one, one)


def decided(smaller, larger, margins=None):
    return decide(independent(smaller, larger), margins or Margins(), np.random.default_rng(0))


def lognormal(seed, centre, members, spread=0.4):
    hits = np.ceil(np.random.default_rng(seed).lognormal(math.log(centre), spread, members))
    return [int(hit) if hit <= LAST else None for hit in hits]


EARLY, LATE = lognormal(1, 12, 64), lognormal(2, 22, 64)


def test_row_1_not_reached_even_where_both_agree_perfectly():
    assert decided(side([None] * 600), side([None] * 600)).verdict is Verdict.NOT_REACHED


def test_row_2_all_within_one_evaluation_of_each_other():
    assert decided(side([7] * 64), side([7] * 64)).verdict is Verdict.GRID_TOO_COARSE
    # 2 of 64 outside leave 97% of the pairs tied, 8 of 64 88%.
    assert decided(side([7] * 62 + [9] * 2), side([7] * 64)).verdict is Verdict.GRID_TOO_COARSE
    other = decided(side([7] * 56 + [9] * 8), side([7] * 64))
    assert other.verdict is not Verdict.GRID_TOO_COARSE


def test_row_3_a_handful_of_members_decides_nothing():
    found = decided(side([1, 2, 3]), side([10, 11, 12]))
    assert found.verdict is Verdict.UNDECIDED
    # 1 of the 20 ways to relabel them is as good, and its mirror.
    assert found.p_value == pytest.approx(0.1)
    assert Modifier.SPARSE in found.modifiers


def test_row_3_sparse_data_pass_when_the_exact_test_agrees():
    found = decided(side([None] * 61 + [30] * 3), side(EARLY))
    assert found.verdict is Verdict.LARGER_FASTER
    assert found.p_value <= 0.03
    assert Modifier.SPARSE in found.modifiers


def test_row_3_comes_before_row_4():
    # All of the larger at one evaluation: sparse, and the exact test sees no difference in pairs.
    found = decided(side([8] * 32 + [36] * 32), side([20] * 64))
    assert found.landmarks[1].difference.above(0)
    assert found.landmarks[4].difference.below(0)
    assert found.verdict is Verdict.UNDECIDED


def test_row_4_crossing_although_the_win_probability_is_one_half():
    smaller = [4, 5, 6, 7] * 16 + [34, 35, 36, 37] * 16
    larger = [18, 19, 20, 21] * 32
    found = decided(side(smaller), side(larger))
    assert found.verdict is Verdict.CROSSING
    assert found.win_probability.estimate == 0.5
    early, late = crossing_landmarks(found)
    assert early.difference.estimate > 0 > late.difference.estimate
    assert early.time < 180 <= late.time


def test_rows_5_and_6_name_the_faster():
    found = decided(side(EARLY), side(LATE))
    assert found.verdict is Verdict.SMALLER_FASTER
    assert found.win_probability.lower > 0.5
    assert found.rmst_ratio.upper < 1
    assert decided(side(LATE), side(EARLY)).verdict is Verdict.LARGER_FASTER


def test_row_5_yields_to_a_landmark_that_says_otherwise():
    # Ahead between two landmarks only; at 70% of the horizon a fifth of the smaller is still out.
    smaller, larger = [21, 22, 23, 24] * 20 + [None] * 20, [25, 26, 27, 28] * 25
    found = decided(side(smaller), side(larger))
    assert found.win_probability.lower > 0.5
    assert found.verdict is Verdict.UNDECIDED
    assert decided(side(larger), side(smaller)).verdict is Verdict.UNDECIDED


def test_row_5_says_negligibly_where_the_difference_is_within_the_margins():
    hits = [10, 12, 14, 16, 18, 20, 22, 24] * 250
    later = [hit + (member // 8 % 4 == 0) * 2 for member, hit in enumerate(hits)]
    found = decided(side(hits), side(later))
    assert found.verdict is Verdict.SMALLER_FASTER
    assert Modifier.NEGLIGIBLY in found.modifiers


def test_row_7_equivalent_with_enough_members():
    hits = [8, 10, 12, 14, 16, 18, 20, 22, 24, 26] * 70
    assert decided(side(hits), side(hits)).verdict is Verdict.EQUIVALENT
    assert decided(side(hits[:100]), side(hits[:100])).verdict is Verdict.UNDECIDED


def test_row_7_needs_most_members_of_both_to_have_reached():
    hits = [8, 10, 12, 14, 16, 18, 20, None, None, None] * 70
    found = decided(side(hits), side(hits))
    assert found.verdict is Verdict.UNDECIDED
    assert found.more_members is None


@pytest.mark.parametrize("reached", [(0.9, 0.79), (0.79, 0.9)])
def test_row_7_needs_most_members_of_either(reached):
    """Shares that differ by less than the margin, of which one alone falls short."""
    near = OrderCertain(0.5, 0.45, 0.55, 0.97, lowest=0.5, highest=0.5)
    shares = OrderCertain(0.0, -0.14, 0.14, 0.98, lowest=0.0, highest=0.0)
    found = Reading(near, (shares,), p_value=1.0, sparse=False, reached=reached)
    assert found.verdict(Margins()) is Verdict.UNDECIDED
    whole = dataclasses.replace(found, reached=(0.9, 0.8))
    assert whole.verdict(Margins()) is Verdict.EQUIVALENT


def test_row_7_looks_at_landmarks_too():
    hits = [8, 10, 12, 14, 16, 18, 20, 22, 24, 26] * 70
    strict = Margins(delta_incidence=0.02)
    assert decided(side(hits), side(hits), strict).verdict is Verdict.UNDECIDED


def test_row_8_names_how_many_members_a_direction_needs():
    found = decided(side(lognormal(3, 17, 40)), side(lognormal(4, 20, 40)))
    assert found.verdict is Verdict.UNDECIDED
    chance = found.win_probability
    distance, width = chance.estimate - 0.5, chance.estimate - chance.lower
    assert found.more_for == "a direction"
    more = found.more_members
    assert more == MoreMembers(more.smaller, more.smaller)
    # Twice the members leave the interval too long; those told have some to spare.
    assert (width / distance) ** 2 > 2
    copies = math.ceil(1 + more.smaller / 40)
    for times, verdict in ((2, Verdict.UNDECIDED), (copies, Verdict.SMALLER_FASTER)):
        hits = lognormal(3, 17, 40) * times, lognormal(4, 20, 40) * times
        assert decided(*map(side, hits)).verdict is verdict


@pytest.mark.parametrize("few", [1, 2, 5])
@pytest.mark.parametrize("swapped", [False, True])
def test_row_8_gives_members_to_the_cohort_that_has_too_few(few, swapped):
    """Of 30 there are enough; before seven of the others nothing is sure, however far apart."""
    many = [10, 11, 12, 13, 14, 15] * 5
    verdict = Verdict.LARGER_FASTER if swapped else Verdict.SMALLER_FASTER

    def found(count):
        hits = [3] * count, many
        return decided(*map(side, hits[::-1] if swapped else hits))

    here = found(few)
    wanted = (0, 7 - few) if swapped else (7 - few, 0)
    assert here.more_members == MoreMembers(*wanted, at_least=True)
    assert here.more_for == "a direction"
    assert found(6).verdict is Verdict.UNDECIDED
    assert found(7).verdict is verdict


def test_row_8_gives_both_cohorts_members_once_they_are_even():
    few, many = lognormal(3, 17, 20), lognormal(4, 18, 60)
    found = decided(side(few), side(many))
    more = found.more_members
    assert found.more_for in ("a direction", "equivalence")
    assert more.smaller - more.larger == 40
    assert more.larger > 0


@pytest.mark.parametrize("members", [16, 32, 64, 128, 256])
def test_row_8_promises_no_change_of_the_lead_to_cohorts_of_one_law(members):
    """Noise of both signs in the shares at landmarks is no crossing to come."""
    generator = np.random.default_rng(members)
    purposes = []
    for _ in range(40):
        hits = np.ceil(generator.lognormal(math.log(15), 0.5, (2, members))).astype(int)
        pair = [[hit if hit <= LAST else None for hit in one] for one in hits.tolist()]
        purposes.append(decided(*map(side, pair)).more_for)
    assert "that the lead changes" not in purposes
    assert {"equivalence", "a direction"} <= set(purposes)


def grids(smaller, larger, cost):
    return side(smaller), side(larger, cost=cost)


def test_row_8_promises_no_members_where_the_grid_hides_who_is_first():
    # Bounds of .26 and .52: neither a direction nor equivalence, with 64 members or with 12,800.
    smaller, larger = lognormal(0, 6, 64), lognormal(1000, 5 / 1.5, 64)
    for copies in (1, 20, 200):
        found = decided(*grids(smaller * copies, larger * copies, 15))
        chance = found.win_probability
        assert chance.lowest < 0.5 < chance.highest
        assert chance.lowest < 0.5 - Margins().delta
        assert found.verdict is Verdict.UNDECIDED
        assert Modifier.GRID_LIMITED in found.modifiers
        assert (found.more_members, found.more_for) == (None, "a finer evaluation grid")


def test_row_8_leaves_the_grids_part_of_an_interval_as_it_is():
    """The promise is of what the order-certain bounds, not the estimate, leave to sampling."""
    found = decided(*grids(lognormal(6, 13, 64), lognormal(1006, 16 / 1.3, 64), 13))
    chance = found.win_probability
    assert 0.5 < chance.lowest < chance.estimate
    assert found.more_for == "a direction"
    ratio = (chance.lowest - 0.5) / (chance.lowest - chance.lower)
    # Student's t and the allowance for what estimates move take their part.
    assert found.more_members.smaller == pytest.approx(1.15**2 * 64 / ratio**2 - 64, rel=0.1)


def test_row_8_promises_no_direction_that_a_landmark_will_forbid():
    # Ahead between two landmarks only, in 73% of the pairs; at 70% of the horizon 27% are out.
    smaller, larger = [21, 22, 23, 24] * 4 + [None] * 6, ([25, 26, 27, 28] * 6)[:22]
    for copies in (1, 100):
        found = decided(side(smaller * copies), side(larger * copies))
        assert found.win_probability.estimate > 0.5
        assert (found.verdict, found.more_for) == (Verdict.UNDECIDED, None)


def test_row_8_names_a_crossing_to_come():
    smaller = [4, 5, 6, 7] * 4 + [34, 35, 36, 37] * 4
    found = decided(side(smaller), side([18, 19, 20, 21] * 4 + [5, 35] * 8))
    assert found.more_for == "that the lead changes"


def test_row_8_names_how_many_members_equivalence_needs():
    hits = [8, 10, 12, 14, 16, 18, 20, 22, 24, 26]
    found = decided(side(hits * 12), side(hits * 12))
    assert found.more_for == "equivalence"
    grown = hits * ((120 + found.more_members.smaller) // 10 + 1)
    assert decided(side(grown), side(grown)).verdict is Verdict.EQUIVALENT


def test_diverged_members_count_as_never_and_are_reported():
    found = decided(side(EARLY[:44] + [None] * 20, diverged=20), side(EARLY))
    assert Modifier.SMALLER_LESS_RELIABLE in found.modifiers
    assert found.verdict is Verdict.LARGER_FASTER
    assert found.reached_smaller < 45


def test_grid_limited_direction_is_withheld_on_two_grids():
    # Within (0, 10] against (0, 13], (10, 20] against (13, 26] and so on: rounding alone makes the
    # smaller look faster. Ten times the evaluations tell it.
    hits = [1, 2, 3, 4] * 40
    found = decided(side(hits, cost=10, last=6), side(hits, cost=13, last=6))
    assert found.verdict is Verdict.UNDECIDED
    assert Modifier.GRID_LIMITED in found.modifiers
    assert found.win_probability.lowest < 0.5 < found.win_probability.estimate
    assert found.p_value == 1.0
    assert found.more_for == "a finer evaluation grid"
    fine = [10 * hit for hit in hits]
    finer = decided(side(fine, cost=1, last=60), side(fine, cost=Fraction(13, 10), last=60))
    assert finer.verdict is Verdict.SMALLER_FASTER


def test_p_value_is_that_of_the_order_which_favours_no_difference():
    smaller, larger = side(lognormal(3, 18, 64), cost=3), side(lognormal(4, 22, 64), cost=4)
    met = independent(smaller, larger)
    single = [float(win.p_value(met.placement(cells))) for cells in met.cells]
    assert min(single) < 0.5 * max(single)
    assert decide(met, Margins(), np.random.default_rng(0)).p_value == max(single[1:])


def test_same_costs_per_evaluation_are_one_grid_on_any_clock():
    found = decided(side(EARLY, cost=Fraction(1.3e9)), side(LATE, cost=Fraction(1.3e9)))
    chance = found.win_probability
    assert chance.lowest == chance.estimate == chance.highest


def test_horizon_is_the_smaller_budget_and_later_hits_do_not_count():
    found = decided(side(EARLY, cost=10), side(LATE, cost=20))
    assert found.horizon == 400
    assert found.reached_larger == sum(hit is not None and hit <= 20 for hit in LATE)


@pytest.mark.parametrize("members", [(0, 0), (0, 5), (5, 0), (1, 1)])
def test_no_members_decide_nothing(members):
    found = decided(side([3] * members[0]), side([4] * members[1]))
    assert found.verdict is Verdict.UNDECIDED


cohorts = st.lists(st.none() | st.integers(1, 12), min_size=1, max_size=40)
costs = st.sampled_from([Fraction(1), Fraction(3, 2), Fraction(7, 5)])


def picture(found):
    chance = found.win_probability
    return (chance.lower, chance.estimate, chance.upper, found.rmst_ratio.upper)


@settings(deadline=None, max_examples=60)
@given(cohorts, cohorts, costs, costs, st.integers(0, 1))
def test_swapping_cohorts_mirrors_the_decision(one, other, cost, cost_other, diverged):
    first = side(one, cost, diverged * one.count(None), last=12)
    second = side(other, cost_other, last=12)
    here, there = decided(first, second), decided(second, first)
    assert here.verdict is MIRROR.get(there.verdict, there.verdict)
    assert set(here.modifiers) == {MIRROR.get(each, each) for each in there.modifiers}
    assert here.p_value == pytest.approx(there.p_value, abs=1e-12)
    mirrored = [1 - end for end in picture(there)[2::-1]]
    assert picture(here)[:3] == pytest.approx(mirrored, abs=1e-9)
    assert here.rmst_ratio.upper == pytest.approx(1 / there.rmst_ratio.lower)
    mirrored = there.more_members and dataclasses.replace(
        there.more_members, smaller=there.more_members.larger, larger=there.more_members.smaller
    )
    assert (here.more_members, here.more_for) == (mirrored, there.more_for)


@settings(deadline=None, max_examples=30)
@given(cohorts, cohorts, costs, costs, st.sampled_from([2, 7, 10**9]), st.randoms())
def test_unit_of_time_and_order_of_members_do_not_matter(
    one, other, cost, cost_other, scale, random
):
    plain = decided(side(one, cost, last=12), side(other, cost_other, last=12))
    random.shuffle(one)
    random.shuffle(other)
    scaled = decided(side(one, cost * scale, last=12), side(other, cost_other * scale, last=12))
    assert (scaled.verdict, scaled.modifiers) == (plain.verdict, plain.modifiers)
    assert picture(scaled) == pytest.approx(picture(plain))
    assert scaled.horizon == pytest.approx(plain.horizon * scale)
    assert scaled.p_value == plain.p_value
