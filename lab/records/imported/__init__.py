"""Learning curves from elsewhere as the records of cohorts: files, grids, times to a target."""
