"""How many more members are told: by the formulas that the intervals themselves are made by."""

import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest

from lab.specs import Margins, SequentialSpec
from lab.statistics.times import ClockTimes, Times
from lab.verdicts.decision import decide
from lab.verdicts.meeting import Meeting, Side, Unit, independent
from lab.verdicts.sample_size import MoreMembers
from lab.verdicts.sequential import Look, decide_in_turn
from lab.verdicts.words import Verdict

LAST = 40


def side(hits, unit=None):
    hits = np.asarray(hits)
    times = Times(hits, (hits > 0) & (hits <= LAST), LAST)
    unit = np.arange(len(hits)) if unit is None else unit
    return Side(ClockTimes.uniform(times, Fraction(1)), np.zeros(len(hits), bool), unit, hits)


def quantiles(centre, members, spread=0.5):
    """Log-normal hits at evenly spaced quantiles: as near to the law as so many can be."""
    shares = (np.arange(members) + 0.5) / members
    normal = np.sort(np.random.default_rng(0).normal(size=100_001))
    return np.ceil(centre * np.exp(spread * np.quantile(normal, shares))).astype(int)


def in_turn(pair, looks, spec=None):
    """The verdict at the last of the looks, members in an order that mixes early and late."""
    order = np.random.default_rng(3).permutation(looks[-1])
    sides = [hits[order] for hits in pair]
    found = [
        Look(
            meeting=independent(*(side(hits[:stop]) for hits in sides)),
            block=independent(*(side(hits[start:stop]) for hits in sides)),
        )
        for start, stop in zip((0, *looks[:-1]), looks, strict=True)
    ]
    spec = spec or SequentialSpec(tuple(looks))
    return decide_in_turn(found, spec, Margins(), np.random.default_rng(0))


@pytest.mark.parametrize("start", [64, 512])
def test_sequences_need_what_their_own_boundary_leaves(start):
    """It narrows faster than by the square root up to 256 members, and slower from there."""
    gap = 1.2 if start == 64 else 1.08
    found = in_turn([quantiles(15, start), quantiles(15 * gap, start)], (start,))
    assert (found.verdict, found.more_for) == (Verdict.UNDECIDED, "a direction")
    assert found.more_members.smaller == found.more_members.larger
    total = start + found.more_members.smaller
    chance = found.win_probability
    by_root = start * (1.15 * (chance.estimate - chance.lower) / (chance.estimate - 0.5)) ** 2
    assert (total < by_root) == (start == 64)
    # Told 1.15 times too narrow: 1.3 times fewer members leave it undecided, and these do not.
    later = [in_turn([quantiles(15, n), quantiles(15 * gap, n)], (n,)) for n in (total // 2, total)]
    assert [one.verdict for one in later] == [Verdict.UNDECIDED, Verdict.SMALLER_FASTER]


def test_looks_to_come_are_where_a_verdict_can_fall():
    pair = [quantiles(15, 64), quantiles(18, 64)]
    alone = 64 + in_turn(pair, (64,)).more_members.smaller
    looks = (64, alone - 20, alone + 100, alone + 900)
    found = in_turn(pair, (64,), SequentialSpec(looks))
    assert found.more_members == MoreMembers(alone + 36, alone + 36)


def mates(hits, others):
    unit = np.arange(len(hits))
    return Meeting(side(hits, unit), side(others, unit), Unit.PAIRS, len(hits))


def test_pairs_need_as_many_as_the_sign_test_and_the_interval_do():
    """Mates that all go one way: 14 of them, of which seven disjoint pairs of strangers are made.

    With 13 mates there are six, and .5^6 is above .015.
    """
    for count in (1, 3, 6):
        found = decide(mates([3] * count, [20] * count), Margins(), np.random.default_rng(0))
        more = MoreMembers(14 - count, 14 - count, at_least=True)
        assert (found.verdict, found.more_members) == (Verdict.UNDECIDED, more)
    found = decide(mates([3] * 14, [20] * 14), Margins(), np.random.default_rng(0))
    assert found.verdict is Verdict.SMALLER_FASTER


def test_orders_need_as_many_as_exchanged_signs_tell():
    """Four data orders of three members, all with the smaller ahead: seven orders at least."""
    unit = np.repeat(np.arange(4), 3)
    first, second = np.tile([3, 4, 5], 4), np.tile([20, 21, 22], 4)
    met = Meeting(side(first, unit), side(second, unit), Unit.BLOCKS, 4)
    found = decide(met, Margins(), np.random.default_rng(0))
    assert found.more_for == "a direction"
    assert found.more_members == MoreMembers(9, 9, at_least=True)


def test_more_is_needed_for_smaller_differences_and_nothing_is_said_of_none():
    told = []
    for gap in (1.22, 1.18, 1.15):
        pair = side(quantiles(15, 48)), side(quantiles(15 * gap, 48))
        told.append(decide(independent(*pair), Margins(), np.random.default_rng(0)))
    counts = [one.more_members.smaller for one in told]
    assert counts == sorted(counts)
    rare = [3, 9] + [0] * 62
    found = decide(independent(side(rare), side(rare)), Margins(), np.random.default_rng(0))
    assert (found.more_members, found.more_for) == (None, None)


def test_equivalence_is_told_with_room_for_estimates_to_move():
    """At the number at which they only just fit, both ends must stay where they are."""
    hits = quantiles(15, 128)
    found = decide(independent(side(hits), side(hits)), Margins(), np.random.default_rng(0))
    assert found.more_for == "equivalence"
    total = 128 + found.more_members.smaller
    generator, kept = np.random.default_rng(5), 0
    for _ in range(40):
        pair = (side(generator.choice(hits, total)) for _ in range(2))
        later = decide(independent(*pair), Margins(), generator)
        kept += later.verdict is Verdict.EQUIVALENT
    assert kept >= 20


def test_a_crossing_to_come_is_named_where_both_signs_are_beyond_noise():
    def purpose(members):
        early = [4, 5, 6, 7] * members + [34, 35, 36, 37] * members
        late = [18, 19, 20, 21] * members + [5, 35] * (2 * members)
        sides = side(early), side(late)
        return decide(independent(*sides), Margins(), np.random.default_rng(0)).more_for

    assert purpose(4) == "that the lead changes"
    assert purpose(1) != "that the lead changes"


def test_number_is_told_in_words(judged, made):
    few = dataclasses.replace(made([10] * 3), hits=[10, 11, 12])
    (*_, found) = judged(small=few, large=made([60, 61, 62, 63, 64, 65] * 5)).contrasts
    assert "at least 4 more members of the smaller net would settle a direction" in found.sentence
    generator = np.random.default_rng(2)
    hits = np.ceil(generator.lognormal(math.log(25), 0.5, (2, 64))).astype(int).tolist()
    (*_, found) = judged(small=made(hits[0]), large=made(hits[1])).contrasts
    more = found.decision.more_members
    assert f"; about {more.smaller:,} more members of each net would settle" in found.sentence
    (*_, found) = judged(small=made(hits[0]), large=made(hits[1][:40])).contrasts
    more = found.decision.more_members
    assert more.larger == more.smaller + 24
    words = (
        f"about {more.smaller:,} more members of the smaller net and {more.larger:,} more members "
        "of the larger net would settle"
    )
    assert words in found.sentence
