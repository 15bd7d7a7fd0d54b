import itertools
import math

import numpy as np
import pytest

from lab.specs import Comparison, ContrastSpec
from lab.verdicts.level_language import worded_shares
from lab.verdicts.shares import NotEstimable, shares
from lab.words import Clock

REPLICATES = 400
LEVEL = 0.97


def drawn(generator, centre, members=60):
    return np.clip(np.ceil(generator.lognormal(math.log(centre), 0.3, members)), 1, 99)


def explained(made, *levels, clocks=(Clock.STEPS,)):
    """Of (level, smaller's hits, larger's hits) against the first of them."""
    records, contrasts = {}, []
    for place, (level, *sides) in enumerate(levels):
        names = []
        for side, one in zip("sl", sides, strict=True):
            names.append(one if isinstance(one, str) else f"{side}{place}")
            if not isinstance(one, str):
                values = [int(hit) if hit else None for hit in one]
                records[names[-1]] = made(values).records(names[-1])
        contrasts.append(ContrastSpec(*names, level))
    asked = Comparison("?", tuple(contrasts), clocks, baseline=levels[0][0])
    return shares(asked, records)


@pytest.fixture(name="generator")
def generator_fixture():
    return np.random.default_rng(5)


def test_a_level_without_a_gap_explains_all_of_it(made, generator):
    same = drawn(generator, 30)
    wide = drawn(generator, 50), drawn(generator, 20)
    (found,) = explained(made, ("plain", *wide), ("residual", same, same))
    assert found.gap == 0
    assert found.share.estimate == 1
    assert found.share.lower < 1 < found.share.upper


def test_the_baseline_again_explains_nothing_for_certain(made, generator):
    """One cohort on both levels: their gaps depend on each other wholly."""
    wide = drawn(generator, 50), drawn(generator, 20)
    (found,) = explained(made, ("plain", *wide), ("again", "s0", "l0"))
    ends = (found.share.estimate, found.share.lower, found.share.upper)
    assert ends == pytest.approx((0, 0, 0), abs=1e-6)


def test_a_cohort_that_levels_share_narrows_the_interval(made, generator):
    """Else its own error would be counted twice; the same times, as if of two cohorts, do that."""
    small, large, other = (drawn(generator, one) for one in (50, 20, 35))
    (shared,) = explained(made, ("a", small, large), ("b", other, "l0"))
    (apart,) = explained(made, ("a", small, large), ("b", other, large))
    assert shared.share.estimate == apart.share.estimate
    width = [one.share.upper - one.share.lower for one in (shared, apart)]
    assert width[0] < 0.95 * width[1]


def test_relabelled_nets_have_the_same_share(made, generator):
    one, other = ([drawn(generator, at) for at in pair] for pair in ((50, 20), (35, 25)))
    (plain,) = explained(made, ("a", *one), ("b", *other))
    (turned,) = explained(made, ("a", *one[::-1]), ("b", *other[::-1]))
    assert (turned.gap, turned.baseline_gap) == pytest.approx((-plain.gap, -plain.baseline_gap))
    for end in ("estimate", "lower", "upper"):
        assert getattr(turned.share, end) == pytest.approx(getattr(plain.share, end))


def test_intervals_cover_the_true_share_as_often_as_they_say(made):
    """Truth from 200,000 members a cohort; 400 replicates, three standard errors."""
    generator = np.random.default_rng(6)
    centres = ((50, 20), (35, 22))
    logs = [[math.log(drawn(generator, at, 200_000).mean()) for at in pair] for pair in centres]
    truth = 1 - (logs[1][0] - logs[1][1]) / (logs[0][0] - logs[0][1])
    held = 0
    for _ in range(REPLICATES):
        one, other = ([drawn(generator, at, 40) for at in pair] for pair in centres)
        (found,) = explained(made, ("a", *one), ("b", *other))
        held += found.share.lower <= truth <= found.share.upper
    error = math.sqrt(LEVEL * (1 - LEVEL) / REPLICATES)
    assert abs(held / REPLICATES - LEVEL) <= 3 * error


def test_without_a_gap_at_the_baseline_there_is_nothing_to_explain(made, generator):
    alike = drawn(generator, 30), drawn(generator, 30)
    wide = drawn(generator, 50), drawn(generator, 20)
    (found,) = worded_shares(explained(made, ("a", *alike), ("b", *wide)))
    assert found.share is None
    assert found.reason is NotEstimable.NO_GAP
    assert "not estimable: at a there is no gap" in found.sentence


def test_of_sparse_data_no_share_is_told(made, generator):
    wide = drawn(generator, 50), drawn(generator, 20)
    few = [*[30] * 4, *[None] * 56]
    (found,) = worded_shares(explained(made, ("a", *wide), ("b", few, few)))
    assert found.reason is NotEstimable.SPARSE
    assert "not estimable: too few members" in found.sentence


def test_each_clock_has_a_share_of_its_own(made, generator):
    one, other = ([drawn(generator, at) for at in pair] for pair in ((50, 20), (35, 25)))
    found = explained(made, ("a", *one), ("b", *other), clocks=(Clock.STEPS, Clock.FLOPS))
    assert [each.clock for each in found] == [Clock.STEPS, Clock.FLOPS]


def test_without_a_baseline_nothing_is_told(made, generator):
    records = {"s": made(drawn(generator, 9).astype(int).tolist()).records("s")}
    records["l"] = records["s"].renamed("l")
    assert shares(Comparison("?", (ContrastSpec("s", "l"),), (Clock.STEPS,)), records) == ()


def test_a_share_holds_wherever_between_two_evaluations_the_times_lie(made, generator):
    """Every time of one cohort may be an evaluation earlier; of a quick one that is much."""
    hits = [drawn(generator, centre, 400) for centre in (40, 20, 5)]
    (found,) = explained(made, ("plain", hits[0], hits[2]), ("changed", hits[1], "l0"))
    far, near, quick = (
        [math.log((one - early).clip(0.001).mean()) for early in (0, 1)] for one in hits
    )
    allowed = [
        1 - (near[i] - quick[k]) / (far[j] - quick[k])
        for i, j, k in itertools.product((0, 1), repeat=3)
    ]
    assert found.share.estimate == pytest.approx(allowed[0])
    assert found.share.lower < min(allowed) < max(allowed) < found.share.upper
