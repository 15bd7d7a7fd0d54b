"""Modules as users have them, none of them written for the lab; and some that break a rule."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

SEEN: list[object] = []
CALLS = {"calls": 0}


class ConvNet(nn.Module):
    """Batch normalisation and dropout, told by `deterministic`, with a tuple among its fields."""

    features: tuple[int, ...] = (4, 6)
    classes: int = 2
    rate: float = 0.5

    @nn.compact
    def __call__(self, x: jax.Array, deterministic: bool = True) -> jax.Array:
        assert isinstance(hash(self.features), int)
        for width in self.features:
            x = nn.Conv(width, (3, 3), use_bias=False)(x)
            x = nn.relu(nn.BatchNorm(use_running_average=deterministic, momentum=0.9)(x))
        x = nn.Dropout(self.rate, deterministic=deterministic)(x.mean((1, 2)))
        return nn.Dense(self.classes)(x)


class UNet(nn.Module):
    """No mode, and a last axis of 1, as U-Nets for one class of foreground have."""

    width: int

    def setup(self) -> None:
        self.down = nn.Conv(self.width, (3, 3), strides=2)
        self.up = nn.ConvTranspose(self.width, (2, 2), strides=(2, 2))
        self.head = nn.Conv(1, (1, 1))

    def __call__(self, image: jax.Array) -> jax.Array:
        low = nn.relu(self.down(image))
        return self.head(jnp.concatenate([image, self.up(low)], axis=-1))


class LanguageModel(nn.Module):
    """Token and position embeddings, one causal block."""

    vocabulary: int
    width: int = 8

    @nn.compact
    def __call__(self, tokens: jax.Array, *, train: bool) -> jax.Array:
        del train
        positions = jnp.arange(tokens.shape[1])
        x = nn.Embed(self.vocabulary, self.width)(tokens)
        x = x + nn.Embed(64, self.width)(positions)[None]
        attention = nn.MultiHeadDotProductAttention(num_heads=2)
        x = x + attention(nn.LayerNorm()(x), mask=nn.make_causal_mask(tokens))
        return nn.Dense(self.vocabulary)(nn.LayerNorm()(x))


class FieldNet(nn.Module):
    """Told by a field, not by an argument."""

    train: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.BatchNorm(use_running_average=not self.train)(nn.Dense(4)(x))
        return nn.Dense(2)(x)


class NoisyNet(nn.Module):
    """Draws from a stream that is not dropout, and only where it is asked to."""

    @nn.compact
    def __call__(self, x: jax.Array, is_training: bool) -> jax.Array:
        if is_training:
            x = x + jax.random.normal(self.make_rng("noise"), x.shape)
        return nn.Dense(2)(x)


class Perceptron(nnx.Module):
    """nnx with batch normalisation, dropout, a list of layers, and something sown."""

    def __init__(self, inputs: int, width: int = 6, *, rngs: nnx.Rngs) -> None:
        self.first = nnx.Linear(inputs, width, rngs=rngs)
        self.norm = nnx.BatchNorm(width, momentum=0.9, rngs=rngs)
        self.hidden = nnx.List([nnx.Linear(width, width, rngs=rngs) for _ in range(2)])
        self.dropout = nnx.Dropout(0.5, rngs=rngs)
        self.last = nnx.Linear(width, 2, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        x = nnx.relu(self.norm(self.first(x.reshape(x.shape[0], -1))))
        for layer in self.hidden:
            x = self.dropout(nnx.relu(layer(x)))
        self.sow(nnx.Intermediate, "features", x)
        return self.last(x)


class Told(nnx.Module):
    """nnx, told by `training`."""

    def __init__(self, inputs: int, *, rngs: nnx.Rngs) -> None:
        self.norm = nnx.BatchNorm(inputs, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)
        self.last = nnx.Linear(inputs, 2, rngs=rngs)

    def __call__(self, x: jax.Array, training: bool) -> jax.Array:
        x = self.norm(x, use_running_average=not training)
        return self.last(self.dropout(x, deterministic=not training))


class Mute(nn.Module):
    width: int = 3


class Callless(nnx.Module):
    def __init__(self, *, rngs: nnx.Rngs) -> None:
        self.layer = nnx.Linear(2, 2, rngs=rngs)


class NoRngs(nnx.Module):
    def __init__(self) -> None:
        self.weight = nnx.Param(jnp.zeros(2))

    def __call__(self, x: jax.Array) -> jax.Array:
        return x * self.weight


class Hungry(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array, train: bool) -> jax.Array:
        del train
        return nn.Dense(2)(x * mask)


class Plain:
    def __call__(self, x: jax.Array) -> jax.Array:
        return x


class Whole(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        table = self.param("table", lambda key: jax.random.randint(key, (2,), 0, 9))
        return nn.Dense(2)(x) + table.astype(jnp.float32)[None]


class Half(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return nn.Dense(2, dtype=jnp.float32, param_dtype=jnp.bfloat16)(x)


class Weightless(nn.Module):
    def __call__(self, x: jax.Array) -> jax.Array:
        return x


class Twofold(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        return nn.Dense(2)(x), x


class Verdict(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return nn.Dense(2)(x).argmax(-1)


class Averaging(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return nn.Dense(2)(x).mean(0, keepdims=True)


class Wide(nn.Module):
    classes: Sequence[int] = (7,)

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return nn.Dense(self.classes[0])(x)


class Counting(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        CALLS["calls"] += 1
        return nn.Dense(2)(x) * CALLS["calls"]


class NumpyNoise(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return nn.Dense(2)(x + np.random.normal(size=x.shape).astype(np.float32))  # noqa: NPY002


class Hoarding(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        SEEN.append(x)
        return nn.Dense(2)(x)


class Remembering(nn.Module):
    def setup(self) -> None:
        self.layer = nn.Dense(2)

    def __call__(self, x: jax.Array) -> jax.Array:
        self.last = x
        return self.layer(x)


class CountingCalls(nnx.Module):
    def __init__(self, *, rngs: nnx.Rngs) -> None:
        self.layer = nnx.Linear(3, 2, rngs=rngs)
        self.calls = 0

    def __call__(self, x: jax.Array) -> jax.Array:
        self.calls += 1
        return self.layer(x)


class Branching(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return nn.Dense(2)(x) if x.sum() > 0 else nn.Dense(2)(-x)


class Selecting(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return nn.Dense(2)(x[x > 0])


class DroppingAlways(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return nn.Dropout(0.5, deterministic=False)(nn.Dense(2)(x))


class DroppingAlwaysInNnx(nnx.Module):
    def __init__(self, *, rngs: nnx.Rngs) -> None:
        self.layer = nnx.Linear(3, 2, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.dropout(self.layer(x), deterministic=False)


class Sowing(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        y = nn.Dense(2)(x)
        self.sow("losses", "size", (y**2).sum())
        return y


class Overflowing(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.Dense(4, name="fine")(x)
        x = nn.Dense(4, name="huge", kernel_init=nn.initializers.constant(1e38))(x * 1e6)
        return nn.Dense(2, name="after")(x)


class RootOfNothing(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        scale = self.param("scale", nn.initializers.zeros, (2,))
        return nn.Dense(2)(x) + jnp.sqrt(scale)[None]
