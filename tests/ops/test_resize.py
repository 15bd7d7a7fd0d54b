"""Changes of resolution, pixel by pixel."""

import jax.numpy as jnp
import numpy as np
import pytest

from lab.ops import depth_to_space, upsample_nearest


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_upsampling_repeats_pixels(factor: int) -> None:
    x = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    expected = x.repeat(factor, axis=1).repeat(factor, axis=2)
    np.testing.assert_array_equal(upsample_nearest(jnp.asarray(x), factor), expected)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_depth_becomes_space(factor: int) -> None:
    """Pixel (i, j) of channel c comes from channel (i mod f, j mod f, c) of pixel (i/f, j/f)."""
    b, h, w, c = 2, 3, 4, 2
    x = np.arange(b * h * w * factor**2 * c, dtype=np.float32).reshape(b, h, w, -1)
    got = np.asarray(depth_to_space(jnp.asarray(x), factor))
    assert got.shape == (b, h * factor, w * factor, c)
    for i in range(h * factor):
        for j in range(w * factor):
            for k in range(c):
                channel = ((i % factor) * factor + j % factor) * c + k
                np.testing.assert_array_equal(
                    got[:, i, j, k], x[:, i // factor, j // factor, channel]
                )
