"""Every verdict has words that a newcomer can read."""

import math
import re

import numpy as np
import pytest

from lab.quantities import percent
from lab.verdicts.language import amount
from lab.verdicts.words import Verdict
from lab.words import Clock


def drawn(seed, centre, members=64):
    hits = np.ceil(np.random.default_rng(seed).lognormal(math.log(centre), 0.35, members))
    return [int(hit) if hit <= 99 else None for hit in hits]


FAST, SLOW = drawn(1, 25), drawn(2, 40)
EVEN = [8, 10, 12, 14, 16, 18, 20, 22, 24, 26] * 70
CASES = {
    Verdict.SMALLER_FASTER: (FAST, SLOW, "the smaller net (2,903 parameters) was faster: it "),
    Verdict.LARGER_FASTER: (SLOW, FAST, "the larger net (5,012 parameters) was faster: it "),
    Verdict.CROSSING: (
        [12, 13, 14, 15] * 16 + [80, 81, 82, 83] * 16,
        [40, 41, 42, 43] * 32,
        "the smaller net was faster to IoU 0.75 early, the larger later",
    ),
    Verdict.EQUIVALENT: (EVEN, EVEN, "equivalent within the margins"),
    Verdict.UNDECIDED: (FAST, drawn(3, 26), "more members of each net would settle"),
    Verdict.NOT_REACHED: ([None] * 9, [None] * 9, "no member of either net reached IoU 0.75"),
    Verdict.GRID_TOO_COARSE: ([30] * 64, [30] * 64, "within one evaluation (10 steps)"),
}


def test_there_is_a_case_for_every_verdict():
    assert set(CASES) == set(Verdict)


@pytest.mark.parametrize("wanted", CASES, ids=lambda verdict: verdict.value)
def test_verdict_in_words(judged, made, wanted):
    smaller, larger, words = CASES[wanted]
    verdict = judged(small=made(smaller), large=made(larger, parameters=5012))
    found = next(one for one in verdict.contrasts if (one.clock, one.target) == (Clock.STEPS, 0.75))
    assert found.decision.verdict is wanted
    assert words in found.sentence
    assert found.sentence.startswith("In steps, ")
    assert words in verdict.answer
    for needed in (
        "990 steps",
        "97% intervals",
        "7.5 points",
        "15 points",
        "reached it",
        "diverged",
    ):
        assert needed in found.sentence
    if wanted is Verdict.GRID_TOO_COARSE:
        assert re.search(
            r"Mean time.*is 1\.00 times .* too few members .* for an interval", found.sentence
        )
    elif wanted is not Verdict.NOT_REACHED:
        assert re.search(r"Mean time.*is \d\.\d\d \[\d\.\d\d, \d\.\d\d\] times", found.sentence)


@pytest.mark.parametrize("hits", [[], [None], [3], [None] * 64, [5] * 64, FAST])
@pytest.mark.parametrize("others", [[], [None], [9], [None] * 64, SLOW])
def test_no_word_for_a_number_that_is_none(judged, made, hits, others):
    verdict = judged(small=made(hits), large=made(others, flops_per_step=1.7e6))
    texts = [verdict.answer, *(one.sentence for one in verdict.contrasts)]
    assert not [text for text in texts if re.search(r"\b(inf|nan|None)\b", text)]


def test_median_that_half_did_not_reach_is_said_so(judged, made):
    verdict = judged(small=made([None] * 40 + FAST[:24]), large=made(FAST))
    assert "smaller not reached by half of the members" in verdict.contrasts[1].sentence


def test_winner_is_spoken_of_from_its_own_side(judged, made):
    verdict = judged(small=made(SLOW), large=made(FAST))
    chance = verdict.contrasts[1].decision.win_probability
    spoken = [percent(1 - end) for end in (chance.estimate, chance.upper, chance.lower)]
    assert "{} [{}, {}] of random pairs".format(*spoken) in verdict.contrasts[1].sentence


def test_answer_is_about_the_hardest_target_in_steps(judged, made):
    answer = judged(small=made(FAST), large=made(SLOW)).answer
    assert answer.startswith("Yes for this pair, which proves nothing about other pairs: in steps,")
    assert "IoU 0.75" in answer
    assert "IoU 0.6 " not in answer
    assert "counted in FLOPs the verdict is the same" in answer


def test_share_in_flops_says_whose_it_is(judged, made):
    answer = judged(small=made(SLOW), large=made(FAST)).answer
    assert re.search(r"in FLOPs the verdict is the same \(first in \d\d% \[.*\] of random", answer)
    assert "so a smaller net that converges later is no sign of a fault by itself" in answer
    answer = judged(small=made(EVEN), large=made(EVEN)).answer
    assert "in FLOPs the verdict is the same (smaller first in 50% [" in answer


def test_rate_shared_by_three_nets_is_not_of_both(judged, made):
    answer = judged(a=made(SLOW), b=made(FAST), c=made(SLOW)).answer
    assert "at learning rate 0.003 for all nets, not tuned" in answer
    assert "for both nets" in judged(a=made(SLOW), b=made(FAST)).answer


def test_undecided_for_the_grid_asks_for_no_members(judged, made):
    even = [1, 2, 3, 4] * 40
    verdict = judged(small=made(even), large=made(even, flops_per_step=1.3e6))
    flops = next(one for one in verdict.contrasts if (one.clock, one.target) == (Clock.FLOPS, 0.75))
    assert "takes evaluations closer together rather than more members" in flops.sentence


@pytest.mark.parametrize(
    ("diverged", "words"),
    [
        ((0, 0), "which is faster: an easier target or a larger budget is needed"),
        (
            (12, 11),
            "12 of 12 and 11 of 12 members diverged: a smaller learning rate is needed before "
            "sizes can be compared",
        ),
        (
            (0, 1),
            "0 of 12 and 1 of 12 members diverged: try a smaller learning rate first, then an "
            "easier target or a larger budget",
        ),
    ],
)
def test_nobody_reached_advises_what_may_help(judged, made, diverged, words):
    small, large = (made([None] * 12, diverged=count) for count in diverged)
    verdict = judged(small=small, large=large)
    assert words in verdict.answer
    assert ("easier" in verdict.answer) == ("easier" in words)


def test_answer_over_many_pairs_counts_every_verdict(judged, made):
    answer = judged(a=made(SLOW), b=made(FAST), c=made(SLOW)).answer
    assert answer.startswith("Not always (Holm's p below 0.001 over the 3 pairs): of 3 pairs")
    assert "the smaller net was faster in 1, the larger in 1, 1 undecided" in answer


def test_answer_over_pairs_that_all_agree(judged, made):
    fastest = [max(hit // 2, 1) for hit in FAST]
    verdict = judged(a=made(fastest), b=made(FAST), c=made(SLOW))
    assert verdict.answer.startswith("Yes in every tested pair, which proves nothing about others")
    verdict = judged(a=made(SLOW), b=made(FAST), c=made(fastest))
    assert verdict.answer.startswith("Not always (Holm's p")
    assert "to IoU 0.75, the larger net was faster in 3;" in verdict.answer


def test_opposite_verdict_that_holm_does_not_confirm_is_only_perhaps(judged, made):
    # Two of the three pairs have p = .018: enough for one alone, not after Holm's correction.
    slow, fast = drawn(28, 30, members=60), drawn(128, 25, members=60)
    assert judged(a=made(slow), b=made(fast)).answer.startswith("Not always: in steps, the larger")
    answer = judged(a=made(slow), b=made(fast), c=made(slow)).answer
    assert answer.startswith("Perhaps not always, though no single pair shows it after Holm's")


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0%"), (1, "100%"), (0.001, "<1%"), (0.999, ">99%"), (0.834, "83%"), (0.5, "50%")],
)
def test_percent_never_rounds_to_certainty(share, text):
    assert percent(share) == text


def test_amounts_carry_their_unit():
    assert amount(1250, Clock.STEPS) == "1,250 steps"
    assert amount(10_000, Clock.EXAMPLES) == "10,000 examples"
    assert amount(3.214e9, Clock.FLOPS) == "3.21 GFLOPs"
    assert amount(12, Clock.FLOPS) == "12 FLOPs"
