"""All cells, in the order in which they are printed."""

from calibration import clusters, fixed, sequential, verdicts
from calibration.cell import Cell

PROGRAMME: tuple[Cell, ...] = (
    *fixed.cells(),
    *clusters.cells(),
    *sequential.cells(),
    *verdicts.cells(),
)
