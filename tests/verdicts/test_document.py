import dataclasses
import json
import math

import numpy as np
import pytest
from contract import COHORT_KEYS, CONTRAST_KEYS

from lab.errors import UsageError
from lab.verdicts import document
from lab.verdicts.words import Verdict
from lab.words import Clock

HITS = [None, *np.random.default_rng(1).integers(10, 60, 40).tolist()]


@pytest.fixture
def verdict(judged, made):
    return judged(small=made(HITS), large=made([None] * 41, flops_per_step=1.5e6, diverged=9))


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


def test_contract_of_the_design_page(verdict):
    found = json.loads(document.to_json(verdict), parse_constant=refuse)
    assert found["schema"] == 1
    assert found.keys() >= {"question", "answer", "cohorts", "contrasts"}
    for cohort in found["cohorts"]:
        assert cohort.keys() >= COHORT_KEYS
    assert found["cohorts"][1]["median_steps"] is None
    assert found["cohorts"][1]["solo_seconds_per_step"] is None
    for contrast in found["contrasts"]:
        assert contrast.keys() >= CONTRAST_KEYS
        assert contrast["clock"] in {clock.value for clock in Clock}
        assert contrast["verdict"] in {verdict.value for verdict in Verdict}
        assert contrast["win_probability"].keys() >= {"estimate", "lower", "upper", "level"}
        assert contrast["rmst_ratio"].keys() >= {"estimate", "lower", "upper"}
        assert isinstance(contrast["members"], int)
        assert all(isinstance(each, str) for each in contrast["modifiers"])


def test_number_that_is_not_finite_is_never_written(verdict):
    broken = dataclasses.replace(verdict.cohorts[0], flops_per_step=math.inf)
    with pytest.raises(ValueError, match="not JSON compliant"):
        document.to_json(dataclasses.replace(verdict, cohorts=(broken,)))


def test_reading_back_gives_an_equal_verdict(verdict):
    assert document.from_json(document.to_json(verdict)) == verdict


def numbers(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for each in value for number in numbers(each)]
    return [value] if isinstance(value, float) else []


@pytest.mark.parametrize("hits", [[], [None], [3], [None] * 64, [5] * 64])
@pytest.mark.parametrize("others", [[], [None], [9], [None] * 64, HITS])
def test_degenerate_cohorts_have_finite_documents(judged, made, hits, others):
    text = document.to_json(judged(small=made(hits), large=made(others, flops_per_step=1.3e6)))
    assert all(math.isfinite(number) for number in numbers(json.loads(text)))
    assert document.to_json(document.from_json(text)) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not a verdict.json"),
        ("[]", "not a verdict.json"),
        ("{}", "not a verdict.json"),
        ('{"schema": 2, "contrasts": []}', "schema is not 1"),
        ('{"schema": 1, "contrasts": []}', "does not fit its schema"),
        ('{"schema": 1, "contrasts": [{}]}', "does not fit its schema"),
    ],
)
def test_anything_else_is_refused_in_one_line(text, words):
    with pytest.raises(UsageError, match=words) as caught:
        document.from_json(text)
    assert "\n" not in str(caught.value)
