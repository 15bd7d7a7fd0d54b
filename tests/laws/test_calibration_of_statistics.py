"""Statistics keep their promised error rates: a tenth of the programme of scripts/calibrate.

Bands are STATISTICS, section 5's, wider by what a tenth of the replicates adds to three Monte-Carlo
standard errors. Every cell has a seed of its own.
"""

import math
from fractions import Fraction

import numpy as np
import pytest
from calibration.__main__ import MARKER, told, used, with_tables
from calibration.laws import NULL, STEADY, drawn, shifted
from calibration.programme import PROGRAMME

from lab.statistics import tables, win
from lab.statistics.times import ClockTimes, Times, common_horizon

FRACTION = 0.1


@pytest.mark.parametrize("cell", PROGRAMME, ids=lambda cell: cell.name)
def test_cell_lies_in_its_band(cell):
    inside, line = told(cell, cell.run(used(cell, FRACTION)), FRACTION)
    assert inside, line


def test_names_are_unique_and_so_are_seeds():
    names = [cell.name for cell in PROGRAMME]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("figure", "inside"), [(0.05, True), (0.061, True), (0.08, False), (0.03, False)]
)
def test_a_figure_outside_its_band_is_told(figure, inside):
    cell = next(one for one in PROGRAMME if one.name.endswith("128 members, 40 cells"))
    assert told(cell, figure, FRACTION)[0] is inside
    assert ("OUTSIDE" in told(cell, figure, FRACTION)[1]) is not inside


def placed(seed, first, second, members, replicates):
    generator = np.random.default_rng(seed)
    return win.placement(
        drawn(generator, first, members[0], replicates),
        drawn(generator, second, members[1], replicates),
    )


def test_plain_variance_would_fail_near_separation():
    """Negative control: the Wald interval without bounds on the information covers too seldom."""
    found = placed(3, shifted(0.95, NULL), NULL, (32, 512), 4_000)
    reach = 1.96 * np.sqrt(found.variance)
    covered = np.mean((found.estimate - reach <= 0.95) & (found.estimate + reach >= 0.95))
    assert covered < 0.85


@pytest.mark.parametrize("members", [(32, 32), (128, 128), (32, 512)], ids=str)
def test_interval_near_separation_is_narrow(members):
    """The logit interval covers as often there, but is .07 to .79 wide at 99%, of little use."""
    first = shifted(0.99, STEADY, 0.3, 0.0)
    lower, upper = win.bounds(placed(2, first, STEADY, members, 4_000), 0.95)
    assert np.mean(upper - lower) <= 4 / min(members)


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


def test_page_of_figures_is_written_below_its_marker():
    cells = [one for one in PROGRAMME if one.check == "type I, win probability"][:2]
    page = with_tables(f"words\n{MARKER}\nold\n", dict.fromkeys(cells, 0.05), 1.0)
    assert page.startswith(f"words\n{MARKER}\n\n## Type I, win probability\n\n| scenario |")
    assert page.count(" 0.0500 |") == 2
    assert "old" not in page
