"""The one place where a model spec becomes a module."""

from typing import assert_never

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from lab.errors import UsageError
from lab.models.cnn import CNN
from lab.models.deep_linear import DeepLinear
from lab.models.mlp import MLP
from lab.models.resnet import ResNet
from lab.models.transformer import Transformer
from lab.models.unet import IMAGE_MULTIPLE, MobileNetV2UNet
from lab.specs import (
    CNNSpec,
    DeepLinearSpec,
    MLPSpec,
    ModelSpec,
    ResNetSpec,
    TransformerSpec,
    UNetSpec,
)


def build_model(spec: ModelSpec, classes: int) -> nn.Module:
    """The module of `spec`; a segmentation net has one foreground logit and ignores `classes`.

    To a language model they are the tokens of its vocabulary.
    """
    match spec:
        case UNetSpec():
            return MobileNetV2UNet(spec)
        case MLPSpec():
            return MLP(spec, classes)
        case CNNSpec():
            return CNN(spec, classes)
        case DeepLinearSpec():
            return DeepLinear(spec, classes)
        case ResNetSpec():
            return ResNet(spec, classes)
        case TransformerSpec():
            return Transformer(spec, classes)
        case _:
            assert_never(spec)


def initial_gain(spec: ModelSpec) -> float:
    """The gain of `initialise`: 2 makes up for ReLU, which a normalised network does not need.

    The residual net has it all the same, as in He et al. 2016, section 3.4.
    """
    match spec:
        case MLPSpec() | CNNSpec() | ResNetSpec():
            return 2.0
        case UNetSpec() | DeepLinearSpec() | TransformerSpec():
            return 1.0
        case _:
            assert_never(spec)


def example_input(input_shape: tuple[int, ...]) -> jax.ShapeDtypeStruct:
    """What modules take, in shape and type: one example of `input_shape`.

    (H, W, C) is a float32 image in [0, 1], (T,) a window of int32 tokens.
    """
    dtype = jnp.int32 if len(input_shape) == 1 else jnp.float32
    return jax.ShapeDtypeStruct((1, *input_shape), dtype)


def check_image_shape(spec: ModelSpec, input_shape: tuple[int, ...]) -> None:
    """UsageError unless the model can take images of shape (H, W, C), or tokens of shape (T,)."""
    reads_text, is_text = isinstance(spec, TransformerSpec), len(input_shape) == 1
    if reads_text != is_text:
        raise UsageError(
            f"the data are {'text' if is_text else 'images'}, and {type(spec).__name__} is a model "
            f"of {'text' if reads_text else 'images'}: choose another model or data set"
        )
    if is_text:
        return
    height, width, _ = input_shape
    if isinstance(spec, UNetSpec) and (height % IMAGE_MULTIPLE or width % IMAGE_MULTIPLE):
        fitting = IMAGE_MULTIPLE * max(1, width // IMAGE_MULTIPLE)
        raise UsageError(
            f"images are {height}x{width}; the U-Net needs sides that are multiples of "
            f"{IMAGE_MULTIPLE}: pass --image_size={fitting}"
        )


def count_parameters(spec: ModelSpec, input_shape: tuple[int, ...], classes: int) -> int:
    """Trainable numbers in the model; nothing is computed, shapes are only traced."""
    module = build_model(spec, classes)
    variables = jax.eval_shape(
        lambda key, x: module.init(key, x, train=True),
        jax.eval_shape(lambda: jax.random.key(0)),
        example_input(input_shape),
    )
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(variables["params"]))
