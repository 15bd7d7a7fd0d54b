import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from lab.statistics.multiplicity import holm


# Few examples: statsmodels collects garbage in every call.
@settings(max_examples=15)
@given(st.lists(st.sampled_from([n / 40 for n in range(41)]), min_size=1, max_size=12))
def test_statsmodels_agrees(p_values):
    wanted = multipletests(p_values, method="holm")[1]
    np.testing.assert_allclose(holm(p_values), wanted, rtol=1e-12)


def test_holms_steps():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5]) == [0.5]
    assert holm([]) == []
