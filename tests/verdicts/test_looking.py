"""Verdicts at looks: on blocks that all ended, at the first that is clear, from records alone."""

import dataclasses
import itertools

import made_up
import numpy as np
import pytest

from lab.records.cohort import CohortRecords, Curves
from lab.specs import ContrastSpec, SeedsSpec, SequentialSpec, StudySpec
from lab.statistics.sequences import win_bounds
from lab.verdicts import document
from lab.verdicts.deciding import decision_on, issues, meet
from lab.verdicts.judge import judge
from lab.verdicts.looking import at_look, deciding_look
from lab.verdicts.words import Modifier, Verdict
from lab.words import Clock, Outcome

LOOKS = (64, 96, 128)
SPEC = made_up.cohort(budget_steps=1_000)


def cohort(name, hits, seed):
    """Evaluations of hits, one a member; 0 is never."""
    hits = np.asarray(hits)
    reached = hits > 0
    spec = dataclasses.replace(SPEC, name=name, members=LOOKS[-1], seed=seed)
    return CohortRecords(
        spec=spec,
        parameters=1_000,
        flops_per_step=1e6,
        planned=LOOKS[-1],
        member=np.arange(len(hits)),
        seed_ids={},
        outcome=tuple(Outcome.REACHED if one else Outcome.EXHAUSTED for one in reached),
        hit=np.stack([np.maximum(hits - 1, 1), hits], -1),
        reached=np.stack([reached, reached], -1),
        ended=np.where(reached, hits + 1, SPEC.evaluations),
        curves=Curves(np.zeros(0, np.int64), np.zeros(0, np.int64), {}),
    )


def asked(small, large, planned=False):
    records = {"small": cohort("small", small, 1), "large": cohort("large", large, 2)}
    study = StudySpec(
        question="?",
        cohorts=tuple(one.spec for one in records.values()),
        contrasts=(ContrastSpec("small", "large"),),
        clocks=(Clock.STEPS,),
        sequential=SequentialSpec(LOOKS, planned),
    )
    return study.comparison, records


def times(seed, centre, members=LOOKS[-1]):
    drawn = np.random.default_rng(seed).lognormal(np.log(centre), 0.4, members)
    return np.clip(np.ceil(drawn), 1, 90).astype(int)


@pytest.mark.parametrize("planned", [False, True])
def test_a_large_difference_is_clear_at_once(planned):
    question = asked(times(1, 12), times(2, 40), planned)
    look = deciding_look(*question)
    # The plan spends next to nothing at a half of its members; sequences begin at 64.
    assert look in LOOKS[:2]
    found = judge(*question)
    assert found.look == look
    assert [one.members for one in found.cohorts] == [look, look]
    (hard,) = [one for one in found.contrasts if one.target == SPEC.target.thresholds[-1]]
    assert hard.decision.verdict is Verdict.SMALLER_FASTER
    told = Modifier.PLANNED_LOOKS if planned else Modifier.SEQUENTIAL
    assert told in hard.decision.modifiers
    assert "lean outward" in hard.sentence
    assert hard.support is None


def test_members_beyond_the_look_change_nothing():
    """Quick finishers past the look are not looked at, nor waited for."""
    small, large = times(1, 12), times(2, 40)
    question = asked(small, large)
    look = deciding_look(*question)
    other = small.copy()
    other[look:] = 90
    assert judge(*asked(other, large)).contrasts == judge(*question).contrasts
    assert judge(*asked(small[: look + 3], large[:look])).contrasts == judge(*question).contrasts


def test_a_look_waits_for_all_of_its_members():
    comparison, records = asked(times(1, 12), times(2, 40)[:63])
    assert deciding_look(comparison, records) is None
    found = judge(comparison, records)
    assert all(Modifier.INCOMPLETE in one.decision.modifiers for one in found.contrasts)


def test_no_difference_goes_on_to_the_last_look():
    question = asked(times(3, 20), times(4, 20))
    assert deciding_look(*question) == LOOKS[-1]
    assert not at_look(*question, LOOKS[0]).settled
    assert "at 64 members of each: steps undecided" in at_look(*question, LOOKS[0]).line


def test_intervals_only_narrow_from_look_to_look():
    comparison, records = asked(times(3, 20), times(4, 22))
    spans = []
    for look in LOOKS:
        chance = at_look(comparison, records, look).line
        low, high = chance.split("[")[1].split("]")[0].split(", ")
        spans.append((int(low.strip("<>%")), int(high.strip("<>%"))))
    assert all(a[0] <= b[0] and b[1] <= a[1] for a, b in itertools.pairwise(spans))


def test_intervals_are_what_the_sequences_of_all_looks_share():
    comparison, records = asked(times(3, 20), times(4, 22))
    (issue,) = [one for one in issues(comparison, records) if one.threshold == 1]
    lower, upper = [], []
    for look in LOOKS:
        pair = records["small"].part(0, look), records["large"].part(0, look)
        ends = win_bounds(meet(pair, issue).placements[0], 1 - comparison.margins.alpha_win)
        lower.append(float(ends[0]))
        upper.append(float(ends[1]))
        chance = decision_on(issue, comparison, records, look).win_probability
        assert chance.lower == pytest.approx(max(lower), abs=1e-12)
        assert chance.upper == pytest.approx(min(upper), abs=1e-12)


def test_nobody_reaching_ends_the_study_early():
    question = asked(np.zeros(LOOKS[-1], int), np.zeros(LOOKS[-1], int))
    assert deciding_look(*question) == LOOKS[0]
    assert judge(*question).contrasts[-1].decision.verdict is Verdict.NOT_REACHED


def test_swapping_the_cohorts_mirrors_the_verdict():
    one = judge(*asked(times(1, 12), times(2, 40))).contrasts[-1].decision
    other = judge(*asked(times(2, 40), times(1, 12))).contrasts[-1].decision
    assert other.verdict is Verdict.LARGER_FASTER
    chance, mirrored = one.win_probability, other.win_probability
    assert mirrored.lower == pytest.approx(1 - chance.upper, abs=1e-12)
    assert mirrored.upper == pytest.approx(1 - chance.lower, abs=1e-12)


def test_parts_of_crossed_members_are_counted_whatever_their_number():
    """A look need not hold every combination of seeds."""
    crossed = dataclasses.replace(SPEC, members=LOOKS[-1], seeds=SeedsSpec(init=16, order=8))
    records = dataclasses.replace(cohort("small", times(1, 12), 1), spec=crossed)
    part = records.part(0, 96)
    assert (part.planned, part.complete, len(part.member)) == (96, True, 96)
    assert not records.part(64, 192).complete


def test_what_an_early_look_has_excluded_stays_excluded():
    """The first 64 members favour the smaller a little, the others the larger."""
    small = np.concatenate([times(5, 17, 64), times(6, 23, 64)])
    comparison, records = asked(small, times(7, 20))
    (issue,) = [one for one in issues(comparison, records) if one.threshold == 1]
    first, last = (decision_on(issue, comparison, records, look) for look in (64, 128))
    pair = records["small"].part(0, 128), records["large"].part(0, 128)
    alone = win_bounds(meet(pair, issue).placements[0], 1 - comparison.margins.alpha_win)
    assert last.win_probability.lower == first.win_probability.lower > float(alone[0])
    assert last.win_probability.upper == pytest.approx(float(alone[1]), abs=1e-12)
    earlier = [one.difference for one in first.landmarks]
    later = [one.difference for one in last.landmarks]
    assert all(a.lower <= b.lower for a, b in zip(earlier, later, strict=True))
    assert any(a.lower == b.lower > -1 for a, b in zip(earlier, later, strict=True))


def test_blocks_in_which_thousands_tie_are_no_evidence_and_can_be_written():
    """Two identical blocks of 2,048, all but a few of whom hit at one evaluation: log e was inf."""
    members = 2_048
    hits = np.where(np.arange(members) < 1_900, 5, 0)
    records = {
        name: dataclasses.replace(
            cohort(name, hits, seed),
            spec=dataclasses.replace(SPEC, name=name, members=members, seed=seed),
            planned=members,
        )
        for name, seed in (("small", 1), ("large", 2))
    }
    comparison, _ = asked(times(1, 12), times(2, 40))
    comparison = dataclasses.replace(comparison, sequential=SequentialSpec((members,)))
    found = judge(comparison, records)
    hard = found.contrasts[-1].decision
    assert hard.log_e_value < 0
    assert hard.p_value == 1
    assert document.from_json(document.to_json(found)) == found
