"""The one place where a model spec becomes a network."""

import math
from typing import Any, assert_never

import flax.linen as nn
import jax

from lab.models.cnn import CNN
from lab.models.deep_linear import DeepLinear
from lab.models.fitting import require_fitting
from lab.models.lstm import LSTM
from lab.models.mlp import MLP
from lab.models.mobilenet import MobileNet
from lab.models.network import Network, linen_network
from lab.models.own import own_network
from lab.models.plain_unet import PlainUNet
from lab.models.resnet import ResNet
from lab.models.signature import Signature
from lab.models.transformer import Transformer
from lab.models.unet import MobileNetV2UNet
from lab.models.vit import ViT
from lab.specs import (
    CNNSpec,
    DeepLinearSpec,
    FamilySpec,
    LSTMSpec,
    MLPSpec,
    MobileNetSpec,
    ModelSpec,
    OwnModelSpec,
    PlainUNetSpec,
    ResNetSpec,
    TransformerSpec,
    UNetSpec,
    ViTSpec,
)
from lab.words import Activation, Normalisation


def build_network(spec: ModelSpec, signature: Signature, base_head: float | None = None) -> Network:
    """The network of `spec`; UsageError unless it can read and say what the signature asks.

    With `base_head`, the width of an attention head at muP's base width, attention is muP's, but in
    a user's own model, which has its own.
    """
    if isinstance(spec, OwnModelSpec):
        return own_network(spec, signature)
    require_fitting(spec, signature)
    module = build_module(spec, signature, base_head)
    return linen_network(module, signature, initial_gain(spec), spec.draws)


def build_module(
    spec: FamilySpec, signature: Signature, base_head: float | None = None
) -> nn.Module:
    """The module of one of the lab's own families."""
    answers, vocabulary, dense = signature.answers, signature.vocabulary, signature.dense
    match spec:
        case UNetSpec():
            return MobileNetV2UNet(spec, answers)
        case PlainUNetSpec():
            return PlainUNet(spec, answers)
        case MLPSpec():
            return MLP(spec, answers, vocabulary)
        case DeepLinearSpec():
            return DeepLinear(spec, answers)
        case CNNSpec():
            return CNN(spec, answers)
        case ResNetSpec():
            return ResNet(spec, answers)
        case MobileNetSpec():
            return MobileNet(spec, answers)
        case ViTSpec():
            return ViT(spec, answers, base_head)
        case TransformerSpec():
            return Transformer(spec, vocabulary, answers, dense, base_head)
        case LSTMSpec():
            return LSTM(spec, vocabulary, answers, dense)
        case _:
            assert_never(spec)


def initial_gain(spec: FamilySpec) -> float:
    """The gain of `initialise`: 2 makes up for a rectifier, which a normalised net does not need.

    The nets that He et al. 2016 (section 3.4) and Ronneberger et al. 2015 (section 3) began so have
    it all the same.
    """
    match spec:
        case MLPSpec() | CNNSpec() | ResNetSpec() | PlainUNetSpec():
            return _rectified(spec.activation)
        case UNetSpec() | MobileNetSpec():
            bare = spec.normalisation is Normalisation.NONE
            return _rectified(spec.activation) if bare else 1.0
        case DeepLinearSpec() | TransformerSpec() | ViTSpec() | LSTMSpec():
            return 1.0
        case _:
            assert_never(spec)


def _rectified(activation: Activation) -> float:
    return 1.0 if activation is Activation.TANH else 2.0


def parameter_shapes(spec: ModelSpec, signature: Signature) -> Any:
    """What is trained, as shapes alone: they are traced, and nothing is computed."""
    network = build_network(spec, signature)
    params, _ = jax.eval_shape(network.init, jax.eval_shape(lambda: jax.random.key(0)))
    return params


def count_parameters(spec: ModelSpec, signature: Signature) -> int:
    """Trainable numbers in the model."""
    leaves = jax.tree.leaves(parameter_shapes(spec, signature))
    return sum(math.prod(leaf.shape) for leaf in leaves)
