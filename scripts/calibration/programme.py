"""All cells, in the order in which they are printed."""

from calibration import (
    clusters,
    fixed,
    follow_up,
    grids,
    luck,
    means,
    planning,
    promises,
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
    *promises.cells(),
    *luck.cells(),
    *follow_up.cells(),
)
