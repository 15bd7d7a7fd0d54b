import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest

from lab.errors import UsageError
from lab.specs import Comparison, ContrastSpec, InitialSpec, SearchSpec, TunedSpec, UNetSpec
from lab.verdicts.judge import judge
from lab.verdicts.words import Modifier, Verdict
from lab.words import Cause, Clock, Parametrisation


def drawn(seed, centre, members=64):
    hits = np.ceil(np.random.default_rng(seed).lognormal(math.log(centre), 0.35, members))
    return [int(hit) if hit <= 99 else None for hit in hits]


FAST, SLOW = drawn(1, 25), drawn(2, 40)


def only(verdict, clock, target=0.75):
    (found,) = [one for one in verdict.contrasts if (one.clock, one.target) == (clock, target)]
    return found


def test_every_contrast_clock_and_target_is_judged_once(judged, made):
    step = (1e-3, 9e-4, 1.1e-3)
    verdict = judged(a=made(FAST, step=step), b=made(SLOW, step=step), c=made(SLOW, step=step))
    keys = [(one.smaller, one.larger, one.clock, one.target) for one in verdict.contrasts]
    pairs = [("a", "b"), ("a", "c"), ("b", "c")]
    assert keys == [
        (*pair, clock, target) for pair in pairs for clock in Clock for target in (0.6, 0.75)
    ]


def test_horizon_leaves_out_evaluations_where_a_sustained_hit_cannot_start(judged, made):
    verdict = judged(small=made(FAST), large=made(SLOW, flops_per_step=2e6))
    # 100 evaluations of 10 steps; 2 in a row cannot start at the last one.
    assert only(verdict, Clock.STEPS).decision.horizon == 990
    assert only(verdict, Clock.EXAMPLES).decision.horizon == 990 * 8
    assert only(verdict, Clock.FLOPS).decision.horizon == 990 * 1e6


def test_examples_repeat_steps_and_say_so(judged, made):
    verdict = judged(small=made(FAST), large=made(SLOW))
    steps, examples = only(verdict, Clock.STEPS), only(verdict, Clock.EXAMPLES)
    assert Modifier.SAME_AS_STEPS in examples.decision.modifiers
    assert Modifier.SAME_AS_STEPS not in steps.decision.modifiers
    assert "not a second confirmation" in examples.sentence
    assert steps.decision.win_probability == examples.decision.win_probability


@pytest.mark.parametrize("clock", [Clock.FLOPS, Clock.SECONDS])
def test_costs_written_as_decimals_tie_where_they_should(judged, made, clock):
    """Three steps of 0.1 are one of 0.3, though the floats nearest to them are not 1:3."""
    hits, thirds = [3 * one for one in range(2, 22)], list(range(2, 22))
    found = []
    for costs in ((0.1, 0.3), (Fraction(1, 10), Fraction(3, 10)), (1.0, 3.0)):
        if clock is Clock.FLOPS:
            pair = [{"flops_per_step": one} for one in costs]
        else:
            pair = [{"step": (float(one),) * 3} for one in costs]
        verdict = judged(small=made(hits, **pair[0]), large=made(thirds, **pair[1]))
        found.append(only(verdict, clock).decision)
    assert {one.win_probability for one in found} == {found[-1].win_probability}
    # Each meets its like at one moment: a tie, and else as many earlier as later.
    assert found[0].win_probability.estimate == 0.5
    assert found[0].horizon == pytest.approx(found[-1].horizon / 10)


def test_cost_that_no_step_can_have_ends_in_a_line(judged, made):
    with pytest.raises(UsageError, match="a step costs 1e-300"):
        judged(small=made(FAST, flops_per_step=1e-300), large=made(SLOW))


def test_costs_as_far_apart_as_they_may_be_are_judged(judged, made):
    verdict = judged(small=made(SLOW, flops_per_step=1e-30), large=made(FAST, flops_per_step=1e30))
    assert only(verdict, Clock.FLOPS).decision.verdict is Verdict.SMALLER_FASTER
    verdict = judged(small=made(FAST, flops_per_step=1e30), large=made(SLOW, flops_per_step=1e-30))
    assert only(verdict, Clock.FLOPS).decision.verdict is Verdict.LARGER_FASTER


def test_costlier_steps_can_turn_the_verdict_in_flops(judged, made):
    verdict = judged(small=made(SLOW), large=made(FAST, flops_per_step=2.5e6))
    assert only(verdict, Clock.STEPS).decision.verdict is Verdict.LARGER_FASTER
    assert only(verdict, Clock.FLOPS).decision.verdict is Verdict.SMALLER_FASTER
    assert verdict.answer.startswith("Not always: in steps, the larger net")
    assert "but counted in FLOPs, the smaller net was faster" in verdict.answer


@pytest.mark.parametrize(
    ("rates", "modifier", "words"),
    [
        ((0.003, 0.003), Modifier.ONE_SHARED_RATE, "at learning rate 0.003 for both nets"),
        ((0.003, 0.001), Modifier.AS_CONFIGURED, "as configured, at learning rates 0.003"),
    ],
)
def test_untuned_rates_license_no_claim_about_size(judged, made, rates, modifier, words):
    verdict = judged(
        small=made(FAST, learning_rate=rates[0]), large=made(SLOW, learning_rate=rates[1])
    )
    found = only(verdict, Clock.STEPS)
    assert modifier in found.decision.modifiers
    assert found.claim.startswith(words)
    for text in (found.claim, found.sentence, verdict.answer):
        assert "no claim about size in general" in text


def test_unfinished_study_has_no_verdict(judged, made):
    verdict = judged(small=made(FAST[:40], missing=24), large=made(SLOW))
    assert {one.decision.verdict for one in verdict.contrasts} == {Verdict.UNDECIDED}
    assert Modifier.INCOMPLETE in only(verdict, Clock.FLOPS).decision.modifiers
    assert "24 of 128 members have not ended" in verdict.answer
    assert "faster" not in verdict.answer


def test_no_member_ended_yet(judged, made):
    verdict = judged(small=made([], missing=64), large=made([], missing=64))
    assert "128 of 128 members have not ended" in verdict.answer


def test_cohort_summary_counts_everyone_and_never_the_budget(judged, made):
    hits = [10] * 5 + [None] * 7
    verdict = judged(small=made(hits, diverged=3), large=made(SLOW))
    small, large = verdict.cohorts
    assert (small.members, small.reached, small.diverged, small.exhausted) == (12, 5, 3, 4)
    assert small.median_steps is None
    assert large.median_steps == 10 * sorted(hit or 1000 for hit in SLOW)[31]
    assert small.solo_seconds_per_step is None


def test_easier_target_counts_members_that_never_reached_the_hardest(judged, made):
    verdict = judged(small=made([None] * 64), large=made([None] * 64))
    assert only(verdict, Clock.STEPS).decision.verdict is Verdict.NOT_REACHED
    # Of the made-up members every other one reaches the easier target at evaluation 70.
    assert only(verdict, Clock.STEPS, target=0.6).decision.reached_smaller == 32


def test_judging_twice_gives_the_same_verdict(judged, made):
    cohorts = {"small": made([None] * 60 + [80] * 4), "large": made(FAST[:30] + [None] * 34)}
    assert judged(**cohorts) == judged(**cohorts)


SEARCHED = TunedSpec(SearchSpec(), 99, 10, 1e-4, 0.1, complete=True, member_steps=1000)


@pytest.fixture(name="levels")
def levels_fixture(made):
    """Judges two pairs at each of three levels; in the cohorts named the search had no end."""

    def run(*without_end):
        records, contrasts = {}, []
        for level in ("plain", "skips", "norm"):
            for pair in "ab":
                names = f"{level}-{pair}-s", f"{level}-{pair}-l"
                hits = (SLOW, FAST) if level != "norm" else (FAST, SLOW)
                for name, own in zip(names, hits, strict=True):
                    one = made(own, flops_per_step=1e6 if name[-1] == "s" else 2e6).records(name)
                    tuned = dataclasses.replace(SEARCHED, complete=name not in without_end)
                    spec = dataclasses.replace(one.spec, tuned=tuned)
                    records[name] = dataclasses.replace(one, spec=spec)
                contrasts.append(ContrastSpec(*names, level))
        clocks = Clock.STEPS, Clock.FLOPS
        return judge(
            Comparison("?", tuple(contrasts), clocks, cause=Cause.DEPTH, baseline="plain"), records
        )

    return run


MUP = InitialSpec(parametrisation=Parametrisation.MUP, base_width=0.25)


@pytest.mark.parametrize(
    ("moved", "large_flops", "complete", "expected"),
    [
        ((SLOW, FAST), 1.1e6, True, "agree in steps (the larger is faster), agree in FLOPs (the"),
        ((FAST, SLOW), 1.1e6, True, "disagree in steps (larger faster against smaller faster: it"),
        ((SLOW, SLOW[::-1]), 1.1e6, True, "disagree in steps (larger faster against undecided"),
        ((SLOW, FAST), 1.1e6, False, "cannot be held against each other, tuning being incomplete"),
    ],
)
def test_the_answer_tells_whether_tuned_and_transferred_agree(
    made, moved, large_flops, complete, expected
):
    records, contrasts = {}, []
    for level, hits in (("tuned", (SLOW, FAST)), ("moved", moved)):
        for side, own, cost in zip("sl", hits, (1e6, large_flops), strict=True):
            name = f"{level}-{side}"
            one = made(own, flops_per_step=cost, learning_rate=0.003 if side == "s" else 0.001)
            one = one.records(name)
            source = "moved-s" if level == "moved" else None
            ended = complete or level == "tuned"
            spec = dataclasses.replace(
                one.spec,
                tuned=dataclasses.replace(SEARCHED, source=source, complete=ended),
                initial=MUP if level == "moved" else one.spec.initial,
                model=UNetSpec(width=0.25 if side == "s" else 0.5),
            )
            records[name] = dataclasses.replace(one, spec=spec)
        contrasts.append(ContrastSpec(f"{level}-s", f"{level}-l", level))
    asked = Comparison("?", tuple(contrasts), (Clock.STEPS, Clock.FLOPS), cause=Cause.WIDTH)
    answer = judge(asked, records).answer
    assert f"parameters tuned and transferred rates {expected}" in answer
    assert answer.count("tuned and transferred") == 1


def told(verdict):
    """The levels and pairs that maps, flips and shares speak of."""
    nets = {(one.level, one.smaller[-3]) for one in (*verdict.maps, *verdict.flips.cost_ratios)}
    flips = {(one.from_level, one.to_level, one.pair) for one in verdict.flips.levels}
    return nets, flips, {(one.level, one.pair) for one in verdict.shares}


def test_where_tuning_is_incomplete_no_direction_is_named_in_any_way(levels):
    whole, one, base = levels(), levels("skips-a-l"), levels("plain-b-s")
    assert "no direction may be named" not in whole.answer
    assert "no direction may be named where skips-a-l is compared, for the best" in one.answer
    every = {(level, pair) for level in ("plain", "skips", "norm") for pair in "ab"}
    shares = {(level, pair) for level in ("skips", "norm") for pair in (0, 1)}
    turned = {("plain", "norm", 0), ("plain", "norm", 1)}
    assert told(whole) == (every, turned, shares)
    # Pair b of the level keeps its place beside the baseline's.
    assert told(one) == (every - {("skips", "a")}, turned, shares - {("skips", 0)})
    kept = [(each.level, each.pair, each.share) for each in whole.shares]
    assert [each for each in kept if each[:2] != ("skips", 0)] == [
        (each.level, each.pair, each.share) for each in one.shares
    ]
    assert told(base) == (
        every - {("plain", "b")},
        {("plain", "norm", 0)},
        {*shares} - {("skips", 1), ("norm", 1)},
    )
