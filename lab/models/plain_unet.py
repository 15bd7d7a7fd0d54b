"""The U-Net (Ronneberger et al. 2015, "U-Net", section 2 and figure 1).

Convolutions are padded, so that a mask is as large as its image; the resolution is raised by
repeating pixels ahead of the 2x2 convolution that halves the channels, which is followed by an
activation like the others.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from lab.models.activations import activation
from lab.models.dropout import drop
from lab.models.normalisation import normalised
from lab.ops import upsample_nearest
from lab.specs import PlainUNetSpec
from lab.words import Normalisation


class PlainUNet(nn.Module):
    """Images [B, H, W, C], H and W multiples of 2^(depth - 1), to foreground logits [B, H, W].

    Where several answers are asked of a pixel: [B, H, W, answers].
    """

    spec: PlainUNetSpec
    answers: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, dropout: jax.Array | None = None) -> jax.Array:
        """Logits; drops features at the lowest resolution, at rate `dropout`."""
        *above, bottom = (self.spec.width * 2**level for level in range(self.spec.depth))
        passed = []
        for features in above:
            x = self._twice_convolved(x, features, train)
            passed.append(x)
            x = nn.max_pool(x, (2, 2), strides=(2, 2))
        x = drop(self, self._twice_convolved(x, bottom, train), dropout)
        for encoded in reversed(passed):
            features = encoded.shape[-1]
            x = self._convolved(upsample_nearest(x, 2), features, 2, train)
            if self.spec.skips:
                x = jnp.concatenate([encoded, x], axis=-1)
            x = self._twice_convolved(x, features, train)
        logits = nn.Conv(self.answers, (1, 1))(x)
        return logits[..., 0] if self.answers == 1 else logits

    def _twice_convolved(self, x: jax.Array, features: int, train: bool) -> jax.Array:
        return self._convolved(self._convolved(x, features, 3, train), features, 3, train)

    def _convolved(self, x: jax.Array, features: int, window: int, train: bool) -> jax.Array:
        which = self.spec.normalisation
        y = nn.Conv(features, (window, window), use_bias=which is Normalisation.NONE)(x)
        return activation(self.spec.activation)(normalised(y, which, train=train))
