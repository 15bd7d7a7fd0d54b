"""Statistics keep their promised error rates: STATISTICS, section 5, at fixed seeds.

Bands are section 5's, widened by three Monte-Carlo standard errors of the replicates used here.
Replicates are count tables, drawn all at once.
"""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import ndtr

from lab.specs import Margins
from lab.statistics import permutation, proportions, quantiles, rmst, tables, win
from lab.statistics.tables import Table
from lab.statistics.times import ClockTimes, Times, common_horizon
from lab.verdicts.decision import decide
from lab.verdicts.meeting import Meeting, Side
from lab.verdicts.words import Verdict

CELLS = 40


def lognormal(centre, spread=0.6, diverged=0.05):
    """Shares of members in 40 evaluations and never, for log-normal times of which some diverge."""
    by = ndtr((np.log(np.arange(1, CELLS + 1)) - math.log(centre)) / spread)
    shares = np.diff(by, prepend=0, append=1) * (1 - diverged)
    shares[-1] += diverged
    return shares


def true_win(first, second):
    return float((first * (1 - np.cumsum(second) + second / 2)).sum())


def shifted(wanted, second, **kind):
    """A log-normal law that beats `second` with the wanted probability."""
    log_centre = brentq(
        lambda log: true_win(lognormal(math.exp(log), **kind), second) - wanted, -9, 5
    )
    return lognormal(math.exp(log_centre), **kind)


NULL = lognormal(18)
STEADY = lognormal(18, spread=0.3, diverged=0)
LAWS = {
    "40 cells": NULL,
    "3 cells": np.array([0.3, 0.4, 0.3, 0.0]),
    "24% reached": np.append(np.full(6, 0.04), 0.76),
    "10% diverged": lognormal(18, diverged=0.1),
}


def standard_error(share, replicates):
    return math.sqrt(share * (1 - share) / replicates)


def placed(seed, first, second, members, replicates):
    generator = np.random.default_rng(seed)
    counts = [
        generator.multinomial(count, law, size=replicates)
        for count, law in zip(members, (first, second), strict=True)
    ]
    return win.placement(*counts)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("members", [32, 128])
def test_type_one_error_of_the_win_probability(law, members):
    replicates = 20_000
    found = placed(1, LAWS[law], LAWS[law], (members, members), replicates)
    error = np.mean(win.p_value(found) <= 0.05)
    # n = 32 may reject up to .065, and may reject too little (section 5).
    assert error <= (0.065 if members == 32 else 0.060)
    assert error >= (0.030 if members == 32 else 0.040)
    lower, upper = win.bounds(found, 0.95)
    outside = np.mean((lower > 0.5) | (upper < 0.5))
    assert outside == pytest.approx(error, abs=1e-3)


@pytest.mark.parametrize("members", [(32, 32), (128, 128), (32, 512), (512, 32)], ids=str)
@pytest.mark.parametrize(
    ("wanted", "second", "kind"),
    [
        (0.5, NULL, {}),
        (0.63, NULL, {}),
        (0.95, NULL, {}),
        (0.95, STEADY, {"spread": 0.3, "diverged": 0}),
        (0.99, STEADY, {"spread": 0.3, "diverged": 0}),
    ],
    ids=["null", "63%", "95% of which 5% diverge", "95%", "99%"],
)
def test_coverage_and_width_of_the_win_probability(members, wanted, second, kind):
    replicates = 4_000
    first = shifted(wanted, second, **kind)
    lower, upper = win.bounds(placed(2, first, second, members, replicates), 0.95)
    covered = np.mean((lower <= wanted) & (wanted <= upper))
    slack = 3 * standard_error(0.95, replicates)
    assert covered >= 0.935 - slack
    # Near separation only too much is covered: few pairs differ, and each moves the estimate far.
    if wanted < 0.9:
        assert covered <= 0.965 + slack
    # The logit interval covers as often there, but is .07 to .79 wide at 99%, of little use.
    assert np.mean(upper - lower) <= (
        4 / min(members) if wanted == 0.99 else 1.7 / min(members) ** 0.5
    )


def test_plain_variance_would_fail_near_separation():
    """Negative control: the Wald interval without bounds on the information covers too seldom."""
    first = shifted(0.95, NULL)
    found = placed(3, first, NULL, (32, 512), 4_000)
    reach = 1.96 * np.sqrt(found.variance)
    covered = np.mean((found.estimate - reach <= 0.95) & (found.estimate + reach >= 0.95))
    assert covered < 0.85


def test_sparse_unbalanced_cohorts_keep_their_level_by_permutation():
    replicates, members = 400, (32, 512)
    law = np.append(np.full(4, 0.02), 0.92)
    generator = np.random.default_rng(4)
    p_values = []
    for _ in range(replicates):
        drawn = Table(*(generator.multinomial(count, law) for count in members))
        assert permutation.is_sparse(drawn)
        p_values.append(permutation.permutation_p(drawn, generator))
    assert np.mean(np.array(p_values) <= 0.05) <= 0.059 + 3 * standard_error(0.05, replicates)


@pytest.mark.parametrize("members", [32, 128])
@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.7), (0.98, 0.95), (0.03, 0.0)], ids=str)
def test_coverage_of_an_incidence_difference(members, shares):
    generator = np.random.default_rng(5)
    reached = [generator.binomial(members, share, size=10_000) for share in shares]
    lower, upper = proportions.newcombe_bounds((reached[0], members), (reached[1], members), 0.95)
    difference = shares[0] - shares[1]
    covered = np.mean((lower <= difference + 1e-12) & (difference - 1e-12 <= upper))
    assert covered >= 0.935 - 3 * standard_error(0.95, 10_000)


def clock(cells, cost=1):
    """Members as counts over evaluations and never."""
    hits = np.repeat(np.arange(1, len(cells) + 1), cells)
    return ClockTimes.uniform(Times(hits, hits < len(cells), len(cells) - 1), Fraction(cost))


@pytest.mark.parametrize("members", [(32, 32), (128, 128), (32, 128)], ids=str)
def test_coverage_of_restricted_means(members):
    replicates, generator = 2_000, np.random.default_rng(6)
    laws = NULL, lognormal(24, diverged=0.1)
    grid = np.append(np.arange(1, CELLS + 1), CELLS)
    truth = [float(law @ grid) for law in laws]
    within = np.zeros(replicates, bool)
    for index in range(replicates):
        cohorts = [
            clock(generator.multinomial(count, law))
            for count, law in zip(members, laws, strict=True)
        ]
        means = [rmst.restricted_mean(each, Fraction(CELLS)) for each in cohorts]
        ratio = rmst.rmst_ratio(*means, 0.95)
        within[index] = ratio.lower <= truth[0] / truth[1] <= ratio.upper
    slack = 3 * standard_error(0.95, replicates)
    assert within.mean() == pytest.approx(0.95, abs=0.015 + slack)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_coverage_of_quantiles(quantile):
    replicates, generator = 2_000, np.random.default_rng(7)
    truth = int(np.searchsorted(np.cumsum(NULL), quantile)) + 1
    covered = 0
    for _ in range(replicates):
        drawn = clock(generator.multinomial(64, NULL)).times
        found = quantiles.quantile_time(drawn, quantile, 0.95)
        # None is "not reached", later than every evaluation.
        ends = [CELLS + 1 if end is None else end for end in (found.lower, found.upper)]
        covered += ends[0] <= truth <= ends[1]
    assert covered / replicates >= 0.94 - 3 * standard_error(0.95, replicates)


def test_order_certain_interval_covers_what_rounding_distorts():
    """Equal times read on grids of 1 and 4: rounding favours the finer, the hull allows for it."""
    replicates, generator = 400, np.random.default_rng(8)
    hull = rounded = 0
    for _ in range(replicates):
        moments = generator.lognormal(math.log(18), 0.4, (2, 128))
        fine, coarse = np.ceil(moments[0]).astype(int), np.ceil(moments[1] / 4).astype(int)
        sides = [
            ClockTimes.uniform(Times(hits, hits <= last, last), Fraction(cost))
            for hits, last, cost in ((fine, 60, 1), (coarse, 15, 4))
        ]
        read = tables.tabulate(*sides, common_horizon(*sides))
        allowed = win.certain_win(read, 0.95)
        naive = win.win_probability(read.rounded, 0.95)
        hull += allowed.lower <= 0.5 <= allowed.upper
        rounded += naive.lower <= 0.5 <= naive.upper
    assert hull / replicates >= 0.95
    assert rounded / replicates < 0.8


SCENES = {
    "null": (NULL, NULL, 64),
    # One median, two spreads: the shares that reached differ by a quarter, first up and then down.
    "crossing": (lognormal(18, spread=1.2), lognormal(18, spread=0.35), 256),
    "p = .63": (shifted(0.63, NULL), NULL, 256),
    "p = .73": (shifted(0.73, NULL), NULL, 96),
    "more divergence": (lognormal(18, diverged=0.3), NULL, 128),
    "8% reached": (np.append(np.full(4, 0.02), 0.92), np.append(np.full(4, 0.02), 0.92), 64),
    "one cell": (np.array([0.99, 0.01, 0]), np.array([0.99, 0.01, 0]), 64),
}


def confusion(scene, replicates=400):
    """How often each verdict falls, as shares."""
    first, second, members = SCENES[scene]
    generator = np.random.default_rng(9)
    counts = dict.fromkeys(Verdict, 0)
    for _ in range(replicates):
        sides = [
            Side(clock(generator.multinomial(members, law)), diverged=0) for law in (first, second)
        ]
        counts[decide(Meeting(*sides), Margins(), np.random.default_rng(0)).verdict] += 1
    return {verdict: count / replicates for verdict, count in counts.items()}


@pytest.mark.parametrize("scene", ["null", "8% reached", "one cell"])
def test_no_direction_without_a_difference(scene):
    found = confusion(scene)
    wrong = found[Verdict.SMALLER_FASTER] + found[Verdict.LARGER_FASTER] + found[Verdict.CROSSING]
    assert wrong <= 0.05 + 3 * standard_error(0.05, 400)


@pytest.mark.parametrize(
    ("scene", "wanted"),
    [
        ("crossing", Verdict.CROSSING),
        ("p = .63", Verdict.SMALLER_FASTER),
        ("p = .73", Verdict.SMALLER_FASTER),
        ("more divergence", Verdict.LARGER_FASTER),
        ("one cell", Verdict.GRID_TOO_COARSE),
    ],
)
def test_true_verdict_is_found(scene, wanted):
    found = confusion(scene)
    # Expected power in these scenes is .95 or more; more divergence is worth only p = .38.
    assert found[wanted] >= (0.85 if scene == "more divergence" else 0.95) - 3 * standard_error(
        0.95, 400
    )
    opposite = {Verdict.SMALLER_FASTER, Verdict.LARGER_FASTER} - {wanted}
    assert sum(found[verdict] for verdict in opposite) <= 0.01
