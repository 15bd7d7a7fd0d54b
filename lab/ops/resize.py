"""Changes of resolution, as broadcasts and transposes."""

import jax
import jax.numpy as jnp


def upsample_nearest(x_BxHxWxC: jax.Array, factor: int) -> jax.Array:
    """Each pixel repeated to a square of `factor` by `factor`: [B, H*f, W*f, C]."""
    b, h, w, c = x_BxHxWxC.shape
    wide = jnp.broadcast_to(x_BxHxWxC[:, :, None, :, None, :], (b, h, factor, w, factor, c))
    return wide.reshape(b, h * factor, w * factor, c)


def depth_to_space(x_BxHxWxC: jax.Array, factor: int) -> jax.Array:
    """Channels laid out as pixels, [B, H*f, W*f, C/f^2]: sub-pixel convolution's last step.

    Shi et al. 2016, "Real-time single image and video super-resolution", section 3.2.
    """
    b, h, w, c = x_BxHxWxC.shape
    blocks = x_BxHxWxC.reshape(b, h, w, factor, factor, c // factor**2)
    return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(b, h * factor, w * factor, c // factor**2)
