"""Members that share a level of a seed share its draws, and nothing else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import TWO_CLASSES, easy_images, mlp_cohort

from lab.errors import UsageError
from lab.randomness import Stream, batch_indices, member_key, subset_indices
from lab.specs import RecipeSpec, SeedsSpec
from lab.specs.seeds import CROSSED
from lab.training.member import batch_of, make_member
from lab.training.resident import make_resident
from lab.words import Factor

SEEDS = SeedsSpec(init=3, order=4)


def levels(seeds, members):
    return {factor: seeds.level(factor, np.arange(members)).tolist() for factor in CROSSED}


def test_every_combination_occurs_once_in_so_many_members():
    seeds = SeedsSpec(init=3, order=4, dropout=2, split=1)
    found = levels(seeds, 48)
    combinations = list(zip(*found.values(), strict=True))
    assert len(set(combinations)) == seeds.combinations == 24
    assert combinations[:24] == combinations[24:]
    assert found[Factor.DROPOUT][:4] == [0, 1, 0, 1]


def test_without_levels_every_member_is_its_own():
    assert all(ids == list(range(9)) for ids in levels(SeedsSpec(), 9).values())
    assert levels(SeedsSpec(order=1), 9)[Factor.ORDER] == [0] * 9
    assert levels(SeedsSpec(order=1), 9)[Factor.INIT] == list(range(9))


def test_levels_are_the_same_inside_jax():
    for factor in (Factor.INIT, Factor.ORDER):
        traced = jax.jit(jax.vmap(lambda member, factor=factor: SEEDS.level(factor, member)))
        found = traced(jnp.arange(24, dtype=jnp.int32))
        assert found.tolist() == SEEDS.level(factor, np.arange(24)).tolist()


def test_shared_levels_mean_shared_weights_and_shared_batches():
    data = make_resident(easy_images())
    cohort = mlp_cohort(members=12, seeds=SEEDS)
    member = make_member(cohort, TWO_CLASSES)
    states = [jax.jit(member.init)(jnp.int32(index)) for index in range(12)]
    drawn = [np.asarray(jax.jit(member.draw)(state, data.train).inputs) for state in states]
    weights = [
        np.concatenate([leaf.ravel() for leaf in jax.tree.leaves(one.params)]) for one in states
    ]
    for one in range(12):
        for other in range(one):
            same_init = one // 4 == other // 4
            same_order = one % 4 == other % 4
            assert np.array_equal(weights[one], weights[other]) == same_init
            assert np.array_equal(drawn[one], drawn[other]) == same_order


def test_a_member_learns_from_its_own_part_of_the_training_examples():
    """Every one of its part in an epoch, and none besides; members of one split have one part."""
    cohort = mlp_cohort(train_share=0.3, batch_size=15, seeds=SeedsSpec(split=2), members=4)
    member = make_member(cohort, TWO_CLASSES)
    init, batch = jax.jit(member.init), jax.jit(lambda state: batch_of(cohort, state, 100))
    parts = []
    for index in range(4):
        state = init(jnp.int32(index))
        first, second = batch(state), batch(state._replace(step=state.step + 1))
        epoch = sorted([*first.tolist(), *second.tolist()])
        assert len(set(epoch)) == 30
        later = batch(state._replace(step=state.step + 2)).tolist()
        assert set(later) <= set(epoch)
        parts.append(epoch)
    assert parts[0] == parts[2]
    assert parts[1] == parts[3]
    assert parts[0] != parts[1]


def test_each_example_is_as_likely_in_a_part_as_any_other():
    keys = jax.vmap(lambda level: member_key(0, Stream.SPLIT, level))(jnp.arange(400))
    parts = jax.vmap(subset_indices, (0, None, None))(keys, jnp.arange(6, dtype=jnp.int32), 20)
    counts = np.bincount(np.asarray(parts).ravel(), minlength=20)
    # 400 parts hold an example with probability .3 each; the sum of squares is about chi-square.
    deviations = (counts - 120) / np.sqrt(400 * 0.3 * 0.7)
    assert (deviations**2).sum() < 45


def test_all_training_examples_are_drawn_as_ever():
    state = jax.jit(make_member(mlp_cohort(), TWO_CLASSES).init)(jnp.int32(5))
    key = member_key(3, Stream.ORDER, jnp.int32(5))
    expected = batch_indices(key, jnp.int32(0), 8, 100)
    np.testing.assert_array_equal(batch_of(mlp_cohort(), state, 100), expected)


def test_default_keys_are_those_of_the_member_itself():
    """What has been recorded stays what it was."""
    plain = make_member(mlp_cohort(), TWO_CLASSES)
    crossed = make_member(mlp_cohort(members=14, seeds=SeedsSpec(init=7, order=2)), TWO_CLASSES)
    own, shared = plain.init(jnp.int32(3)), crossed.init(jnp.int32(6))
    # Member 6 of the crossed cohort has level 3 of the initial weights.
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), own.params, shared.params))
    key = member_key(3, Stream.ORDER, jnp.int32(3))
    assert (jax.random.key_data(key) == jax.random.key_data(member_key(3, Stream.ORDER, 3))).all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seeds": SeedsSpec(init=4)}, "pass --members=16"),
        ({"seeds": SeedsSpec(split=13)}, "pass --train_share=0.9"),
        ({"train_share": 0.0}, "must lie in"),
        ({"seeds": SeedsSpec(dropout=13)}, "there is none"),
    ],
)
def test_what_cannot_be_crossed_is_refused(changes, words):
    with pytest.raises(UsageError, match=words):
        mlp_cohort(**changes)
    with pytest.raises(UsageError, match="takes 1 or more"):
        SeedsSpec(order=0)
    dropping = mlp_cohort(seeds=SeedsSpec(dropout=13), recipe=RecipeSpec(dropout=0.1))
    assert dropping.seeds.combinations == 13
