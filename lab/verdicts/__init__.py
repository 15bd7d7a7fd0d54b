"""Verdicts: which of two cohorts is faster, decided by declared rules and said in plain words."""
