"""All cells, in the order in which they are printed."""

from calibration import fixed, sequential, verdicts
from calibration.cell import Cell

PROGRAMME: tuple[Cell, ...] = (*fixed.cells(), *sequential.cells(), *verdicts.cells())
