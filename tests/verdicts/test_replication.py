"""What is replicated decides: mates, data orders or members, from the records to the verdict."""

import dataclasses

import made_up
import numpy as np
import pytest

from lab.records.cohort import CohortRecords, Curves
from lab.specs import Comparison, ContrastSpec, Margins, SequentialSpec, StudySpec
from lab.statistics import eprocesses, spending, units
from lab.statistics.times import SOONEST
from lab.verdicts.deciding import Issue, decision_on, meet, unit_of
from lab.verdicts.gate import check
from lab.verdicts.judge import judge
from lab.verdicts.looking import at_look
from lab.verdicts.meeting import Unit
from lab.verdicts.support import size_trend, support
from lab.verdicts.words import Modifier, Verdict
from lab.words import Clock, Factor, Outcome

SPEC = made_up.cohort(budget_steps=1_000)
LAST = 99
STEPS = Issue(ContrastSpec("small", "large"), Clock.STEPS, 1)


def cohort(name, hits, seed=1, parameters=1_000, **ids):
    """Evaluations of hits, one a member; 0 is never. `ids` are the members' levels of factors."""
    hits = np.asarray(hits, np.int64)
    reached = hits > 0
    spec = dataclasses.replace(SPEC, name=name, members=max(len(hits), 1), seed=seed)
    return CohortRecords(
        spec=spec,
        parameters=parameters,
        flops_per_step=1e6,
        planned=len(hits),
        member=np.arange(len(hits)),
        seed_ids={Factor(factor): np.asarray(levels, np.int64) for factor, levels in ids.items()},
        outcome=tuple(Outcome.REACHED if one else Outcome.EXHAUSTED for one in reached),
        hit=np.stack([np.maximum(hits - 1, 1), hits], -1),
        reached=np.stack([reached, reached], -1),
        ended=np.where(reached, np.minimum(hits + 1, SPEC.evaluations), SPEC.evaluations),
        curves=Curves(np.zeros(0, np.int64), np.zeros(0, np.int64), {}),
    )


def on_grid(log_times):
    return np.clip(np.ceil(np.exp(log_times)), 1, LAST).astype(int)


def blocks(seed, orders=8, members=24, centre=(3.2, 3.2), interaction=0.3):
    """Two cohorts of which each data order is kind to one: equal on average over orders."""
    generator, order = np.random.default_rng(seed), np.repeat(np.arange(orders), members)
    found = []
    for name, middle in zip(("small", "large"), centre, strict=True):
        own = generator.normal(0, interaction, orders)[order]
        hits = on_grid(middle + own + generator.normal(0, 0.3, len(order)))
        found.append(cohort(name, hits, order=order, init=np.tile(np.arange(members), orders)))
    return found


def mates(seed, members=128, gap=0.1, shared=0.6):
    generator = np.random.default_rng(seed)
    same = generator.normal(3, shared, members)
    return [
        cohort(
            name,
            on_grid(same + shift + generator.normal(0, 0.15, members)),
            order=np.arange(members),
        )
        for name, shift in (("small", 0.0), ("large", gap))
    ]


def decided(pair, look=None, **changes):
    comparison = Comparison("?", (STEPS.contrast,), (Clock.STEPS,), **changes)
    return decision_on(STEPS, comparison, dict(zip(("small", "large"), pair, strict=True)), look)


def test_the_unit_is_what_the_seeds_say():
    assert unit_of(tuple(mates(0))) is Unit.PAIRS
    assert unit_of(tuple(blocks(0))) is Unit.BLOCKS
    one, other = mates(0)
    elsewhere = dataclasses.replace(other, spec=dataclasses.replace(other.spec, seed=2))
    assert unit_of((one, elsewhere)) is Unit.MEMBERS
    assert unit_of((one, dataclasses.replace(other, seed_ids={}))) is Unit.MEMBERS
    # Mates of which one is missing are no pairs.
    assert unit_of((one, other.part(0, 100))) is Unit.MEMBERS
    assert (
        unit_of((one, cohort("large", other.hit[:, 1], order=np.zeros(128, int)))) is Unit.MEMBERS
    )


def test_what_members_share_is_said():
    assert Modifier.PAIRED in decided(mates(0)).modifiers
    assert Modifier.BY_DATA_ORDER in decided(blocks(0)).modifiers
    assert Modifier.CROSSED in decided(blocks(0)).modifiers
    single = [
        cohort(name, np.arange(1, 41), order=np.zeros(40, int)) for name in ("small", "large")
    ]
    found = decided(single).modifiers
    assert Modifier.ONE_DATA_ORDER in found
    assert Modifier.CROSSED not in found
    assert not {Modifier.PAIRED, Modifier.BY_DATA_ORDER, Modifier.ONE_DATA_ORDER} & set(
        decided([cohort("small", [5] * 9), cohort("large", [7] * 9)]).modifiers
    )


def test_data_orders_do_not_make_directions_where_members_would():
    """A true average null: by members a quarter of the verdicts name a winner, by orders few."""
    by_order = by_member = 0
    for seed in range(24):
        pair = blocks(seed)
        by_order += decided(pair).verdict is not Verdict.UNDECIDED
        alone = [dataclasses.replace(one, seed_ids={}) for one in pair]
        by_member += decided(alone).verdict is not Verdict.UNDECIDED
    assert by_order <= 2
    assert by_member >= 5


def test_a_difference_over_all_orders_is_found():
    found = decided(blocks(1, centre=(2.6, 3.4)))
    assert found.verdict is Verdict.SMALLER_FASTER
    assert found.p_value < 0.03
    assert found.rmst_ratio.upper < 1


def test_mates_that_agree_show_what_members_hide():
    pair = mates(1)
    alone = [dataclasses.replace(one, seed_ids={}) for one in pair]
    found, plain = decided(pair), decided(alone)
    assert found.verdict is Verdict.SMALLER_FASTER
    assert plain.verdict is Verdict.UNDECIDED
    assert found.win_probability.estimate == plain.win_probability.estimate
    assert found.rmst_ratio.upper - found.rmst_ratio.lower < 0.6 * (
        plain.rmst_ratio.upper - plain.rmst_ratio.lower
    )
    assert found.logrank_p_value < plain.logrank_p_value


def test_support_counts_the_same_units():
    pair = mates(1)
    alone = [dataclasses.replace(one, seed_ids={}) for one in pair]
    found, plain = (
        support(meet(tuple(each), STEPS), Margins(), np.random.default_rng(0))
        for each in (pair, alone)
    )
    for name in ("rmst_difference", "rmst_ratio_bootstrap"):
        narrow, wide = getattr(found, name), getattr(plain, name)
        assert narrow.estimate == pytest.approx(wide.estimate, rel=1e-12)
        assert narrow.upper - narrow.lower < 0.6 * (wide.upper - wide.lower)
    assert found.win_ratio.ratio.upper / found.win_ratio.ratio.lower < 0.7 * (
        plain.win_ratio.ratio.upper / plain.win_ratio.ratio.lower
    )
    assert found.gehan_p_value < 0.01 < plain.gehan_p_value
    assert found.max_combo_p_value < plain.max_combo_p_value
    assert found.pairs.correlation > 0.8
    assert plain.pairs is None
    crossed = support(meet(tuple(blocks(1)), STEPS), Margins(), np.random.default_rng(0))
    single = [dataclasses.replace(one, seed_ids={}) for one in blocks(1)]
    apart = support(meet(tuple(single), STEPS), Margins(), np.random.default_rng(0))
    assert crossed.equivalence_p_value > apart.equivalence_p_value
    assert crossed.gehan_p_value > apart.gehan_p_value
    widths = [one.rmst_difference.upper - one.rmst_difference.lower for one in (crossed, apart)]
    assert widths[0] > 1.3 * widths[1]


def test_sparse_cohorts_have_no_interval_of_means():
    few = [cohort("small", [3, 9, *[0] * 30]), cohort("large", [5, *[0] * 60])]
    found = decided(few)
    assert found.sparse
    # The first evaluation is at step 10, the horizon at 990; a hit may be as early as SOONEST.
    widest = 990 / SOONEST
    assert (found.rmst_ratio.lower, found.rmst_ratio.upper) == pytest.approx((1 / widest, widest))
    beside = support(meet(tuple(few), STEPS), Margins(), np.random.default_rng(0))
    assert beside.rmst_difference.upper == pytest.approx(990 - SOONEST)
    assert beside.rmst_difference.lower == -beside.rmst_difference.upper
    assert beside.rmst_ratio_bootstrap.upper == pytest.approx(widest)
    assert not decided(mates(0)).sparse


def test_mates_added_in_turn_are_judged_by_their_signs():
    looks, pair = (64, 128), mates(2, gap=0.2)
    found = decided(pair, 128, sequential=SequentialSpec(looks))
    earlier, later = (
        np.array([(pair[0].hit[:stop, 1] < pair[1].hit[:stop, 1]).sum() for stop in looks]),
        np.array([(pair[0].hit[:stop, 1] > pair[1].hit[:stop, 1]).sum() for stop in looks]),
    )
    wanted = eprocesses.sign(earlier, later)
    assert found.p_value == pytest.approx(float(np.exp(-wanted.max())), rel=1e-9)
    assert found.log_e_value == pytest.approx(float(wanted[-1]), rel=1e-12)
    assert found.logrank_p_value == found.p_value
    alone = decided(
        [dataclasses.replace(one, seed_ids={}) for one in pair],
        128,
        sequential=SequentialSpec(looks),
    )
    assert alone.p_value > found.p_value
    for one, other in (
        (found.rmst_ratio, alone.rmst_ratio),
        (found.win_probability, alone.win_probability),
    ):
        assert one.upper - one.lower < 0.8 * (other.upper - other.lower)
    middle = len(found.landmarks) // 2 - 1
    spans = [one.landmarks[middle].difference for one in (found, alone)]
    assert spans[0].upper - spans[0].lower < spans[1].upper - spans[1].lower


def test_a_look_has_the_warning_that_a_verdict_has():
    """The later members of one cohort are of another kind."""
    generator = np.random.default_rng(0)
    hits = on_grid(np.concatenate([generator.normal(2.5, 0.3, 32), generator.normal(4, 0.3, 32)]))
    pair = [cohort("small", hits), cohort("large", on_grid(generator.normal(3.2, 0.4, 64)), seed=2)]
    study = StudySpec(
        question="?",
        cohorts=tuple(one.spec for one in pair),
        contrasts=(STEPS.contrast,),
        clocks=(Clock.STEPS,),
        sequential=SequentialSpec((64,)),
    )
    records = {"small": pair[0], "large": pair[1]}
    assert check(pair[0], np.random.default_rng(0)).faults
    line = at_look(study.comparison, records, 64).line
    assert "Warning: cohort small: its earlier members differ" in line
    assert "cohort large" not in line


def test_directions_that_many_pairs_name_are_counted_again():
    """Benjamini and Hochberg; e-values where members were added in turn."""
    generator = np.random.default_rng(1)
    logs = {"a": 2.2, "b": 3.0, "c": 3.8}
    records = {
        name: cohort(
            name, on_grid(generator.normal(middle, 0.3, 64)), seed=index, parameters=10**index
        )
        for index, (name, middle) in enumerate(logs.items(), start=1)
    }
    for sequential, how in ((None, "Benjamini and Hochberg"), (SequentialSpec((64,)), "e-values")):
        study = StudySpec(
            question="?",
            cohorts=tuple(one.spec for one in records.values()),
            contrasts=(ContrastSpec("a", "b"), ContrastSpec("b", "c")),
            clocks=(Clock.STEPS,),
            sequential=sequential,
        )
        found = judge(study.comparison, records).answer
        assert "2 of these 2 directions stand where the share of false ones is held to 3%" in found
        assert how in found


def test_trend_goes_by_size_and_not_by_name():
    generator = np.random.default_rng(2)
    sizes = {"a": 5_000, "b": 500, "c": 50_000}
    records = {
        name: cohort(
            name, on_grid(generator.normal(4.5 - np.log10(size) / 3, 0.3, 48)), parameters=size
        )
        for name, size in sizes.items()
    }
    found = size_trend(records, Margins())
    assert found.cohorts == ("b", "a", "c")
    assert found.ordered.z < -3
    assert found.slope.slope.lower > 0
    assert found.slope.lack_of_fit_p_value > 0.01
    assert size_trend({name: records[name] for name in ("a", "b")}, Margins()) is None
    unknown = {**records, "d": cohort("d", [4] * 9, parameters=None)}
    assert size_trend(unknown, Margins()) is None
    coarse = dataclasses.replace(
        records["a"], spec=dataclasses.replace(SPEC, name="a", eval_every=20)
    )
    assert size_trend({**records, "a": coarse}, Margins()) is None
    # Nobody of the largest reached: the slope would be infinite, the order is not.
    never = {**records, "c": cohort("c", [0] * 48, parameters=50_000)}
    assert size_trend(never, Margins()).slope is None
    assert size_trend(never, Margins()).ordered.z > 3


def test_every_member_missing_is_no_exception():
    pair = [cohort("small", []), cohort("large", [])]
    assert decided(pair).verdict is Verdict.UNDECIDED
    beside = support(meet(tuple(pair), STEPS), Margins(), np.random.default_rng(0))
    assert beside.gehan_p_value == beside.max_combo_p_value == 1
    crossed = [
        cohort("small", [4, 5], order=[0, 1], init=[0, 0]),
        cohort("large", [], order=[], init=[]),
    ]
    assert decided(crossed).verdict is Verdict.UNDECIDED


def test_sparse_mates_are_judged_by_their_signs():
    """Ties are no evidence: 6 of 8 untied pairs, whatever the other 24 do."""
    one = [3] * 6 + [9] * 2 + [0] * 24
    other = [5] * 6 + [4] * 2 + [0] * 24
    pair = [
        cohort(name, hits, order=np.arange(32)) for name, hits in (("small", one), ("large", other))
    ]
    found = decided(pair)
    assert found.sparse
    assert found.p_value == pytest.approx(units.sign_p_value(6, 2))
    assert found.verdict is Verdict.UNDECIDED


def test_few_data_orders_have_the_interval_of_students_t():
    pair = tuple(blocks(1, orders=4))
    found, met = decided(pair), meet(pair, STEPS)
    lower, upper = units.win_bounds(met.placements[0], 0.97)
    assert met.units == 4
    assert (found.win_probability.lower, found.win_probability.upper) == (
        float(lower),
        float(upper),
    )


@pytest.mark.parametrize("clock", [Clock.STEPS, Clock.FLOPS])
def test_evidence_of_blocks_multiplies_at_the_order_that_favours_no_difference(clock):
    generator, looks = np.random.default_rng(6), (64, 96, 128)
    pair = [
        cohort(name, on_grid(generator.normal(middle, 0.4, 128)), seed=seed)
        for name, middle, seed in (("small", 3.0, 1), ("large", 3.3, 2))
    ]
    pair[1] = dataclasses.replace(pair[1], flops_per_step=1.3e6)
    issue = Issue(STEPS.contrast, clock, 1)
    comparison = Comparison("?", (issue.contrast,), (clock,), sequential=SequentialSpec(looks))
    found = decision_on(issue, comparison, {"small": pair[0], "large": pair[1]}, 128)
    by_reading = []
    for reading in ("latest", "earliest"):
        total, told = np.zeros(len(eprocesses.ODDS)), []
        for start, stop in ((0, 64), (64, 96), (96, 128)):
            table = getattr(
                meet(tuple(one.part(start, stop) for one in pair), issue).tables, reading
            )
            total = total + eprocesses.logrank_block(table.first, table.second)
            told.append(float(eprocesses.mixture(total)))
        by_reading.append(told)
    assert found.log_e_value == pytest.approx(min(told[-1] for told in by_reading), rel=1e-9)
    assert found.p_value == pytest.approx(
        max(min(1.0, float(np.exp(-max(told)))) for told in by_reading), rel=1e-9, abs=0
    )
    assert (by_reading[0] == by_reading[1]) == (clock is Clock.STEPS)


def test_planned_looks_have_p_values_that_allow_for_them():
    generator, looks = np.random.default_rng(7), (16, 32, 48, 64)
    pair = [
        cohort(name, on_grid(generator.normal(middle, 0.4, 64)), seed=seed)
        for name, middle, seed in (("small", 3.0, 1), ("large", 3.15, 2))
    ]
    found = decided(pair, 48, sequential=SequentialSpec(looks, planned=True))
    alone = decided([one.part(0, 48) for one in pair])
    assert found.p_value == pytest.approx(spending.repeated_p(alone.p_value, looks, 2), rel=1e-9)
    assert found.logrank_p_value == pytest.approx(
        spending.repeated_p(alone.logrank_p_value, looks, 2), rel=1e-9
    )
    assert found.p_value > alone.p_value
    # Quantile times have their error shared by all looks.
    assert found.quantiles_smaller[1].level > alone.quantiles_smaller[1].level


def test_more_members_of_orders_must_have_new_ones():
    """Others of the same orders would tell no more about orders."""
    pair = blocks(2, centre=(3.2, 3.3))
    comparison = Comparison("?", (STEPS.contrast,), (Clock.STEPS,))
    (*_, found) = judge(comparison, dict(zip(("small", "large"), pair, strict=True))).contrasts
    assert found.decision.verdict is Verdict.UNDECIDED
    assert found.decision.more_members.smaller > 0
    assert "more members of each net, in new data orders, would settle" in found.sentence
