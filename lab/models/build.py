"""The one place where a model spec becomes a module."""

from typing import assert_never

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from lab.errors import UsageError
from lab.models.cnn import CNN
from lab.models.mlp import MLP
from lab.models.unet import IMAGE_MULTIPLE, MobileNetV2UNet
from lab.specs import CNNSpec, MLPSpec, ModelSpec, UNetSpec


def build_model(spec: ModelSpec, classes: int) -> nn.Module:
    """The module of `spec`; a segmentation net has one foreground logit and ignores `classes`."""
    match spec:
        case UNetSpec():
            return MobileNetV2UNet(spec)
        case MLPSpec():
            return MLP(spec, classes)
        case CNNSpec():
            return CNN(spec, classes)
        case _:
            assert_never(spec)


def initial_gain(spec: ModelSpec) -> float:
    """The gain of `initialise`: 2 makes up for ReLU, which a normalised network does not need."""
    return 1.0 if isinstance(spec, UNetSpec) else 2.0


def example_input(image_shape: tuple[int, int, int]) -> jax.ShapeDtypeStruct:
    """What modules take, in shape and type: one float32 image in [0, 1] of shape (H, W, C)."""
    return jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)


def check_image_shape(spec: ModelSpec, image_shape: tuple[int, int, int]) -> None:
    """UsageError unless the model can take images of shape (H, W, C)."""
    height, width, _ = image_shape
    if isinstance(spec, UNetSpec) and (height % IMAGE_MULTIPLE or width % IMAGE_MULTIPLE):
        fitting = IMAGE_MULTIPLE * max(1, width // IMAGE_MULTIPLE)
        raise UsageError(
            f"images are {height}x{width}; the U-Net needs sides that are multiples of "
            f"{IMAGE_MULTIPLE}: pass --image_size={fitting}"
        )


def count_parameters(spec: ModelSpec, image_shape: tuple[int, int, int], classes: int) -> int:
    """Trainable numbers in the model; nothing is computed, shapes are only traced."""
    module = build_model(spec, classes)
    variables = jax.eval_shape(
        lambda key, x: module.init(key, x, train=True),
        jax.eval_shape(lambda: jax.random.key(0)),
        example_input(image_shape),
    )
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(variables["params"]))
