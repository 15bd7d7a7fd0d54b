import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter
from statsmodels.duration.survfunc import SurvfuncRight
from statsmodels.stats.proportion import proportion_confint

from lab.statistics.survival import incidence, kaplan_meier
from lab.statistics.times import Times

# Weeks of remission of 21 patients on 6-mercaptopurine; Freireich et al. 1963, Blood 21:699.
SIX_MP = np.array(
    [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35], np.int64
)
RELAPSED = np.arange(21) < 9


def test_kaplan_meier_of_the_leukaemia_trial():
    # Kleinbaum and Klein 2012, Survival Analysis, chapter 2: survival at the nine relapses.
    curve = kaplan_meier(SIX_MP, RELAPSED, 0.95)
    at = {int(week): 1 - share for week, share in zip(curve.evaluation, curve.share, strict=True)}
    wanted = {6: 0.8571, 7: 0.8067, 10: 0.7529, 13: 0.6902, 16: 0.6275, 22: 0.5378, 23: 0.4482}
    assert {week: at[week] for week in wanted} == pytest.approx(wanted, abs=5e-5)


def test_log_log_band_equals_lifelines_and_greenwood_equals_statsmodels():
    curve = kaplan_meier(SIX_MP, RELAPSED, 0.95)
    inside = curve.evaluation >= 6
    fitter = KaplanMeierFitter().fit(SIX_MP, RELAPSED, alpha=0.05)
    band = 1 - fitter.confidence_interval_survival_function_.loc[curve.evaluation[inside]]
    np.testing.assert_allclose(curve.lower[inside], band.iloc[:, 1], rtol=1e-6)
    np.testing.assert_allclose(curve.upper[inside], band.iloc[:, 0], rtol=1e-6)
    oracle = SurvfuncRight(SIX_MP, RELAPSED)
    share = dict(zip(curve.evaluation.tolist(), curve.share, strict=True))
    for week, survival in zip(oracle.surv_times, oracle.surv_prob, strict=True):
        assert 1 - share[int(week)] == pytest.approx(survival, rel=1e-12)


hits = st.lists(st.none() | st.integers(1, 8), min_size=1, max_size=20)


@given(hits)
def test_incidence_is_the_share_reached_with_wilsons_band(evaluations):
    curve = incidence(Times.of(evaluations, last=8), 0.9)
    assert curve.evaluation.tolist() == list(range(9))
    for evaluation, share, lower, upper in zip(
        curve.evaluation, curve.share, curve.lower, curve.upper, strict=True
    ):
        count = sum(hit is not None and hit <= evaluation for hit in evaluations)
        assert share == pytest.approx(count / len(evaluations))
        wilson = proportion_confint(count, len(evaluations), alpha=0.1, method="wilson")
        assert (lower, upper) == pytest.approx(wilson, abs=1e-12)


@given(hits)
def test_kaplan_meier_under_a_common_budget_is_the_incidence(evaluations):
    times = Times.of(evaluations, last=8)
    curve = kaplan_meier(np.where(times.reached, times.evaluation, 8), times.reached, 0.9)
    plain = incidence(times, 0.9)
    np.testing.assert_allclose(curve.share, plain.share[curve.evaluation], atol=1e-12)
    assert (curve.lower <= curve.share + 1e-12).all()
    assert (curve.share <= curve.upper + 1e-12).all()


def test_diverged_member_left_out_would_change_the_curve():
    # Rule 2: a dead run stays at risk; censoring it where it died would raise the incidence.
    kept = kaplan_meier(np.array([2, 4, 8]), np.array([True, True, False]), 0.9)
    censored = kaplan_meier(np.array([2, 4, 1]), np.array([True, True, False]), 0.9)
    assert kept.share[-1] == pytest.approx(2 / 3)
    assert censored.share[-1] == pytest.approx(1)


def test_band_falls_nowhere_where_the_last_at_risk_reaches():
    """One of many is left at risk: seeing it reach makes the share of those before no smaller."""
    duration = np.array([*range(1, 21), *[21] * 19, 30], np.int64)
    curve = kaplan_meier(duration, np.array([True] * 20 + [False] * 19 + [True]), 0.95)
    assert curve.share[-1] == 1
    assert curve.lower[-1] >= curve.lower[-2] > 0.3


def test_nobody_has_an_empty_curve():
    curve = incidence(Times.of([], last=2), 0.95)
    assert curve.share.tolist() == [0, 0, 0]
    assert curve.upper.tolist() == [1, 1, 1]
    assert np.isfinite(kaplan_meier(np.array([], np.int64), np.array([], bool), 0.95).upper).all()
