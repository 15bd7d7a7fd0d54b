"""All cells, in the order in which they are printed."""

from calibration import (
    clusters,
    fixed,
    grids,
    luck,
    means,
    planning,
    sequential,
    trainers,
    verdicts,
)
from calibration.cell import Cell

PROGRAMME: tuple[Cell, ...] = (
    # First, since it takes longest.
    *trainers.cells(),
    *fixed.cells(),
    *clusters.cells(),
    *sequential.cells(),
    *verdicts.cells(),
    *means.cells(),
    *grids.cells(),
    *planning.cells(),
    *luck.cells(),
)
