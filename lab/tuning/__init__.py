"""How a cohort's hyperparameters are searched for, and what that found: no JAX here."""
