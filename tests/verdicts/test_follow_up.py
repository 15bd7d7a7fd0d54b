"""Verdicts from curves whose runs end at unlike times: nothing hangs on how long rows were kept."""

import dataclasses
import json

import numpy as np
import pytest

from lab.records.imported import curves
from lab.records.imported.reading import Source, read_rows
from lab.reports import pictures
from lab.specs import Comparison, ContrastSpec, NamedMetric, TargetSpec
from lab.statistics import permutation
from lab.statistics.follow_up import completed
from lab.verdicts import follow_up
from lab.verdicts.deciding import Issue, meet
from lab.verdicts.document import from_json, to_json
from lab.verdicts.gate import check
from lab.verdicts.judge import judge
from lab.words import Clock, Direction, Outcome

EVERY, BUDGET, TARGET = 10, 400, 0.9
RULES = curves.Rules(
    target=TargetSpec(NamedMetric("acc", Direction.MAXIMIZE), (TARGET,), sustain=2),
    short=curves.Short.CENSOR,
    grid=curves.Grid.SAME,
    budget=None,
    batch_sizes={},
    parameters={},
    flops_per_step={"s": 1e6, "l": 2e6},
)


def curve(hit, end=BUDGET, died=None):
    """Rows of a run: at the target from step `hit` on, not a number from `died` on."""
    steps = range(EVERY, end + 1, EVERY)
    return [
        (step, float("nan") if died and step >= died else 0.95 if hit and step >= hit else 0.5)
        for step in steps
    ]


def records(folder, rules=RULES, notes=None, **cohorts):
    """Cohorts of curves by way of the file that a user would have; `notes` gets what is noted."""
    lines = ["cohort,run,step,acc"]
    for name, runs in cohorts.items():
        for run, rows in enumerate(runs):
            lines += [f"{name},r{run:03},{step},{value}" for step, value in rows]
    (folder / "curves.csv").write_text("\n".join(lines) + "\n")
    rows = read_rows(Source(folder / "curves.csv", None), "acc", {})
    found, told = curves.cohorts([rows], rules)
    if notes is not None:
        notes += told
    return found


def judged(found, *clocks):
    comparison = Comparison("?", (ContrastSpec("s", "l"),), clocks or (Clock.STEPS,))
    return judge(comparison, found)


def decision(found, clock=Clock.STEPS):
    (one,) = judged(found, clock).contrasts
    return one.decision


def kept(hits, died, end):
    """40 runs of either net; settled ones are recorded up to `end` of their hit or death."""
    small = [curve(hit, end(hit + EVERY)) for hit in hits[0]]
    small += [curve(None, end(30), died=30) for _ in range(died)]
    return {"s": small, "l": [curve(hit, end(hit + EVERY)) for hit in hits[1]]}


HITS = ([200] * 8 + [210] * 4, [220] * 8 + [230] * 8 + [240] * 8 + [250] * 8 + [260] * 8)
ENDS = {"stopped": lambda step: step, "whole": lambda step: BUDGET}


@pytest.mark.parametrize("budget", [None, BUDGET])
def test_settled_runs_limit_no_horizon_however_long_they_were_recorded(tmp_path, budget):
    rules = dataclasses.replace(RULES, budget=budget)
    found = {
        name: decision(records(tmp_path, rules, **kept(HITS, 28, end)))
        for name, end in ENDS.items()
    }
    for one in found.values():
        assert one.verdict.value == "larger faster"
        assert one.win_probability.estimate == pytest.approx(0.3)
        assert one.follow_up is None
    assert found["stopped"] == found["whole"]
    assert found["whole"].horizon == (260 if budget is None else BUDGET)
    if budget is not None:
        # Never counts as the declared budget: 28 of 40 are never there.
        assert found["whole"].rmst_ratio.estimate == pytest.approx(
            (28 * 400 + 8 * 200 + 4 * 210) / (8 * (220 + 230 + 240 + 250 + 260))
        )


@pytest.mark.parametrize("short", [curves.Short.NEVER, curves.Short.HORIZON, curves.Short.CENSOR])
def test_early_is_before_the_declared_budget_however_long_settled_runs_were_recorded(
    tmp_path, short
):
    """Runs that end at 300 have ended early of 1,000 steps, whether or not others go on."""
    rules = dataclasses.replace(RULES, short=short, budget=1000)
    found = []
    for last in (lambda hit: hit + EVERY, lambda hit: 1000):
        small = [curve(hit, last(hit)) for hit in range(60, 260, 10)] + [curve(None, 300)] * 20
        large = [curve(hit, last(hit)) for hit in range(100, 500, 10)]
        notes = []
        read = records(tmp_path, rules, s=small, l=large, notes=notes)
        assert any("20 of 40" in note or "step 300" in note for note in notes)
        found.append(decision(read))
    assert found[0] == found[1]


def test_a_distant_budget_costs_nothing(tmp_path):
    """Landmarks lie on the grid, continued to the budget, of which nobody needs all steps."""
    rules = dataclasses.replace(RULES, budget=2**53)
    one = decision(records(tmp_path, rules, **kept(HITS, 28, ENDS["stopped"])))
    assert one.horizon == 2**53
    assert all(landmark.time % EVERY == 0 for landmark in one.landmarks[:-1])


def times(median, runs, seed):
    generator = np.random.default_rng(seed)
    return np.ceil(median * np.exp(generator.normal(0, 0.4, runs)) / EVERY).astype(int) * EVERY


def stopping(hits, seed, share=0.5):
    """Runs of which a share is stopped at a random step; those not stopped are whole."""
    generator = np.random.default_rng(seed)
    ends = np.where(
        generator.random(len(hits)) < share,
        generator.integers(3, 39, len(hits)) * EVERY,
        BUDGET,
    )
    return [
        curve(hit if hit < BUDGET else None, int(end)) for hit, end in zip(hits, ends, strict=True)
    ]


STOPPED = {"s": stopping(times(140, 64, 1), 2), "l": stopping(times(230, 64, 3), 4)}


def test_stopped_runs_are_censored_where_they_stop(tmp_path):
    found = records(tmp_path, **STOPPED)
    assert Outcome.STOPPED in found["l"].outcome
    one = decision(found)
    assert one.verdict.value == "smaller faster"
    assert "runs stopped early" in [each.value for each in one.modifiers]
    assert one.follow_up.lowest < one.win_probability.estimate < one.follow_up.highest
    whole = {
        name: [curve(hit if hit < BUDGET else None) for hit in times(*law)]
        for name, law in (("s", (140, 64, 1)), ("l", (230, 64, 3)))
    }
    truth = decision(records(tmp_path, **whole))
    assert truth.follow_up is None
    assert one.win_probability.lower < truth.win_probability.estimate < one.win_probability.upper
    assert one.rmst_ratio.lower < truth.rmst_ratio.estimate < one.rmst_ratio.upper


def test_stopped_runs_are_told_of_in_words_and_in_numbers(tmp_path):
    verdict = judged(records(tmp_path, **STOPPED), Clock.STEPS, Clock.FLOPS)
    assert "runs that were stopped early" in verdict.answer
    assert from_json(to_json(verdict)) == verdict
    for one in verdict.contrasts:
        assert "stopped before that" in one.sentence
        headline = one.sentence.partition(". ")[0]
        certain = one.decision.follow_up.certain
        assert ("direction holds" in one.sentence) == certain
        assert ("would have gone on" in headline) == certain
        assert ("that holds only if" in headline) == (not certain)
        assert one.support.kolmogorov_smirnov_p_value is None
        assert 0 < one.support.early_p_value < 0.01
    cohorts = {one.name: one for one in verdict.cohorts}
    for name, runs in STOPPED.items():
        found = cohorts[name]
        assert found.members == len(runs)
        assert found.reached + found.stopped + found.exhausted + found.diverged == len(runs)


def test_pictures_of_stopped_runs_are_drawn(tmp_path):
    found = records(tmp_path, **STOPPED)
    comparison = Comparison("?", (ContrastSpec("s", "l"),), (Clock.STEPS, Clock.FLOPS))
    document = json.loads(to_json(judge(comparison, found)))
    drawn = {one.name: one for one in pictures.draw(comparison, found, document)}
    assert "stopped early" in drawn["incidence"].caption


def test_few_stopped_runs_are_judged_at_both_extremes(tmp_path):
    """8 against 8, apart whatever became of the two that were stopped late; then stopped early."""
    small = [curve(hit) for hit in (40, 50, 50, 60, 60, 70, 80, 90)]
    late = [curve(hit) for hit in (290, 300, 310, 320, 320, 340)]
    apart = decision(records(tmp_path, s=small, l=[*late, curve(None, 250), curve(None, 260)]))
    assert apart.sparse
    assert apart.follow_up.certain
    assert apart.verdict.value == "smaller faster"
    # Of all choices of 8 from 16 two are as far apart.
    assert apart.p_value < 0.001
    early = [*late, curve(None, 30), curve(None, 40)]
    unsure = decision(records(tmp_path, s=small, l=early))
    assert not unsure.follow_up.certain


def test_exact_test_takes_the_extreme_that_favours_a_difference_least(tmp_path):
    small = [curve(hit) for hit in (60, 60, 70, 80, 90)]
    large = [curve(hit) for hit in (80, 90, 100, 110)] + [curve(None, 50)]
    found = records(tmp_path, s=small, l=large)
    met = meet((found["s"], found["l"]), Issue(ContrastSpec("s", "l"), Clock.STEPS, 0))
    extremes = [completed(met.cells[0], late).table() for late in (True, False)]
    least, most = sorted(
        permutation.permutation_p(one, np.random.default_rng(0)) for one in extremes
    )
    assert least < most < 1
    assert follow_up.exact_p(met.cells[0], np.random.default_rng(0), 99) == most


def test_stopped_runs_are_no_sign_of_drift(tmp_path):
    """The first half of the runs was stopped early, as by a time limit that was raised later."""
    hits = times(140, 64, 1)
    runs = [curve(int(hit), 60 if index < 24 else BUDGET) for index, hit in enumerate(hits)]
    found = check(records(tmp_path, s=runs)["s"], np.random.default_rng(0))
    assert found.split.splits > 0
    assert not found.split.drifts


def test_no_number_of_further_runs_is_told_where_runs_were_stopped(tmp_path):
    found = records(tmp_path, s=stopping(times(200, 24, 5), 6), l=stopping(times(200, 24, 7), 8))
    (one,) = judged(found).contrasts
    assert one.decision.verdict.value == "undecided"
    assert one.decision.follow_up is not None
    assert one.decision.more_members is None
    assert "how many members would settle it cannot be told" in one.sentence
    assert "stopped early count up to there" in one.sentence.partition(". ")[0]


def test_nobody_followed_past_the_start_settles_nothing(tmp_path):
    one = decision(
        records(tmp_path, s=[curve(None, EVERY), curve(None, 20)], l=[curve(100), curve(None, 20)])
    )
    assert one.verdict.value in ("undecided", "not reached")
