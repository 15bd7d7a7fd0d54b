"""The block of MobileNetV2 (Sandler et al. 2018, "MobileNetV2", section 3)."""

import flax.linen as nn
import jax

from lab.models.activations import activation
from lab.models.dropout import drop_branch
from lab.models.normalisation import normalised
from lab.words import Activation, Normalisation


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise 3x3, project 1x1 without activation; a residual where shapes allow.

    Without `expands` the first of these is left out.
    """

    features: int
    expansion: int
    strides: int = 1
    activation: Activation = Activation.RELU6
    normalisation: Normalisation = Normalisation.BATCH
    skips: bool = True
    stochastic_depth: float = 0.0
    expands: bool = True

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """[B, H, W, C] to [B, H/strides, W/strides, features]."""
        act, which = activation(self.activation), self.normalisation
        bare = which is Normalisation.NONE
        hidden = x.shape[-1] * self.expansion
        y = x
        if self.expands:
            y = nn.Conv(hidden, (1, 1), use_bias=bare)(y)
            y = act(normalised(y, which, train=train))
        depthwise = nn.Conv(hidden, (3, 3), self.strides, feature_group_count=hidden, use_bias=bare)
        y = act(normalised(depthwise(y), which, train=train))
        y = nn.Conv(self.features, (1, 1), use_bias=bare)(y)
        # Without a bias: the next block's normalisation would take it away again, so its gradient
        # would be rounding alone, which Adam turns into full steps that differ between lane widths.
        y = normalised(y, which, train=train, use_bias=which is not Normalisation.BATCH)
        if not (self.skips and adds(x.shape[-1], self.features, self.strides)):
            return y
        return x + drop_branch(self, y, self.stochastic_depth, train)


def adds(inputs: int, outputs: int, strides: int) -> bool:
    """Whether a block of so many channels has a residual."""
    return strides == 1 and inputs == outputs
