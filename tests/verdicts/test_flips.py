import dataclasses

import numpy as np
import pytest

from lab.specs import Comparison, ContrastSpec, Margins
from lab.statistics.intervals import Interval
from lab.verdicts.cost_ratio import FINENESS, cost_ratio_flip
from lab.verdicts.first import First
from lab.verdicts.flips import Flips, target_flips
from lab.verdicts.judge import judge
from lab.verdicts.level_language import worded
from lab.verdicts.winner_map import MapCell, WinnerMap
from lab.verdicts.words import Verdict
from lab.words import Cause, Clock, Metric

ALL = (Clock.STEPS, Clock.FLOPS)


def hits(centre, seed, members=60):
    drawn = np.random.default_rng(seed).normal(centre, centre / 6, members)
    return np.clip(np.round(drawn), 1, 90).astype(int).tolist()


def flip(small, large, contrast=("small", "large")):
    pair = {"small": small.records("small"), "large": large.records("large")}
    asked = ContrastSpec(*contrast)
    return cost_ratio_flip(asked, Comparison("?", (asked,), ALL), pair)


def test_three_times_the_steps_turn_at_three_times_the_cost(made):
    base = hits(20, 1)
    found = flip(made([3 * one for one in base]), made(base))
    # Times are rounded up to an evaluation, the larger's to a coarser one: a few percent.
    assert found.turn == pytest.approx(3, rel=0.08)
    assert 1 < found.larger_until < found.turn < found.smaller_from < 5


def test_swapped_roles_turn_at_the_inverse_ratio(made):
    small, large = made(hits(50, 2)), made(hits(25, 3))
    plain, turned = flip(small, large), flip(small, large, ("large", "small"))
    step = 2 ** (1.01 / FINENESS)
    for one, other in (
        (plain.larger_until, turned.smaller_from),
        (plain.turn, turned.turn),
        (plain.smaller_from, turned.larger_until),
    ):
        assert 1 / step <= one * other <= step


def test_the_flip_says_what_the_verdict_in_flops_says(made, judged):
    for cost, verdict in ((1.3e6, Verdict.LARGER_FASTER), (4e6, Verdict.SMALLER_FASTER)):
        small, large = made(hits(50, 2)), made(hits(25, 3), flops_per_step=cost)
        found = flip(small, large)
        ratio = {one.clock: one.ratio for one in found.known}[Clock.FLOPS]
        assert ratio == pytest.approx(cost / 1e6)
        first = Verdict.LARGER_FASTER if ratio < found.larger_until else Verdict.SMALLER_FASTER
        assert first is verdict
        assert ratio < found.larger_until or ratio > found.smaller_from
        told = judged(small=small, large=large).contrasts
        assert verdict in {one.decision.verdict for one in told if one.clock is Clock.FLOPS}


def test_a_net_that_never_gets_there_is_first_at_no_cost(made):
    """The larger leads as long as it gets there within the smaller's budget; then nobody does."""
    found = worded(Flips((flip(made([None] * 40), made(hits(25, 3))),)), None).cost_ratios[0]
    assert found.larger_until == pytest.approx(99 / 25, rel=0.2)
    assert (found.turn, found.smaller_from) == (None, None)
    assert "beyond these runs cannot tell" in found.sentence


def test_alike_nets_are_level_at_equal_cost(made):
    found = flip(made(hits(30, 4)), made(hits(30, 5)))
    assert found.larger_until < 1 < found.smaller_from
    assert found.turn == pytest.approx(1, rel=0.1)


def test_nobody_reaching_turns_nothing(made):
    found = flip(made([None] * 40), made([None] * 40))
    assert (found.larger_until, found.turn, found.smaller_from) == (None, None, None)


def cell(target, first):
    return MapCell(target, 100.0, Interval(0.5, 0.4, 0.6, 0.97), 1.0, first)


def test_a_target_flip_skips_undecided_rows_between():
    firsts = (First.NOBODY, First.SMALLER, First.OPEN, First.LARGER, First.LARGER)
    targets = (0.1, 0.2, 0.3, 0.4, 0.5)
    cells = tuple(map(cell, targets, firsts))
    found = WinnerMap("a", "b", "", Clock.STEPS, Metric.IOU, targets, (0.5,), (100.0,), cells)
    (one,) = target_flips(found)
    assert (one.from_target, one.to_target, one.easier) == (0.2, 0.4, First.SMALLER)


SLOW, FAST = hits(60, 6), hits(25, 7)
EVEN = hits(40, 8), hits(40, 9)


def levelled(made, levels, baseline=""):
    """Judges one contrast a level: of each (level, smaller's hits, larger's hits)."""
    records, contrasts = {}, []
    for place, (level, small, large) in enumerate(levels):
        for side, one in (("s", small), ("l", large)):
            records[f"{side}{place}"] = made(one).records(f"{side}{place}")
        contrasts.append(ContrastSpec(f"s{place}", f"l{place}", level))
    asked = Comparison(
        "?", tuple(contrasts), ALL, Margins(), cause=Cause.LEARNING_RATE, baseline=baseline
    )
    return judge(asked, records)


def test_numbers_turn_between_decided_neighbours_with_a_place(made):
    verdict = levelled(
        made, [("0.1", FAST, SLOW), ("0.001", SLOW, FAST), ("0.01", *EVEN), ("1", FAST, SLOW)]
    )
    (steps,) = [one for one in verdict.flips.levels if one.clock is Clock.STEPS]
    assert (steps.from_level, steps.to_level) == ("0.001", "0.1")
    assert steps.before is First.LARGER
    assert 0.001 < steps.at.lower < 0.01 < steps.at.upper < 0.1
    assert "the order turns between learning rate 0.001, where the larger" in steps.sentence


def test_words_turn_against_the_baseline(made):
    levels = [("adam", FAST, SLOW), ("sgd", SLOW, FAST), ("lion", *EVEN), ("muon", SLOW, FAST)]
    verdict = levelled(made, levels, baseline="sgd")
    steps = [one for one in verdict.flips.levels if one.clock is Clock.STEPS]
    assert [(one.from_level, one.to_level, one.at) for one in steps] == [("sgd", "adam", None)]
    assert "the larger net is first at learning rate sgd, the smaller at adam" in steps[0].sentence


def test_numbers_beside_a_baseline_of_words_turn_between_each_other(made):
    """As rates do beside "tuned": each is held against the baseline too."""
    levels = [("tuned", SLOW, FAST), ("0.1", FAST, SLOW), ("0.001", SLOW, FAST), ("0.01", *EVEN)]
    verdict = levelled(made, levels, baseline="tuned")
    steps = [one for one in verdict.flips.levels if one.clock is Clock.STEPS]
    ends = [(one.from_level, one.to_level) for one in steps]
    assert ends == [("0.001", "0.1"), ("tuned", "0.1")]
    assert 0.001 < steps[0].at.lower < 0.01 < steps[0].at.upper < 0.1
    assert steps[1].at is None
    assert "learning rate 0.001, where the larger net is first, and 0.1" in verdict.answer
    assert "the larger at tuned and 0.001," in verdict.answer


def test_a_number_for_a_baseline_is_held_against_words(made):
    levels = [("0.1", FAST, SLOW), ("1", SLOW, FAST), ("tuned", SLOW, FAST)]
    verdict = levelled(made, levels, baseline="0.1")
    steps = [one for one in verdict.flips.levels if one.clock is Clock.STEPS]
    ends = [(one.from_level, one.to_level) for one in steps]
    assert ends == [("0.1", "1"), ("0.1", "tuned")]


def test_many_levels_are_told_by_the_ends_of_the_numbers(made):
    rates = [f"{0.001 * 2**place:g}" for place in range(6)]
    levels = [(one, SLOW, FAST) for one in (rates[-1], "tuned", *rates[:-1])]
    answer = levelled(made, levels, baseline="tuned").answer
    assert "was faster at 7 of them, tuned and from 0.001 to 0.032;" in answer


def test_the_answer_names_the_levels_in_one_paragraph(made):
    levels = [("0.1", FAST, SLOW), ("0.001", SLOW, FAST), ("0.01", *EVEN)]
    answer = levelled(made, levels, baseline="0.001").answer
    assert answer.startswith(
        "Not always (Holm's p below 0.001 over the 3 cells): over the 3 levels"
    )
    assert "the smaller net was faster at 0.1" in answer
    assert "the larger at 0.001" in answer
    assert "at 0.01;" in answer
    assert "counted in FLOPs" in answer
    assert "no claim about size in general" in answer
    assert answer.count("the order turns") == 1
    assert answer.count("of the gap") == 1
    assert "\n" not in answer


def test_an_unfinished_level_settles_nothing(made):
    records = {
        "s": made(FAST[:30], missing=30).records("s"),
        "l": made(SLOW).records("l"),
        "t": made(FAST).records("t"),
        "m": made(SLOW).records("m"),
    }
    contrasts = (ContrastSpec("s", "l", "a"), ContrastSpec("t", "m", "b"))
    verdict = judge(Comparison("?", contrasts, ALL, cause=Cause.DEPTH), records)
    assert verdict.answer.startswith("Not settled, members are still missing")
    assert (verdict.maps, verdict.shares, verdict.flips.levels) == ((), (), ())


def test_relabelled_nets_turn_at_the_same_place(made):
    levels = [("0.1", FAST, SLOW), ("0.001", SLOW, FAST), ("0.01", *EVEN)]
    turned = [(level, large, small) for level, small, large in levels]
    one, other = (levelled(made, each).flips.levels[0] for each in (levels, turned))
    assert one.before is other.before.other
    assert dataclasses.astuple(one.at) == pytest.approx(dataclasses.astuple(other.at))
