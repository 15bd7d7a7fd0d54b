"""What each network is made of, seen from its parameters, and what it gives."""

import functools
import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lab.errors import UsageError
from lab.models import (
    Signature,
    build_module,
    count_parameters,
    match_parameters,
    require_fitting,
)
from lab.models.attention import CausalAttention
from lab.models.initial import initialise
from lab.models.inverted_residual import InvertedResidual
from lab.models.resnet import ResidualBlock
from lab.models.unet import MobileNetV2UNet, channels
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

COLOUR = (32, 32, 3)
SPECS: dict[str, tuple[ModelSpec, tuple[int, ...]]] = {
    "unet": (UNetSpec(0.15), (8, 16, 3)),
    "mlp": (MLPSpec(8, depth=3), (5, 4, 2)),
    "cnn": (CNNSpec(4, depth=3), (9, 7, 1)),
    "deep linear": (DeepLinearSpec(8, depth=3), (5, 4, 2)),
    "resnet": (ResNetSpec(4, blocks=2), (9, 7, 3)),
    "transformer": (TransformerSpec(8, depth=2, heads=2), (6,)),
    "mobilenet": (MobileNetSpec(0.1, depth=0.5), (9, 7, 3)),
    "plain unet": (PlainUNetSpec(4, depth=2), (8, 6, 3)),
    "vit": (ViTSpec(8, depth=2, heads=2, patch=2), (8, 6, 3)),
    "lstm": (LSTMSpec(8, depth=2), (6,)),
}


def asked(spec: ModelSpec, inputs: tuple[int, ...], classes: int) -> Signature:
    """A U-Net is asked for pixels, a model of text for next tokens, the others for classes."""
    if isinstance(spec, UNetSpec | PlainUNetSpec):
        return Signature(inputs, inputs[:2])
    if isinstance(spec, TransformerSpec | LSTMSpec):
        return Signature(inputs, (*inputs, classes), vocabulary=classes)
    return Signature(inputs, (classes,))


def counted(spec: ModelSpec, inputs: tuple[int, ...], classes: int) -> int:
    return count_parameters(spec, asked(spec, inputs, classes))


def built(spec: ModelSpec, classes: int) -> nn.Module:
    """Modules learn the shape of their inputs when they are called."""
    return build_module(spec, asked(spec, (1,), classes))


def given(inputs: tuple[int, ...]) -> jax.ShapeDtypeStruct:
    """One example, images or tokens."""
    return Signature(inputs, (), vocabulary=int(len(inputs) == 1)).example()


def shapes_of(module: nn.Module, image: tuple[int, ...]) -> dict[str, Any]:
    init = functools.partial(module.init, train=True)
    key = jax.eval_shape(lambda: jax.random.key(0))
    variables: Any = jax.eval_shape(init, key, given(image))
    return jax.tree.map(lambda leaf: leaf.shape, variables)


def block_parameters(inputs: int, outputs: int, expansion: int) -> int:
    """MobileNetV2's inverted residual: expand, depthwise, project; scales, and biases on two."""
    hidden = inputs * expansion
    return inputs * hidden + 9 * hidden + hidden * outputs + 4 * hidden + outputs


def unet_parameters(half: int, quarter: int, eighth: int, expansion: int, colours: int) -> int:
    """Counted by hand: stem, two blocks down, one at the bottom, two up with skips, head."""
    blocks = (
        (half, quarter),
        (quarter, eighth),
        (eighth, eighth),
        (eighth + quarter, quarter),
        (quarter + half, half),
    )
    stem, head = 9 * colours * half + 2 * half, 4 * half + 4
    return stem + sum(block_parameters(i, o, expansion) for i, o in blocks) + head


@pytest.mark.parametrize("wanted", [2900, 5000])
def test_the_question_s_networks_have_their_parameters(wanted: int) -> None:
    spec = match_parameters(UNetSpec(1.0, 3), wanted, asked(UNetSpec(1.0), COLOUR, 2)).spec
    assert isinstance(spec, UNetSpec)
    assert abs(counted(spec, COLOUR, 2) - wanted) <= 0.02 * wanted
    assert counted(spec, COLOUR, 2) == unet_parameters(*channels(spec.width), 3, 3)


@pytest.mark.parametrize(("width", "expansion", "colours"), [(0.01, 1, 1), (0.3, 4, 3), (1, 6, 2)])
def test_the_u_net_s_parameters_are_those_counted_by_hand(
    width: float, expansion: int, colours: int
) -> None:
    spec = UNetSpec(width, expansion)
    by_hand = unet_parameters(*channels(width), expansion, colours)
    assert counted(spec, (16, 16, colours), 2) == by_hand


def test_classifiers_have_the_parameters_counted_by_hand() -> None:
    mlp = 40 * 8 + 8 + 2 * (8 * 8 + 8) + 8 * 10 + 10
    assert counted(MLPSpec(8, depth=3), (5, 4, 2), 10) == mlp
    cnn = 9 * 1 * 4 + 4 + 2 * (9 * 4 * 4 + 4) + 4 * 10 + 10
    assert counted(CNNSpec(4, depth=3), (9, 7, 1), 10) == cnn


def test_a_residual_net_has_the_layers_and_parameters_of_the_paper() -> None:
    """He et al. 2016, section 4.2 and table 6: 6n + 2 layers, and 0.27M, 0.46M, 0.66M parameters.

    Shortcuts hold nothing, so they are not among the kernels.
    """
    for blocks, millions in ((3, 0.27), (5, 0.46), (7, 0.66)):
        assert round(counted(ResNetSpec(16, blocks), COLOUR, 10) / 1e6, 2) == millions
        module = built(ResNetSpec(16, blocks), 10)
        leaves = jax.tree_util.tree_leaves_with_path(shapes_of(module, COLOUR)["params"])
        kernels = {path[:-1] for path, _ in leaves if path[-2].key == "kernel"}
        assert len(kernels) == 6 * blocks + 2


def test_a_residual_block_adds_a_thinned_input_with_channels_of_zeros() -> None:
    """With the last scale at 0 the shortcut alone is left, and what of it is positive."""
    x = normal(2, 5, 6, 3)
    for features, strides in ((3, 1), (6, 2)):
        block = ResidualBlock(features, strides)
        variables = initialise(block, jax.random.key(0), jax.ShapeDtypeStruct(x.shape, x.dtype))
        variables["params"]["BatchNorm_1"]["scale"] *= 0
        y = np.asarray(applied(block, variables, x, True)[0])
        kept = np.maximum(np.asarray(x)[:, ::strides, ::strides], 0)
        np.testing.assert_array_equal(y[..., :3], kept)
        np.testing.assert_array_equal(y[..., 3:], 0)


def test_a_transformer_has_the_parameters_counted_by_hand() -> None:
    width, window, vocabulary = 8, 6, 7
    attention = width * 3 * width + width * width + width
    block = attention + 2 * (2 * width) + 2 * 4 * width * width + 4 * width + width
    ends = (vocabulary + window) * width + 2 * width + width * vocabulary + vocabulary
    assert counted(TransformerSpec(8, 2, 2), (window,), vocabulary) == 2 * block + ends


def test_a_position_sees_itself_and_what_is_before_it() -> None:
    module = built(TransformerSpec(8, depth=2, heads=2), classes=5)
    variables = initialise(module, jax.random.key(0), given((6,)))
    tokens = jnp.array([[0, 1, 2, 3, 4, 0]], jnp.int32)

    @jax.jit
    def logits(tokens: jax.Array) -> Any:
        return module.apply(variables, tokens, train=True)

    plain = np.asarray(logits(tokens))
    for place in range(6):
        changed = np.asarray(logits(tokens.at[0, place].set((tokens[0, place] + 1) % 5)))
        moved = np.abs(changed - plain).max((0, 2)) > 1e-6
        assert moved.tolist() == [position >= place for position in range(6)]


def test_attention_is_the_paper_s() -> None:
    """Vaswani et al. 2017, equation 1 a head: softmax(QK'/sqrt(d_k))V, then one projection."""
    layer, x = CausalAttention(heads=2), normal(2, 5, 8)
    params = initialise(layer_as_net(layer), jax.random.key(0), shape_of(x))["params"]["layer"]
    projected = np.asarray(x @ params["Dense_0"]["kernel"])
    q, k, v = np.split(projected, 3, axis=-1)
    heads = []
    for part in (slice(0, 4), slice(4, 8)):
        scores = q[..., part] @ k[..., part].transpose(0, 2, 1) / math.sqrt(4)
        scores[:, *np.triu_indices(5, 1)] = -np.inf
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        heads.append(weights / weights.sum(-1, keepdims=True) @ v[..., part])
    by_hand = np.concatenate(heads, -1) @ np.asarray(params["Dense_1"]["kernel"])
    out: Any = layer.apply({"params": params}, x)
    np.testing.assert_allclose(out, by_hand, rtol=1e-5, atol=1e-6)


def test_a_deep_linear_net_is_linear() -> None:
    module, variables = initial("deep linear")
    x, y = normal(3, 5, 4, 2), normal(3, 4, 5, 2).reshape(3, 5, 4, 2)

    def f(x: jax.Array) -> Any:
        return module.apply(variables, x, train=True)

    np.testing.assert_allclose(f(2 * x - y), 2 * f(x) - f(y), rtol=1e-4, atol=1e-5)
    assert counted(DeepLinearSpec(8, 3), (5, 4, 2), 10) == 40 * 8 + 2 * 64 + 80


def test_vectors_of_tokens_and_positions_have_length_1() -> None:
    module = built(TransformerSpec(64, depth=1, heads=1), classes=80)
    params = initialise(module, jax.random.key(0), given((50,)))["params"]
    for table in (params["Embed_0"]["embedding"], params["positions"]):
        lengths = (np.asarray(table) ** 2).sum(-1)
        assert lengths.mean() == pytest.approx(1, abs=4 * math.sqrt(2 / table.size))


def test_text_and_images_go_to_their_own_models() -> None:
    with pytest.raises(UsageError, match="data are text, and CNNSpec is a model of images: choose"):
        require_fitting(CNNSpec(4), Signature((6,), (6, 9), vocabulary=9))
    with pytest.raises(UsageError, match="data are images, and TransformerSpec is a model of text"):
        require_fitting(TransformerSpec(8, 2, 2), Signature((8, 8, 1), (2,)))
    require_fitting(TransformerSpec(8, 2, 2), asked(TransformerSpec(8, 2, 2), (6,), 2))


def test_the_u_net_is_made_of_inverted_residuals() -> None:
    """MobileNetV2, section 3: expand 1x1, depthwise 3x3, project 1x1, each normalised, no bias."""
    spec = UNetSpec(0.5, expansion=3)
    half, quarter, eighth = channels(0.5)
    params = shapes_of(MobileNetV2UNet(spec), (16, 16, 3))["params"]
    ends = {
        0: (half, quarter),
        1: (quarter, eighth),
        2: (eighth, eighth),
        3: (eighth + quarter, quarter),  # Its input holds the skip from 1/4.
        4: (quarter + half, half),  # Its input holds the skip from 1/2.
    }
    assert sum(name.startswith("InvertedResidual") for name in params) == len(ends)
    for number, (inputs, outputs) in ends.items():
        hidden = 3 * inputs
        assert params[f"InvertedResidual_{number}"] == {
            "Conv_0": {"kernel": (1, 1, inputs, hidden)},
            "BatchNorm_0": {"scale": (hidden,), "bias": (hidden,)},
            "Conv_1": {"kernel": (3, 3, 1, hidden)},  # One plane of weights a channel: depthwise.
            "BatchNorm_1": {"scale": (hidden,), "bias": (hidden,)},
            "Conv_2": {"kernel": (1, 1, hidden, outputs)},
            "BatchNorm_2": {"scale": (outputs,)},  # A bias would have a gradient of rounding alone.
        }
    assert params["Conv_0"] == {"kernel": (3, 3, 3, half)}
    assert params["Conv_1"] == {"kernel": (1, 1, half, 4), "bias": (4,)}


def layer_as_net(layer: nn.Module) -> nn.Module:
    """As `initialise` calls networks."""

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
            del train
            return layer.clone(name="layer", parent=self)(x)

    return Net()


def shape_of(x: jax.Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(x.shape, x.dtype)


def applied(module: nn.Module, variables: Any, x: jax.Array, train: bool) -> tuple[Any, Any]:
    return module.apply(variables, x, train=train, mutable=["batch_stats"])


def normal(*shape: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(list(shape)).normal(size=shape), jnp.float32)


@pytest.mark.parametrize(("features", "strides"), [(4, 1), (6, 1), (4, 2)])
def test_a_block_has_a_linear_bottleneck_and_a_residual_where_shapes_allow(
    features: int, strides: int
) -> None:
    """With the last scale at 0 only the residual is left; with a large one nothing is cut off."""
    block = InvertedResidual(features, expansion=2, strides=strides)
    x = normal(2, 6, 6, 4)

    @jax.jit
    def scaled(factor: jax.Array) -> jax.Array:
        shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
        variables = initialise(block, jax.random.key(0), shape)
        variables["params"]["BatchNorm_2"]["scale"] *= factor
        return applied(block, variables, x, True)[0]

    nothing, much = np.asarray(scaled(jnp.float32(0))), np.asarray(scaled(jnp.float32(20)))
    side = 6 // strides
    assert nothing.shape == (2, side, side, features)
    residual = (features, strides) == (4, 1)
    np.testing.assert_array_equal(nothing, x if residual else np.zeros_like(nothing))
    assert much.min() < -6
    assert much.max() > 6


@pytest.mark.parametrize("name", SPECS)
def test_outputs_have_the_right_shapes(name: str) -> None:
    spec, image = SPECS[name]
    module = built(spec, classes=7)
    variables = shapes_and_types(module, image)
    batch = jax.ShapeDtypeStruct((3, *image), given(image).dtype)
    logits: Any = jax.eval_shape(functools.partial(module.apply, train=False), variables, batch)
    assert logits.shape == (3, *asked(spec, image, 7).outputs)
    assert logits.dtype == jnp.float32


def shapes_and_types(module: nn.Module, image: tuple[int, ...]) -> Any:
    return jax.eval_shape(lambda: initialise(module, jax.random.key(0), given(image)))


@functools.cache
def initial(name: str) -> tuple[nn.Module, Any]:
    """A network with classes for two, and its variables."""
    spec, image = SPECS[name]
    module = built(spec, classes=2)
    return module, initialise(module, jax.random.key(0), given(image))


def test_normalisation_learns_and_looks_at_the_batch_in_training_alone() -> None:
    module, variables = initial("unet")
    x = jax.nn.sigmoid(normal(4, *SPECS["unet"][1]))
    for train in (False, True):
        run = jax.jit(functools.partial(applied, module, train=train))
        logits, updated = run(variables, x)
        neighbours_changed, _ = run(variables, x.at[1:].set(0.5))
        own = np.abs(np.asarray(logits[0] - neighbours_changed[0])).max()
        moved = jax.tree.map(
            lambda new, old: bool((new != old).any()),
            updated["batch_stats"],
            variables["batch_stats"],
        )
        assert all(jax.tree.leaves(moved)) if train else not any(jax.tree.leaves(moved))
        assert own > 1e-3 if train else own < 1e-6


@pytest.mark.parametrize("name", SPECS)
def test_initial_variables_are_laid_out_as_flax_would(name: str) -> None:
    module, variables = initial(name)
    expected = shapes_of(module, SPECS[name][1])
    assert jax.tree.map(lambda leaf: leaf.shape, variables) == expected
    for path, leaf in jax.tree_util.tree_leaves_with_path(variables):
        last = str(path[-1].key)
        constant = {"bias": 0.0, "mean": 0.0, "scale": 1.0, "var": 1.0}.get(last)
        if constant is None:
            assert last in ("kernel", "embedding", "positions")
            assert len(np.unique(leaf)) == leaf.size
        else:
            assert (np.asarray(leaf) == constant).all()


def test_initial_kernels_have_he_s_variance_and_share_no_draw() -> None:
    """He et al. 2015, section 2.2: variance 2/fan-in; the cut at two deviations is made up for."""
    module = built(MLPSpec(128, depth=2), classes=128)
    params = initialise(module, jax.random.key(3), given((8, 8, 1)))["params"]
    pooled = []
    for layer, inputs in (("Dense_0", 64), ("Dense_1", 128), ("Dense_2", 128)):
        kernel = np.asarray(params[layer]["kernel"])
        standard = kernel * math.sqrt(inputs / 2)
        assert standard.std() == pytest.approx(1, abs=4 / math.sqrt(2 * kernel.size))
        assert standard.mean() == pytest.approx(0, abs=4 / math.sqrt(kernel.size))
        assert np.abs(standard).max() < 2 / 0.879
        pooled.append(standard.ravel())
    assert len(np.unique(np.round(np.concatenate(pooled), 6))) > 0.98 * sum(map(len, pooled))


def test_a_depthwise_kernel_s_fan_in_is_its_window() -> None:
    _, variables = initial("unet")
    blocks = [variables["params"][f"InvertedResidual_{number}"] for number in range(5)]
    values = np.concatenate([np.ravel(block["Conv_1"]["kernel"]) for block in blocks])
    deviations = 4 / math.sqrt(2 * len(values))
    assert values.std() / math.sqrt(2 / 9) == pytest.approx(1, abs=deviations)
    assert deviations < 0.2


def test_keys_give_different_initial_weights() -> None:
    module = built(MLPSpec(8), classes=3)
    draw = jax.vmap(lambda key: initialise(module, key, given((4, 4, 1)))["params"])
    kernels = draw(jax.random.split(jax.random.key(0), 6))["Dense_0"]["kernel"]
    flat = np.asarray(kernels).reshape(6, -1)
    assert len({tuple(member) for member in flat.tolist()}) == 6
    assert np.abs(np.corrcoef(flat) - np.eye(6)).max() < 0.4


@pytest.mark.parametrize("image", [(30, 32, 3), (32, 36, 3), (5, 5, 1)])
def test_a_u_net_refuses_sides_it_cannot_halve(image: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError, match=rf"{image[0]}x{image[1]}.*--image_size=\d+"):
        require_fitting(UNetSpec(1.0), asked(UNetSpec(1.0), image, 2))
    for other in (MLPSpec(8), CNNSpec(8), MobileNetSpec(1.0), PlainUNetSpec(8, 1, skips=False)):
        require_fitting(other, asked(other, image, 2))
    require_fitting(UNetSpec(1.0), asked(UNetSpec(1.0), (8, 24, 3), 2))
