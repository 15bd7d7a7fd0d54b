"""Verdicts in seconds: they hold wherever in its interval a step's time lies, or are none."""

import dataclasses
import math

import numpy as np
import pytest

from lab.specs import ContrastSpec, Margins, SequentialSpec, StudySpec
from lab.verdicts.deciding import Issue, decision_on
from lab.verdicts.document import from_json, to_json
from lab.verdicts.judge import judge
from lab.verdicts.language import amount
from lab.verdicts.looking import at_look, deciding_look
from lab.verdicts.support import size_trend
from lab.verdicts.words import Modifier, Verdict
from lab.words import Clock


def drawn(seed, centre, members=64):
    hits = np.ceil(np.random.default_rng(seed).lognormal(math.log(centre), 0.35, members))
    return [int(hit) if hit <= 99 else None for hit in hits]


FAST, SLOW = drawn(1, 25), drawn(2, 40)
MILLISECOND = (1e-3, 1e-3, 1e-3)


def on(verdict, clock, target=0.75):
    (found,) = [one for one in verdict.contrasts if (one.clock, one.target) == (clock, target)]
    return found


def spread(centre, share):
    return centre, centre * (1 - share), centre * (1 + share)


def test_seconds_known_exactly_judge_as_flops_in_their_proportion(judged, made):
    verdict = judged(
        small=made(SLOW, flops_per_step=1e6, step=(2**-10,) * 3),
        large=made(FAST, flops_per_step=2.5e6, step=(2.5 * 2**-10,) * 3),
    )
    seconds, flops = on(verdict, Clock.SECONDS).decision, on(verdict, Clock.FLOPS).decision
    assert seconds.verdict is flops.verdict is Verdict.SMALLER_FASTER
    assert seconds.win_probability == flops.win_probability
    assert seconds.p_value == flops.p_value
    assert seconds.horizon == pytest.approx(flops.horizon * 2**-10 / 1e6)
    assert seconds.rmst_ratio.estimate == pytest.approx(flops.rmst_ratio.estimate)


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_a_verdict_that_holds_at_both_ends_spans_them(judged, made, share):
    def at(small, large):
        verdict = judged(small=made(FAST, step=(small,) * 3), large=made(SLOW, step=(large,) * 3))
        return on(verdict, Clock.SECONDS).decision

    timed = {
        name: made(hits, step=spread(1e-3, share))
        for name, hits in (("small", FAST), ("large", SLOW))
    }
    found = on(judged(**timed), Clock.SECONDS).decision
    ends = [at(1e-3, 1e-3), at(1e-3 * (1 - share), 1e-3 * (1 + share))]
    ends.append(at(1e-3 * (1 + share), 1e-3 * (1 - share)))
    assert {one.verdict for one in ends} == {found.verdict} == {Verdict.SMALLER_FASTER}
    for name in ("win_probability", "rmst_ratio"):
        spans = [getattr(one, name) for one in ends]
        assert getattr(found, name).estimate == spans[0].estimate
        assert getattr(found, name).lower == min(one.lower for one in spans)
        assert getattr(found, name).upper == max(one.upper for one in spans)
    assert found.win_probability.lower < ends[0].win_probability.lower
    assert Modifier.TIMING not in found.modifiers


def test_a_verdict_that_turns_within_the_interval_is_for_better_timing(judged, made):
    verdict = judged(small=made(FAST, step=spread(1e-3, 0.5)), large=made(SLOW, step=MILLISECOND))
    found = on(verdict, Clock.SECONDS)
    assert found.decision.verdict is Verdict.UNDECIDED
    assert Modifier.TIMING in found.decision.modifiers
    assert found.decision.more_members is None
    assert "on an idle machine, rather than more members" in found.sentence
    assert "counted in seconds, it is undecided (smaller first in" in verdict.answer
    assert "for a step was timed too roughly" in verdict.answer
    assert on(verdict, Clock.STEPS).decision.verdict is Verdict.SMALLER_FASTER


def test_what_too_few_members_leave_open_is_not_for_the_timing(judged, made):
    def at(share):
        verdict = judged(
            small=made(FAST, step=spread(1e-3, share)), large=made(drawn(3, 26), step=MILLISECOND)
        )
        return on(verdict, Clock.SECONDS)

    sharp, rough = at(0.05), at(0.6)
    assert sharp.decision.verdict is rough.decision.verdict is Verdict.UNDECIDED
    assert Modifier.TIMING not in sharp.decision.modifiers
    assert "idle machine" not in sharp.sentence
    # Its ends name the one net and the other: no number of members would do.
    assert Modifier.TIMING in rough.decision.modifiers


def test_exchanging_the_nets_mirrors_the_verdict(judged, made):
    small, large = made(FAST, step=spread(1e-3, 0.1)), made(SLOW, step=spread(1.1e-3, 0.05))
    one = on(judged(a=small, b=large), Clock.SECONDS).decision.win_probability
    other = on(judged(a=large, b=small), Clock.SECONDS).decision.win_probability
    assert other.lower == pytest.approx(1 - one.upper)
    assert other.upper == pytest.approx(1 - one.lower)


def test_a_direction_that_only_the_machine_names_says_so(judged, made):
    verdict = judged(
        small=made(SLOW, flops_per_step=1e6, step=spread(1e-3, 0.01)),
        large=made(FAST, flops_per_step=1.05e6, step=spread(4e-3, 0.01)),
    )
    found = on(verdict, Clock.SECONDS)
    assert found.decision.verdict is Verdict.SMALLER_FASTER
    assert Modifier.SECONDS_ONLY in found.decision.modifiers
    assert "Neither steps nor FLOPs name this direction" in found.sentence
    shared = judged(small=made(FAST, step=MILLISECOND), large=made(SLOW, step=MILLISECOND))
    assert Modifier.SECONDS_ONLY not in on(shared, Clock.SECONDS).decision.modifiers


@pytest.mark.parametrize("timed", [(), ("small",), ("large",)])
def test_without_a_timing_of_both_nobody_judges_in_seconds(judged, made, timed):
    steps = {name: MILLISECOND if name in timed else None for name in ("small", "large")}
    verdict = judged(small=made(FAST, step=steps["small"]), large=made(SLOW, step=steps["large"]))
    assert Clock.SECONDS not in {one.clock for one in verdict.contrasts}
    assert "seconds" not in verdict.answer


def test_the_sentence_says_what_seconds_are(judged, made):
    verdict = judged(
        small=made(FAST, step=(1.5e-3, 1.4e-3, 1.6e-3)), large=made(SLOW, step=MILLISECOND)
    )
    told = on(verdict, Clock.SECONDS).sentence
    for words in (
        "one device of this machine (cpu) to itself",
        "not its share of the ensemble's",
        "1.5 ms [1.4 ms, 1.6 ms]",
        "Compilation, which took 2.5 s and 2.5 s, is left out",
    ):
        assert words in told
    assert "Compilation" not in on(verdict, Clock.FLOPS).sentence
    small, _ = verdict.cohorts
    assert small.solo_seconds_per_step == 1.5e-3
    assert small.solo_seconds.upper == 1.6e-3


def test_the_document_keeps_the_timing_and_reads_those_without(judged, made):
    verdict = judged(small=made(FAST, step=MILLISECOND), large=made(SLOW, step=MILLISECOND))
    assert from_json(to_json(verdict)) == verdict
    plain = judged(small=made(FAST), large=made(SLOW))
    before = to_json(plain).replace(
        '"solo_seconds_per_step": null,\n      "solo_seconds": null', "X"
    )
    before = before.replace("X", '"solo_seconds_per_step": null')
    assert '"solo_seconds":' not in before
    assert from_json(before) == plain


LOOKS = SequentialSpec((64, 96, 128))


def in_turn(made, clocks, small, large):
    step = spread(1e-3, 0.05)
    records = {
        "small": made(small, step=step).records("small"),
        "large": made(large, step=step).records("large"),
    }
    study = StudySpec(
        question="?",
        cohorts=tuple(one.spec for one in records.values()),
        contrasts=(ContrastSpec("small", "large"),),
        clocks=clocks,
        sequential=LOOKS,
    )
    return study.comparison, records


def test_seconds_are_judged_at_the_look_that_the_other_clocks_took(made):
    hits = drawn(1, 12, 128), drawn(2, 40, 128)
    with_them = in_turn(made, tuple(Clock), *hits)
    without = in_turn(made, tuple(one for one in Clock if one is not Clock.SECONDS), *hits)
    assert deciding_look(*with_them) == deciding_look(*without) == 64
    assert at_look(*with_them, 64) == at_look(*without, 64)
    found = on(judge(*with_them), Clock.SECONDS).decision
    assert found.verdict is Verdict.SMALLER_FASTER
    assert Modifier.SEQUENTIAL in found.modifiers
    at_estimate = decision_on(Issue(ContrastSpec("small", "large"), Clock.STEPS, 1), *with_them, 64)
    assert found.win_probability.lower <= at_estimate.win_probability.lower
    assert found.win_probability.upper >= at_estimate.win_probability.upper


def test_seconds_alone_do_stop_a_study(made):
    asked = in_turn(made, (Clock.SECONDS,), drawn(1, 12, 128), drawn(2, 40, 128))
    assert deciding_look(*asked) == 64
    even = in_turn(made, (Clock.SECONDS,), drawn(1, 25, 128), drawn(3, 25, 128))
    assert deciding_look(*even) == 128


def test_amounts_of_seconds():
    assert amount(0.0123, Clock.SECONDS) == "12.3 ms"
    assert amount(4.56e-5, Clock.SECONDS) == "45.6 µs"
    assert amount(12.34, Clock.SECONDS) == "12.3 s"
    assert amount(1234.5, Clock.SECONDS) == "1,234 s"


def test_unequal_budgets_are_compared_as_far_as_both_were_followed(made):
    small, large = made(drawn(1, 25)).records("small"), made(drawn(2, 30)).records("large")
    longer = dataclasses.replace(small.spec, budget_steps=1400)
    late = [*small.hit[:4, -1], *[120] * 4, *small.hit[8:, -1]]
    hit = small.hit.copy()
    hit[:, -1] = late
    records = {
        "small": dataclasses.replace(small, spec=longer, hit=hit),
        "large": large,
    }
    study = StudySpec(
        question="?",
        cohorts=(longer, large.spec),
        contrasts=(ContrastSpec("small", "large"),),
    )
    verdict = judge(study.comparison, records)
    steps = on(verdict, Clock.STEPS).decision
    assert steps.horizon == 990
    assert steps.reached_smaller == sum(at <= 99 for at in late)
    assert verdict.cohorts[0].reached == 64
    cut = dataclasses.replace(small, hit=np.minimum(hit, 99), reached=(hit <= 99) & small.reached)
    same = judge(study.comparison, {"small": cut, "large": large})
    assert on(same, Clock.STEPS).decision.win_probability == steps.win_probability


def test_sizes_of_unequal_budgets_have_a_trend_as_far_as_all_were_followed(made):
    def records(name, hits, parameters, evaluations):
        one = made(hits, parameters=parameters).records(name)
        spec = dataclasses.replace(one.spec, budget_steps=10 * evaluations)
        kept = one.reached & (one.hit < evaluations)
        return dataclasses.replace(one, spec=spec, reached=kept)

    def trend(evaluations):
        found = {
            name: records(name, hits, parameters, last)
            for (name, hits, parameters), last in zip(
                (("a", SLOW, 1_000), ("b", FAST, 2_000), ("c", drawn(4, 15), 4_000)),
                evaluations,
                strict=True,
            )
        }
        return size_trend(found, Margins())

    unequal, cut = trend((100, 70, 40)), trend((40, 40, 40))
    assert unequal is not None
    assert unequal == cut
    assert unequal.ordered.z < 0
