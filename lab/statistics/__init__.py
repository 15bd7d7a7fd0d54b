"""Statistics of convergence times, on numpy and scipy alone; no JAX, no specs.

Every function answers degenerate input (no event, all tied, one member, none) with a defined value:
never nan, never an exception.
"""
