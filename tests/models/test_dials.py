"""What the dials of each family do to what it says."""

import re
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models.families import (
    BATCH,
    FAMILIES,
    FEW_STAGES,
    GROUP,
    IMAGES,
    KEY,
    LAYER,
    NONE,
    ONE_ANSWER,
    PIXELS,
    TEXT,
    VECTORS,
    by_path,
    inputs_of,
    made_up,
    replaced,
)
from ops.forms import QUICKLY

from lab.errors import UsageError
from lab.models import Noise, Signature, branch_ends, build_network, mobilenet, require_fitting
from lab.models.normalisation import FEWEST_CHANNELS, MOST_GROUPS, groups, normalised
from lab.specs import (
    CNNSpec,
    DeepLinearSpec,
    LSTMSpec,
    MLPSpec,
    MobileNetSpec,
    ModelSpec,
    PlainUNetSpec,
    ResNetSpec,
    TransformerSpec,
    UNetSpec,
    ViTSpec,
)
from lab.words import Activation, Normalisation


@pytest.fixture(autouse=True)
def _few_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mobilenet, "STAGES", FEW_STAGES)


def outputs(spec: ModelSpec, signature: Signature) -> Callable[..., jax.Array]:
    """Of a training pass, by parameters and inputs."""
    network = build_network(spec, signature)
    _, model_state = made_up(network, 0)

    def of(params: Any, x: jax.Array) -> jax.Array:
        return network.train(params, model_state, x, None)[0]

    return jax.jit(of, compiler_options=QUICKLY)


ADDING: dict[str, tuple[Callable[[bool], ModelSpec], Signature]] = {
    "mlp": (lambda on: MLPSpec(8, 2, Activation.TANH, NONE, on), VECTORS),
    "mlp by groups": (lambda on: MLPSpec(8, 3, Activation.GELU, GROUP, on), VECTORS),
    "cnn": (lambda on: CNNSpec(4, 2, Activation.RELU, LAYER, on), IMAGES),
    "resnet": (lambda on: ResNetSpec(2, 1, skips=on), IMAGES),
    "resnet without": (lambda on: ResNetSpec(2, 1, normalisation=NONE, skips=on), IMAGES),
    "mobilenet": (lambda on: MobileNetSpec(0.1, 1.0, 1, skips=on), IMAGES),
    "vit": (lambda on: ViTSpec(4, 1, 2, skips=on), IMAGES),
    "transformer": (lambda on: TransformerSpec(4, 1, 2, normalisation=NONE, skips=on), TEXT),
}


@pytest.mark.parametrize("name", ADDING)
def test_without_skips_nothing_is_added(name: str) -> None:
    """Where every branch ends in zeros, what is read gets past it by an addition alone."""
    family, signature = ADDING[name]
    with_skips, without = family(True), family(False)
    assert branch_ends(without) == ()
    ends = branch_ends(with_skips)
    params, _ = made_up(build_network(with_skips, signature), 1)
    found = {path for path in by_path(params) if _matches(path, ends)}
    assert all(any(_matches(path, (end,)) for path in found) for end in ends)
    biases = tuple(end.rpartition("/")[0] + "/bias" for end in ends)
    zeroed = replaced(params, (*ends, *biases), lambda _, leaf: jnp.zeros_like(leaf))
    one, other = (inputs_of(signature, 3, address) for address in (1, 2))
    for spec, moves in ((with_skips, True), (without, False)):
        say = outputs(spec, signature)
        assert (np.abs(say(zeroed, one) - say(zeroed, other)).max() > 1e-5) == moves
        assert np.abs(say(params, one) - say(params, other)).max() > 1e-5


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(re.fullmatch(pattern, path) for pattern in patterns)


@pytest.mark.parametrize(
    "spec",
    [ResNetSpec(2, 1), MobileNetSpec(0.1, 1.0, 2), ViTSpec(4, 2, 2), UNetSpec(0.3, 2, 2)],
    ids=lambda spec: type(spec).__name__,
)
def test_a_branch_whose_end_is_zero_adds_nothing(spec: ModelSpec) -> None:
    """Then nothing else in it matters: it may all be doubled."""
    signature = PIXELS if isinstance(spec, UNetSpec) else IMAGES
    params, _ = made_up(build_network(spec, signature), 1)
    ends = branch_ends(spec)
    layers = tuple(end.rpartition("/")[0] for end in ends)
    zeroed = replaced(
        params,
        (*ends, *(f"{layer}/bias" for layer in layers)),
        lambda _, leaf: jnp.zeros_like(leaf),
    )
    say, x = outputs(spec, signature), inputs_of(signature, 3)
    inside = tuple(rf"{end.split('/')[0]}/.*" for end in ends)
    doubled = replaced(zeroed, inside, lambda _, leaf: leaf * 2)
    np.testing.assert_array_equal(say(doubled, x), say(zeroed, x))
    twice = replaced(params, inside, lambda _, leaf: leaf * 2)
    assert np.abs(say(twice, x) - say(params, x)).max() > 1e-3


def test_a_u_net_s_blocks_add_what_they_read_where_channels_allow() -> None:
    """At the bottom always; above it where nothing is joined on and no channels are left out."""

    def ends(spec: UNetSpec) -> list[str]:
        return [end.split("/")[0] for end in branch_ends(spec)]

    assert ends(UNetSpec(1.0)) == ends(UNetSpec(0.05)) == ["InvertedResidual_2"]
    assert ends(UNetSpec(1.0, skips=False)) == ["InvertedResidual_2"]
    deep = ["InvertedResidual_3", "InvertedResidual_4"]  # 17 channels on both levels
    assert ends(UNetSpec(1.0, depth=4, skips=False)) == deep
    narrow = ["InvertedResidual_1", "InvertedResidual_2"]  # one channel on both
    assert ends(UNetSpec(0.05, depth=2, skips=False)) == narrow


@pytest.mark.parametrize("skips", [True, False])
def test_a_u_net_s_skips_carry_what_the_bottom_does_not(skips: bool) -> None:
    """Where all that comes from below is 0, they alone tell one image from another."""
    spec = PlainUNetSpec(2, 2, skips=skips)
    params, _ = made_up(build_network(spec, PIXELS), 1)
    dead = replaced(params, ("Conv_4/.*",), lambda _, leaf: jnp.zeros_like(leaf))
    say = outputs(spec, PIXELS)
    one, other = (say(dead, inputs_of(PIXELS, 3, address)) for address in (1, 2))
    assert (np.abs(one - other).max() > 1e-5) == skips


@given(st.integers(1, 200))
def test_groups_divide_the_channels_and_have_several(channels: int) -> None:
    count = groups(channels)
    assert channels % count == 0
    assert 1 <= count <= MOST_GROUPS
    assert count == 1 or channels // count >= FEWEST_CHANNELS
    larger = range(count + 1, min(MOST_GROUPS, channels // FEWEST_CHANNELS) + 1)
    assert not any(channels % other == 0 for other in larger)


@pytest.mark.parametrize(
    ("which", "axes"),
    [(BATCH, (0, 1, 2)), (LAYER, (1, 2, 3)), (GROUP, (1, 2, 4))],
    ids=["batch", "layer", "group"],
)
def test_what_is_normalised_together_has_mean_0_and_variance_1(
    which: Normalisation, axes: tuple[int, ...]
) -> None:
    """Wu and He 2018, figure 2; of a sequence LAYER and GROUP take each position by itself."""

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array) -> jax.Array:
            return normalised(x, which, train=True, use_bias=False)

    image = jnp.asarray(np.random.default_rng(1).gamma(1.0, 3.0, (5, 4, 3, 8)), jnp.float32)
    y, _ = Net().init_with_output(jax.random.key(0), image)
    by_groups = np.asarray(y).reshape(5, 4, 3, 2, 4) if which is GROUP else np.asarray(y)
    np.testing.assert_allclose(by_groups.mean(axes), 0, atol=1e-5)
    np.testing.assert_allclose(by_groups.var(axes), 1, rtol=1e-4)
    sequence, _ = Net().init_with_output(jax.random.key(0), image.reshape(5, 12, 8))
    if which is not BATCH:
        alone, _ = Net().init_with_output(jax.random.key(0), image.reshape(60, 1, 8))
        np.testing.assert_allclose(sequence.reshape(60, 1, 8), alone, rtol=1e-5, atol=1e-6)


def passes(name: str, rate: float | None) -> str:
    """A training pass, as text."""
    spec, signature = FAMILIES[name]
    network = build_network(spec, signature)
    params, model_state = jax.eval_shape(network.init, KEY)

    def train(params: Any, model_state: Any, x: jax.Array, key: jax.Array) -> Any:
        noise = Noise(key, None if rate is None else jnp.float32(rate))
        return network.train(params, model_state, x, noise)

    return str(jax.make_jaxpr(train)(params, model_state, signature.example(3), KEY))


@pytest.mark.parametrize("name", FAMILIES)
def test_only_what_is_asked_for_is_drawn(name: str) -> None:
    """By the recipe's dropout, which every family but one has, or by stochastic depth."""
    spec, signature = FAMILIES[name]
    assert ("random_bits" in passes(name, None)) == spec.draws
    assert build_network(spec, signature).draws == spec.draws
    if spec.drops_out:
        assert passes(name, 0.1).count("random_bits") > passes(name, None).count("random_bits")


REFUSED: dict[str, tuple[ModelSpec, Signature, str]] = {
    "text for images": (ViTSpec(8, 1, 2), TEXT, "data are text, and ViTSpec is a model of images"),
    "images for text": (LSTMSpec(8), IMAGES, "data are images, and LSTMSpec is a model of text"),
    "vectors": (CNNSpec(8), VECTORS, "data are vectors, and CNNSpec is a model of images"),
    "tokens": (DeepLinearSpec(8, 2), ONE_ANSWER, "a model of images or vectors"),
    "pixels of a classifier": (CNNSpec(8), PIXELS, "an answer for every pixel, and CNNSpec"),
    "a class of a U-Net": (PlainUNetSpec(8), IMAGES, "one answer for all pixels, and PlainUNet"),
    "next tokens of an MLP": (MLPSpec(8), TEXT, "an answer for every token, and MLPSpec"),
    "patches": (ViTSpec(8, 1, 2, patch=3), IMAGES, r"4x4; patches of 3x3.*patch to 2"),
    "levels": (PlainUNetSpec(8, 5), PIXELS, r"8x8.*multiples of 16.*--image_size=16"),
    "halvings": (UNetSpec(1.0, depth=4), PIXELS, r"8x8.*multiples of 16.*--image_size=16"),
    "tied classes": (
        TransformerSpec(8, 1, 2, tied=True),
        Signature((5,), (3,), vocabulary=7),
        "one of the 7 tokens that it reads, and 3 answers are asked: set tied to false",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_family_cannot_read_or_say_is_refused(name: str) -> None:
    spec, signature, message = REFUSED[name]
    with pytest.raises(UsageError, match=message) as caught:
        require_fitting(spec, signature)
    assert "\n" not in str(caught.value)


def test_a_u_net_says_as_much_of_each_pixel_as_it_is_asked() -> None:
    several = Signature((8, 8, 2), (8, 8, 3))
    for spec in (UNetSpec(0.3, depth=1, skips=False), PlainUNetSpec(2, 2)):
        network = build_network(spec, several)
        made = jax.eval_shape(network.init, KEY)
        assert jax.eval_shape(network.evaluate, *made, several.example(4)).shape == (4, 8, 8, 3)
