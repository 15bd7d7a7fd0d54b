"""The one place where a model spec becomes a network."""

import math
from typing import Any, assert_never

import flax.linen as nn
import jax

from lab.errors import UsageError
from lab.models.cnn import CNN
from lab.models.deep_linear import DeepLinear
from lab.models.mlp import MLP
from lab.models.network import Network, linen_network
from lab.models.resnet import ResNet
from lab.models.signature import Signature
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


def build_network(spec: ModelSpec, signature: Signature) -> Network:
    """The network of `spec`; UsageError unless it can read and say what the signature asks."""
    require_fitting(spec, signature)
    return linen_network(build_module(spec, signature), signature, initial_gain(spec))


def build_module(spec: ModelSpec, signature: Signature) -> nn.Module:
    """The module of one of the lab's own families."""
    answers = signature.answers
    match spec:
        case UNetSpec():
            return MobileNetV2UNet(spec)
        case MLPSpec():
            return MLP(spec, answers)
        case CNNSpec():
            return CNN(spec, answers)
        case DeepLinearSpec():
            return DeepLinear(spec, answers)
        case ResNetSpec():
            return ResNet(spec, answers)
        case TransformerSpec():
            return Transformer(spec, answers)
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


def require_fitting(spec: ModelSpec, signature: Signature) -> None:
    """UsageError unless the family reads such inputs and says such outputs."""
    reads_text = isinstance(spec, TransformerSpec)
    if reads_text != signature.tokens:
        raise UsageError(
            f"the data are {'text' if signature.tokens else 'images'}, and {type(spec).__name__} "
            f"is a model of {'text' if reads_text else 'images'}: choose another model or data set"
        )
    if signature.tokens:
        return
    height, width, _ = signature.inputs
    if isinstance(spec, UNetSpec) and (height % IMAGE_MULTIPLE or width % IMAGE_MULTIPLE):
        fitting = IMAGE_MULTIPLE * max(1, width // IMAGE_MULTIPLE)
        raise UsageError(
            f"images are {height}x{width}; the U-Net needs sides that are multiples of "
            f"{IMAGE_MULTIPLE}: pass --image_size={fitting}"
        )


def parameter_shapes(spec: ModelSpec, signature: Signature) -> Any:
    """What is trained, as shapes alone: they are traced, and nothing is computed."""
    network = build_network(spec, signature)
    params, _ = jax.eval_shape(network.init, jax.eval_shape(lambda: jax.random.key(0)))
    return params


def count_parameters(spec: ModelSpec, signature: Signature) -> int:
    """Trainable numbers in the model."""
    leaves = jax.tree.leaves(parameter_shapes(spec, signature))
    return sum(math.prod(leaf.shape) for leaf in leaves)
