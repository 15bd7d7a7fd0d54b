import dataclasses

import numpy as np
import pytest

from lab.reports.across import headline
from lab.specs import (
    AdamSpec,
    AdamWSpec,
    ContrastSpec,
    InitialSpec,
    LionSpec,
    RecipeSpec,
    SearchSpec,
    Setting,
    SGDSpec,
    StudySpec,
    TunedSpec,
    Varied,
)
from lab.verdicts.across import Always, Licence, Run, agreements, cells_of, families, licence
from lab.verdicts.judge import judge
from lab.verdicts.twins import training
from lab.verdicts.words import Modifier, Verdict
from lab.words import Cause, Clock, Hyperparameter, Parametrisation, Precision


def hits(centre, seed, members=40):
    drawn = np.random.default_rng(seed).normal(centre, centre / 5, members)
    return np.clip(np.round(drawn), 1, 90).astype(int).tolist()


FAST, SLOW = hits(25, 1), hits(50, 2)
# So near that the direction is found at 3%, and lost among ten cells.
NEAR = hits(27.5, 24), hits(25, 124)


@pytest.fixture(name="run")
def run_fixture(made):
    def run(name, *pairs, cause=None, flops=1e6):
        records, contrasts = {}, []
        for place, (small, large) in enumerate(pairs):
            names = f"s{place}", f"l{place}"
            records[names[0]] = made(small).records(names[0])
            records[names[1]] = made(large, flops_per_step=flops).records(names[1])
            contrasts.append(ContrastSpec(*names, str(place)))
        specs = tuple(one.spec for one in records.values())
        clocks = (Clock.STEPS, Clock.EXAMPLES, Clock.FLOPS)
        study = StudySpec("?", specs, tuple(contrasts), clocks, cause=cause)
        return Run(name, study, judge(study.comparison, records))

    return run


def steps(*runs):
    return families(runs)[0]


def test_a_cell_a_contrast_and_clock_of_the_hardest_target(run):
    found = cells_of(run("a", (FAST, SLOW), (SLOW, FAST), cause=Cause.DEPTH, flops=2e6))
    assert [(one.level, one.clock) for one in found] == [
        (level, clock) for level in "01" for clock in (Clock.STEPS, Clock.FLOPS)
    ]
    assert {one.goal for one in found} == {"IoU 0.75"}
    assert [one.cost for one in found] == [1, 2, 1, 2]
    assert {one.cause for one in found} == {Cause.DEPTH}


def test_always_takes_every_cell_and_not_always_one(run):
    one, other = run("a", (FAST, SLOW)), run("b", (FAST, SLOW), (SLOW, FAST))
    assert steps(one).always(Verdict.SMALLER_FASTER) is Always.ALWAYS
    assert steps(one).always(Verdict.LARGER_FASTER) is Always.NOT_ALWAYS
    for way in (Verdict.SMALLER_FASTER, Verdict.LARGER_FASTER):
        assert steps(one, other).always(way) is Always.NOT_ALWAYS


def test_an_undecided_cell_takes_always_away_and_settles_nothing(run):
    found = steps(run("a", (FAST, SLOW)), run("b", (FAST, hits(25, 5))))
    assert found.always(Verdict.SMALLER_FASTER) is Always.OPEN


def test_holm_is_over_all_cells_of_the_clock_whatever_the_run(run):
    """A counter-example that stands alone is lost among cells that show nothing."""
    alone = run("a", NEAR)
    (cell,) = steps(alone).cells
    assert cell.verdict is Verdict.LARGER_FASTER
    assert steps(alone).always(Verdict.SMALLER_FASTER) is Always.NOT_ALWAYS
    others = [run(f"b{seed}", (hits(25, seed), hits(25, 50 + seed))) for seed in range(10, 20)]
    among = steps(alone, *others)
    assert among.cells[0].verdict is Verdict.LARGER_FASTER
    assert among.cells[0].adjusted_p_value > 3 * cell.p_value
    assert among.always(Verdict.SMALLER_FASTER) is Always.OPEN
    assert among.counter_examples(Verdict.SMALLER_FASTER) == []


def test_counter_examples_are_the_strongest_first_and_tuned_before_others(run):
    found = steps(run("a", (SLOW, FAST), (hits(33, 8), FAST), (FAST, SLOW)))
    strong, weak = found.counter_examples(Verdict.SMALLER_FASTER)
    assert (strong.level, weak.level) == ("0", "1")
    assert strong.win.upper < weak.win.upper
    tuned = dataclasses.replace(weak, licence=Licence.TUNED)
    again = dataclasses.replace(found, cells=(strong, tuned))
    assert again.counter_examples(Verdict.SMALLER_FASTER) == [tuned, strong]


def test_tuned_and_transferred_must_agree(run):
    one, other = run("a", (SLOW, FAST)), run("b", (SLOW, FAST))
    found = steps(one, other)
    first, second = found.cells
    tuned = dataclasses.replace(first, licence=Licence.TUNED)
    moved = dataclasses.replace(second, licence=Licence.TRANSFERRED)
    (same,) = agreements(dataclasses.replace(found, cells=(tuned, moved)))
    assert same.agree
    turned = dataclasses.replace(moved, verdict=Verdict.SMALLER_FASTER)
    (apart,) = agreements(dataclasses.replace(found, cells=(tuned, turned)))
    assert not apart.agree
    open_ = [dataclasses.replace(each, verdict=Verdict.UNDECIDED) for each in (tuned, moved)]
    (neither,) = agreements(dataclasses.replace(found, cells=tuple(open_)))
    assert not neither.agree
    stranger = dataclasses.replace(moved, nets="others")
    assert agreements(dataclasses.replace(found, cells=(tuned, stranger))) == []


MUP = InitialSpec(parametrisation=Parametrisation.MUP, base_width=0.25)
DECAYS = Varied(Hyperparameter.WEIGHT_DECAY, (0.1, 0.01))
SEARCHED = TunedSpec(SearchSpec(also=(DECAYS,)), 99, 10, 1e-4, 0.1, True, 1000)
MOVED = dataclasses.replace(SEARCHED, source="small")
PLAIN = {"optimizer": SGDSpec(0.1), "batch_size": 64}
DECAYING = {"optimizer": AdamWSpec(0.1, weight_decay=0.1), "tuned": SEARCHED}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (PLAIN, {"optimizer": SGDSpec(0.1, momentum=0.9, nesterov=True), "batch_size": 16}, False),
        (PLAIN, PLAIN | {"batch_size": 16}, False),
        (PLAIN, PLAIN | {"recipe": RecipeSpec(clip_norm=1.0)}, False),
        (PLAIN, PLAIN | {"initial": InitialSpec(zero_branches=True)}, False),
        (PLAIN, PLAIN | {"precision": Precision.BFLOAT16}, False),
        (PLAIN, {**PLAIN, "name": "x", "seed": 9, "members": 7, "budget_steps": 1200}, True),
        (
            {"optimizer": AdamSpec(0.1), "tuned": SEARCHED},
            {"optimizer": AdamSpec(0.003), "tuned": MOVED, "initial": MUP},
            True,
        ),
        (DECAYING, DECAYING | {"optimizer": AdamWSpec(0.01, weight_decay=0.01)}, True),
        (DECAYING, DECAYING | {"optimizer": LionSpec(0.01, weight_decay=0.1)}, False),
        (
            {"optimizer": AdamWSpec(0.1, weight_decay=0.1)},
            {"optimizer": AdamWSpec(0.1, weight_decay=0.01)},
            False,
        ),
    ],
)
def test_the_same_nets_are_trained_alike_but_for_how_rates_came(made, one, other, same):
    spec = made([9] * 64).records("small").spec
    found = [training(dataclasses.replace(spec, **changed)) for changed in (one, other)]
    assert (found[0] == found[1]) is same


def test_members_of_two_settings_are_no_same_nets(made):
    spec = dataclasses.replace(
        made([9] * 64).records("small").spec,
        optimizer=AdamWSpec(0.1),
        vary=(DECAYS,),
    )
    high, low = (training(spec, (Setting(DECAYS.hyperparameter, at),)) for at in DECAYS.values)
    assert high != low
    alone = dataclasses.replace(spec, optimizer=AdamWSpec(0.3, weight_decay=0.1), vary=())
    assert training(alone) == high


@pytest.mark.parametrize(
    ("verdict", "licensed", "expected"),
    [
        (Verdict.LARGER_FASTER, Licence.TRANSFERRED, "instead the same net is faster (run b)"),
        (Verdict.UNDECIDED, Licence.TRANSFERRED, "verdict is undecided (run b), so it depends on"),
        (Verdict.UNDECIDED, Licence.UNTUNED, "with rates transferred the tuning is incomplete"),
        (None, None, "the same nets with rates transferred were not measured"),
    ],
)
def test_a_tuned_counter_example_tells_what_its_transferred_twin_says(
    run, verdict, licensed, expected
):
    found = steps(run("a", (SLOW, FAST), (SLOW, FAST)), run("b", (SLOW, FAST)))
    plain, first, second = found.cells
    tuned = dataclasses.replace(
        first, licence=Licence.TUNED, licence_words=(Modifier.TUNED.value,), nets="two"
    )
    cells = [dataclasses.replace(plain, nets="one"), tuned]
    if verdict is not None:
        words = (Modifier.TRANSFERRED.value,)
        moved = dataclasses.replace(second, verdict=verdict, licence=licensed, licence_words=words)
        cells.append(dataclasses.replace(moved, nets="two"))
    told = headline([dataclasses.replace(found, cells=tuple(cells))])
    assert "The strongest counter-example: s1 against l1" in told
    assert expected in told


def test_a_tuned_counter_example_on_a_later_clock_comes_before_an_untuned_one(run):
    first, second = families([run("a", (SLOW, FAST))])
    assert "No counter-example here has rates tuned" in headline([first, second])
    tuned = [dataclasses.replace(one, licence=Licence.TUNED) for one in second.cells]
    told = headline([first, dataclasses.replace(second, cells=tuple(tuned))])
    assert "where in FLOPs the larger reached" in told
    assert "No counter-example" not in told


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([Modifier.ONE_SHARED_RATE], Licence.UNTUNED),
        ([Modifier.SPARSE, Modifier.AS_CONFIGURED], Licence.UNTUNED),
        ([Modifier.SPARSE, Modifier.TUNED], Licence.TUNED),
        ([Modifier.TRANSFERRED], Licence.TRANSFERRED),
        ([Modifier.TUNED, Modifier.TUNING_INCOMPLETE], Licence.UNTUNED),
        ([], Licence.UNTUNED),
    ],
)
def test_what_licenses_a_claim(words, expected):
    assert licence(words) is expected
