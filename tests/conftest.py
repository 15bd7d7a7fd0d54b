"""JAX is strict in the tests of JAX code; the analysis tower is tested without importing it."""

from functools import cache
from pathlib import Path

import hypothesis
import pytest

# The same examples on every run: a failure is met by whoever caused it, not by the next one.
hypothesis.settings.register_profile("lab", derandomize=True, deadline=None)
hypothesis.settings.load_profile("lab")

TESTS = Path(__file__).parent
WITHOUT_JAX = ("data", "statistics", "tuning", "verdicts", "records", "reports")


@cache
def make_jax_strict() -> None:
    import jax

    jax.config.update("jax_numpy_rank_promotion", "raise")
    jax.config.update("jax_numpy_dtype_promotion", "strict")


@pytest.fixture(autouse=True)
def _strict_jax(request: pytest.FixtureRequest) -> None:
    folder = request.path.relative_to(TESTS).parts[0]
    if folder not in WITHOUT_JAX:
        make_jax_strict()
