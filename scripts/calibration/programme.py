"""All cells, in the order in which they are printed."""

from calibration import fixed, verdicts
from calibration.cell import Cell

PROGRAMME: tuple[Cell, ...] = (*fixed.cells(), *verdicts.cells())
