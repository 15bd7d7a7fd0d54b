"""A user's class does in the lab what Flax does with it, and members are told apart."""

import itertools
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import user_nets
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from lab.errors import UsageError
from lab.models import Network, Noise, Signature, build_network, count_parameters
from lab.models.own import own_network
from lab.specs import OwnModelSpec
from lab.training.observation import named

IMAGES, VECTORS = Signature((4, 4, 1), (2,)), Signature((3,), (2,))
LABELS = np.array([0, 1, 1], np.int32)


def own(name: str, signature: Signature, kwargs: str = "{}") -> Network:
    return own_network(OwnModelSpec(f"user_nets:{name}", kwargs), signature)


def start(network: Network, seed: int) -> Any:
    return jax.jit(network.init)(jax.random.key(seed))


def inputs(signature: Signature, count: int = 3) -> jax.Array:
    if signature.tokens:
        shape = (count, *signature.inputs)
        return jax.random.randint(jax.random.key(9), shape, 0, signature.vocabulary)
    return jax.random.normal(jax.random.key(9), (count, *signature.inputs))


def cross_entropy(logits: jax.Array) -> jax.Array:
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), LABELS[:, None], -1).mean()


def equal(one: Any, other: Any) -> None:
    assert jax.tree.structure(one) == jax.tree.structure(other)
    jax.tree.map(assert_array_equal, one, other)


def close(one: Any, other: Any) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), one, other)


def differ(one: Any, other: Any) -> bool:
    return any(
        (np.asarray(a) != np.asarray(b)).any()
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    )


@pytest.fixture(scope="module")
def conv() -> Network:
    return own("ConvNet", IMAGES, '{"features": [4]}')


@pytest.fixture(scope="module")
def perceptron() -> Network:
    return own("Perceptron", IMAGES, '{"inputs": 16}')


def test_a_module_starts_from_its_own_initialisers() -> None:
    """To the bit, as long as both are compiled: the lab draws all of a member's bits at once."""
    key, x = jax.random.key(3), jnp.zeros((1, 3))
    for name, module in (("FieldNet", user_nets.FieldNet()), ("NoisyNet", None)):
        network = own(name, VECTORS)
        by_hand = module.init if module else partial(user_nets.NoisyNet().init, is_training=True)
        params, state = jax.jit(network.init)(key)
        variables = jax.jit(by_hand)(key, x)
        equal(params, variables.pop("params"))
        equal(state, variables)


def test_a_linen_module_learns_as_flax_has_it(conv: Network) -> None:
    """Loss, gradients and batch statistics equal plain `apply` with the step's dropout key."""
    module, x, key = user_nets.ConvNet((4,)), inputs(IMAGES), jax.random.key(5)
    params, state = start(conv, 3)

    def by_hand(params: Any) -> tuple[jax.Array, Any]:
        variables = {"params": params, **state}
        outputs, updated = module.apply(
            variables, x, deterministic=False, rngs={"dropout": key}, mutable=["batch_stats"]
        )
        return cross_entropy(outputs), updated

    def by_lab(params: Any) -> tuple[jax.Array, Any]:
        outputs, updated = conv.train(params, state, x, Noise(key, None))
        return cross_entropy(outputs), updated

    both = [jax.value_and_grad(one, has_aux=True)(params) for one in (by_hand, by_lab)]
    equal(*both)
    assert differ(both[1][0][1], state)
    equal(conv.evaluate(params, state, x), module.apply({"params": params, **state}, x, True))


def test_an_nnx_module_learns_as_flax_has_it() -> None:
    """Without dropout, whose keys are the lab's: loss, gradients and statistics are nnx's own."""
    network, x, key = own("Told", VECTORS, '{"inputs": 3}'), inputs(VECTORS), jax.random.key(3)
    params, state = start(network, 3)
    module = user_nets.Told(3, rngs=nnx.Rngs(key))
    close(params["last"]["kernel"], module.last.kernel[...])
    module.last.kernel[...] = params["last"]["kernel"]
    assert_array_equal(network.evaluate(params, state, x), module(x, training=False))
    module.dropout.rate = 0.0

    class Undropped(user_nets.Told):
        def __init__(self, inputs: int, *, rngs: nnx.Rngs) -> None:
            super().__init__(inputs, rngs=rngs)
            self.dropout.rate = 0.0

    user_nets.Undropped = Undropped
    undropped = own("Undropped", VECTORS, '{"inputs": 3}')
    assert not undropped.draws

    def by_lab(params: Any) -> tuple[jax.Array, Any]:
        outputs, updated = undropped.train(params, state, x, None)
        return cross_entropy(outputs), updated

    loss, gradients = nnx.value_and_grad(lambda one: cross_entropy(one(x, training=True)))(module)
    (again, updated), mine = jax.value_and_grad(by_lab, has_aux=True)(params)
    close(again, loss)
    close(mine["last"], {name: gradients["last"][name][...] for name in ("kernel", "bias")})
    close(updated["norm"]["mean"], module.norm.mean[...])
    close(updated["norm"]["var"], module.norm.var[...])


@pytest.mark.parametrize("which", ["conv", "perceptron"])
def test_chance_has_an_address(which: str, request: pytest.FixtureRequest) -> None:
    """Dropout is the same at one key and another at another; members start apart."""
    network, x = request.getfixturevalue(which), inputs(IMAGES)
    assert network.draws
    params, state = start(network, 0)
    assert differ(params, start(network, 1)[0])
    once, again, other = (
        network.train(params, state, x, Noise(jax.random.key(seed), None)) for seed in (5, 5, 6)
    )
    equal(once, again)
    assert differ(once[0], other[0])


@pytest.mark.parametrize("which", ["conv", "perceptron"])
def test_statistics_move_in_training_only(which: str, request: pytest.FixtureRequest) -> None:
    network, x = request.getfixturevalue(which), inputs(IMAGES)
    params, state = start(network, 0)
    _, after = network.train(params, state, x, Noise(jax.random.key(5), None))
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert all(
        differ(old, new)
        for old, new in zip(jax.tree.leaves(state), jax.tree.leaves(after), strict=True)
    )
    equal(network.evaluate(params, state, x), network.evaluate(params, state, x))
    assert differ(network.evaluate(params, state, x), network.evaluate(params, after, x))


@pytest.mark.parametrize("which", ["conv", "perceptron"])
def test_lanes_are_single_members(which: str, request: pytest.FixtureRequest) -> None:
    network, x = request.getfixturevalue(which), inputs(IMAGES)

    def step(seed: jax.Array) -> Any:
        key = jax.random.key(seed)
        params, state = network.init(key)

        def loss(params: Any) -> tuple[jax.Array, Any]:
            outputs, updated = network.train(params, state, x, Noise(key, None))
            return cross_entropy(outputs), updated

        return jax.value_and_grad(loss, has_aux=True)(params)

    seeds = jnp.arange(3)
    lanes, single = jax.jit(jax.vmap(step))(seeds), jax.jit(step)
    for lane in range(3):
        close(jax.tree.map(lambda leaf, lane=lane: leaf[lane], lanes), single(seeds[lane]))
    losses = np.asarray(lanes[0][0])
    assert len(set(losses.tolist())) == 3


def test_an_nnx_module_carries_no_count_of_its_draws(perceptron: Network) -> None:
    params, state = start(perceptron, 0)
    names = {str(path) for path, _ in jax.tree_util.tree_leaves_with_path((params, state))}
    assert not any("count" in name or "rngs" in name for name in names)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves((params, state)))
    assert set(params["hidden"]) == {"0", "1"}


def test_a_unet_s_last_axis_of_one_is_dropped() -> None:
    network = own("UNet", Signature((8, 8, 3), (8, 8)), '{"width": 4}')
    x = inputs(Signature((8, 8, 3), ()))
    params, state = start(network, 0)
    assert state == {}
    assert not network.draws
    outputs, _ = network.train(params, state, x, None)
    assert_array_equal(outputs, user_nets.UNet(4).apply({"params": params}, x)[..., 0])


def test_a_language_model_reads_tokens() -> None:
    signature = Signature((6,), (6, 11), vocabulary=11)
    network = own("LanguageModel", signature, '{"vocabulary": 11}')
    params, state = start(network, 0)
    outputs = network.evaluate(params, state, inputs(signature))
    assert outputs.shape == (3, 6, 11)
    assert not network.draws


def test_a_module_may_be_told_by_a_field() -> None:
    network, x = own("FieldNet", VECTORS), inputs(VECTORS)
    params, state = start(network, 0)
    trained, after = network.train(params, state, x, None)
    assert differ(state, after)
    assert differ(trained, network.evaluate(params, state, x))


def test_streams_of_other_names_are_drawn_from() -> None:
    network, x = own("NoisyNet", VECTORS), inputs(VECTORS)
    assert network.draws
    params, state = start(network, 0)
    one, other = (
        network.train(params, state, x, Noise(jax.random.key(seed), None))[0] for seed in (1, 2)
    )
    assert differ(one, other)


def test_layers_can_be_looked_at(conv: Network, perceptron: Network) -> None:
    x, noise = inputs(IMAGES), Noise(jax.random.key(5), None)
    seen = conv.activations(*start(conv, 0), x, noise)
    assert {"Conv_0", "BatchNorm_0", "Dropout_0", "Dense_0", "__call__"} <= set(seen)
    params, state = start(perceptron, 0)
    seen = perceptron.activations(params, state, x, noise)
    assert seen["hidden"]["1"]["__call__"]["0"].shape == (3, 6)
    outputs, _ = perceptron.train(params, state, x, noise)
    assert_array_equal(seen["__call__"]["0"], outputs)
    names = set(named(1, {"activations": seen}))
    assert {f"step-000001/activations/{name}" for name in ("logits", "first", "norm")} <= names
    # Dropout was called twice.
    assert set(seen["dropout"]["__call__"]) == {"0", "1"}


def test_a_class_of_a_notebook_is_found_in_main(monkeypatch: pytest.MonkeyPatch) -> None:
    import __main__

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array) -> jax.Array:
            return nn.Dense(2)(x)

    monkeypatch.setattr(__main__, "Net", Net, raising=False)
    spec = OwnModelSpec("__main__:Net")
    assert count_parameters(spec, VECTORS) == 3 * 2 + 2
    params, _ = start(build_network(spec, VECTORS), 0)
    assert params["Dense_0"]["kernel"].shape == (3, 2)


@settings(max_examples=8)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=3), st.integers(2, 4))
def test_arguments_arrive_as_json_has_them(features: list[int], classes: int) -> None:
    """Parameters are those counted by hand: 3x3 kernels, scale and bias of each, a last layer."""
    kwargs = f'{{"features": {features}, "classes": {classes}}}'
    spec = OwnModelSpec("user_nets:ConvNet", kwargs)
    channels = [1, *features]
    counted = sum(9 * before * after + 2 * after for before, after in itertools.pairwise(channels))
    signature = Signature((4, 4, 1), (classes,))
    assert count_parameters(spec, signature) == counted + (channels[-1] + 1) * classes


REFUSED = {
    "Mute": (
        "user_nets:Mute has no __call__; a model is called with a batch of inputs: name its "
        "forward pass __call__"
    ),
    "Callless": (
        "user_nets:Callless has no __call__; a model is called with a batch of inputs: name its "
        "forward pass __call__"
    ),
    "NoRngs": (
        "user_nets:NoRngs takes no rngs; an nnx class is constructed with rngs=nnx.Rngs(key), "
        "whence its initial weights come: add rngs to its __init__"
    ),
    "Hungry": (
        "the __call__ of user_nets:Hungry needs mask besides its inputs; a model is called with a "
        "batch of inputs and whether it trains: give the others a default"
    ),
    "Plain": (
        "user_nets:Plain is a class, but no module of Flax; a model must be a subclass of "
        "flax.linen.Module or flax.nnx.Module: name such a class"
    ),
    "CALLS": (
        "user_nets:CALLS is a dict, but no module of Flax; a model must be a subclass of "
        "flax.linen.Module or flax.nnx.Module: name such a class"
    ),
    "Whole": (
        "parameter table of user_nets:Whole is int32; parameters are trained, and float32 always: "
        "keep what is not trained in a collection or a Variable of another kind"
    ),
    "Half": (
        "parameter Dense_0/bias of user_nets:Half is bfloat16; parameters are trained, and float32 "
        "always: leave param_dtype alone, and pass --precision=bfloat16 to compute in it"
    ),
    "Weightless": (
        "user_nets:Weightless has no parameters; there is nothing to train: name another class"
    ),
    "Twofold": (
        "user_nets:Twofold gives a tuple of 2 arrays in training; a model gives one array, a row "
        "an example: return the one that the loss takes"
    ),
    "Verdict": (
        "user_nets:Verdict gives int32 in training; outputs are floats, for the loss is "
        "differentiated: return logits"
    ),
    "Averaging": (
        "user_nets:Averaging gives [1, 2] for 2 inputs in training; the first axis is that of the "
        "examples: keep it"
    ),
    "Wide": (
        "user_nets:Wide gives 7 for an input of 3 in training; the task asks for 2 an example: let "
        "the model's last layer give that, or the task ask for other outputs"
    ),
    "CountingCalls": (
        "calling user_nets:CountingCalls changes an attribute of the module that is no variable, "
        "or adds one; a model must be a pure function of its variables and random streams: keep "
        "what changes in an nnx.Variable that __init__ makes"
    ),
    "DroppingAlwaysInNnx": (
        "user_nets:DroppingAlwaysInNnx draws random numbers in evaluation; an evaluation must give "
        "the same each time: draw in training only"
    ),
    "Sowing": (
        "a training pass of user_nets:Sowing changes the shape or type of losses/size/1; what a "
        "model carries from step to step keeps its shape and type: do not sow into it, or leave it "
        "out of the model"
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_breaks_a_rule_is_told_which(name: str) -> None:
    with pytest.raises(UsageError) as refused:
        own(name, VECTORS)
    assert str(refused.value) == REFUSED[name]


BY_VALUE = (
    "Python's branches and the shapes of arrays may depend on shapes, never on values: use "
    "jnp.where, or a mask"
)
RAISED = {
    "Remembering": (
        "initialising user_nets:Remembering on float32[2, 3] failed with "
        "SetAttributeFrozenModuleError (",
        "a model must be a pure function of its variables and random streams: keep what changes in "
        "a variable of Flax",
    ),
    "Branching": (
        "initialising user_nets:Branching on float32[2, 3] failed with TracerBoolConversionError (",
        BY_VALUE,
    ),
    "Selecting": (
        "initialising user_nets:Selecting on float32[2, 3] failed with "
        "NonConcreteBooleanIndexError (Array boolean indices must be concrete; got bool[1,3]",
        BY_VALUE,
    ),
    "DroppingAlways": (
        "calling user_nets:DroppingAlways on float32[2, 3] in evaluation failed with "
        'InvalidRngError (Dropout_0 needs PRNG for "dropout"',
        "nothing may be drawn in evaluation: let the model draw only where it is told that it "
        "trains, by an argument that is called train, training, is_training, deterministic, eval, "
        "use_running_average",
    ),
}
"""How the line begins, with JAX's or Flax's own words in its middle, and how it ends."""


@pytest.mark.parametrize("name", RAISED)
def test_what_flax_and_jax_raise_becomes_one_line(name: str) -> None:
    with pytest.raises(UsageError) as refused:
        own(name, VECTORS)
    line, (begins, ends) = str(refused.value), RAISED[name]
    assert line.startswith(begins)
    assert line.endswith(f"); {ends}")
    assert "\n" not in line
