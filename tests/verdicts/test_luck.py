import dataclasses
import json

import numpy as np
import pytest

from lab.reports.luck_text import told
from lab.statistics.placing import Place, State
from lab.verdicts.luck import OwnRun, luck, to_json
from lab.words import Factor


def crossed(made, hits, inits, orders):
    records = made(hits).records("small")
    member = np.arange(len(hits))
    ids = {Factor.INIT: member // orders, Factor.ORDER: member % orders, Factor.DROPOUT: member}
    assert len(hits) == inits * orders
    return dataclasses.replace(records, seed_ids=ids)


def test_times_are_steps_and_never_counts(made):
    found = luck(made([10, 20, 30, None], diverged=1).records("small"))
    assert [one.estimate for one in found.quantiles] == [100, 200, None]
    assert (found.members, found.reached, found.diverged, found.horizon) == (4, 3, 1, 990)
    assert found.components is None
    assert found.placed is None


def test_the_easier_target_is_asked_by_its_index(made):
    found = luck(made([10, 20, 30, 40]).records("small"), threshold=0)
    assert found.target == 0.6
    assert found.quantiles[1].estimate == 100


# A grid of 10 steps up to 990; members hit at 100, 200, 300 and 400.
@pytest.mark.parametrize(
    ("own", "before", "late"),
    [
        (OwnRun(State.REACHED, 200), 1.5, 4 / 5),
        (OwnRun(State.REACHED, 191), 1.5, 4 / 5),
        (OwnRun(State.REACHED, 201), 2, 3 / 5),
        (OwnRun(State.RUNNING, 200), 2, 3 / 5),
        (OwnRun(State.RUNNING, 209), 2, 3 / 5),
        (OwnRun(State.RUNNING, 5), 0, 1),
        (OwnRun(State.RUNNING, 990), 4, 1 / 5),
        (OwnRun(State.REACHED, 5000), 4, 1 / 5),
        (OwnRun(State.NEVER), 4, 1 / 5),
    ],
)
def test_a_run_is_placed_at_the_evaluation_that_would_have_seen_it(made, own, before, late):
    placed = luck(made([10, 20, 30, 40]).records("small"), own).placed
    assert placed.percentile.estimate == pytest.approx(before / 4)
    assert placed.late_p == pytest.approx(late)


def test_a_late_run_is_flagged_in_words(made):
    found = luck(made([*range(10, 60)]).records("small"), OwnRun(State.NEVER))
    assert found.placed.place is Place.LATE
    assert "look for a fault" in told(found)


def test_crossed_seeds_are_told_apart(made):
    """Times depend on the data order alone, but for one step in a hundred."""
    generator = np.random.default_rng(0)
    slow = np.array([10, 20, 35, 50, 70, 90])
    hits = (slow[np.arange(48) % 6] + generator.integers(0, 2, 48)).tolist()
    found = luck(crossed(made, hits, 8, 6))
    shares = {one.term: one.share for one in found.components.components}
    assert shares[(("order",),)] > 0.95
    text = told(found)
    assert "data order" in text
    assert "initial weights" in text
    assert "not estimable" in text  # dropout: every member had its own


def test_training_examples_are_a_source_of_chance_like_the_others(made):
    """Four crossed factors; what a member may learn from decides, the rest is a step."""
    generator, member = np.random.default_rng(1), np.arange(72)
    slow = np.array([12, 25, 60])
    hits = (slow[member // 24] + generator.integers(0, 2, 72)).tolist()
    levels = {Factor.SPLIT: 24, Factor.INIT: 8, Factor.ORDER: 2, Factor.DROPOUT: 1}
    counts = {Factor.SPLIT: 3, Factor.INIT: 3, Factor.ORDER: 4, Factor.DROPOUT: 2}
    ids = {factor: member // step % counts[factor] for factor, step in levels.items()}
    records = dataclasses.replace(made(hits).records("small"), seed_ids=ids)
    found = luck(records)
    shares = {one.term: one.share for one in found.components.components}
    assert shares[(("split",),)] > 0.95
    assert all(shares[((name,),)] < 0.05 for name in ("init", "order", "dropout"))
    assert found.components.balanced
    assert "training examples" in told(found)


def test_too_few_that_reached_are_not_divided(made):
    found = luck(crossed(made, [10, None] * 8, 4, 4))
    assert found.components.components == ()
    assert "easier --target" in told(found)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("hits", [[], [3], [None], [None] * 5, [4] * 12, [1] * 12])
@pytest.mark.parametrize("own", [None, OwnRun(State.NEVER), OwnRun(State.REACHED, 7)])
def test_poor_cohorts_have_words_and_numbers(made, hits, own):
    found = luck(made(hits).records("small"), own)
    assert told(found)
    again = json.loads(to_json((found,)))
    assert again["schema"] == 1
    assert again["cohorts"][0]["members"] == len(hits)


def test_missing_members_are_said(made):
    assert "2 of 6 members are missing" in told(luck(made([1, 2, 3, 4], missing=2).records("s")))


def test_the_same_records_give_the_same_numbers(made):
    hits = [*range(3, 40), None, None]
    one, other = (to_json((luck(made(hits).records("small")),)) for _ in range(2))
    assert one == other
