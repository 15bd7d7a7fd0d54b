"""Tasks as users have them, in numpy and jax.numpy alone; and some that break a rule."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lab.data.own import OwnTask
from lab.words import Direction, Task


def blobs(count: int, seed: int, spread: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Points [N, 3] of two classes."""
    rng = np.random.default_rng([seed])
    labels = rng.integers(0, 2, count)
    return rng.normal(0, spread, (count, 3)) + 2.0 * labels[:, None], labels


def accuracy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    return logits.argmax(-1) == labels


def mean_cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def points(spread: float = 1.0, loss: str = "each") -> OwnTask:
    """A loss an example, or the mean of a batch."""
    each = optax.softmax_cross_entropy_with_integer_labels
    return OwnTask(
        train=blobs(40, 1, spread),
        validation=blobs(23, 2, spread),
        loss=each if loss == "each" else mean_cross_entropy,
        metrics={"accuracy": (accuracy, "maximize")},
        outputs=(2,),
        target=("accuracy", 0.9),
    )


def squares(count: int = 20, side: int = 8) -> OwnTask:
    """Bright squares in noise, to be found; ready-made but for one metric."""

    def split(seed: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([seed])
        images = rng.integers(0, 100, (count, side, side, 3), dtype=np.uint8)
        masks = np.zeros((count, side, side), bool)
        masks[:, 2:6, 2:6] = True
        images[masks] += 120
        return images, masks

    def covered(logits: jax.Array, masks: jax.Array) -> tuple[jax.Array, jax.Array]:
        found = (logits > 0) & (masks > 0)
        return found.sum((1, 2)), (masks > 0).sum((1, 2))

    return OwnTask(split(1), split(2), Task.SEGMENTATION, {"recall": (covered, Direction.MAXIMIZE)})


def unsaid(loss: str = "each") -> OwnTask:
    """Outputs are left to the loss."""
    return OwnTask(blobs(40, 1), blobs(23, 2), optax.squared_error if loss else mean_cross_entropy)


def number() -> int:
    return 3


def failing() -> OwnTask:
    raise FileNotFoundError("cells/train.npz")


COUNT = {"calls": 0}


def impure() -> OwnTask:
    def loss(logits: jax.Array, labels: jax.Array) -> jax.Array:
        COUNT["calls"] += 1
        return mean_cross_entropy(logits, labels) * COUNT["calls"]

    return OwnTask(blobs(40, 1), blobs(23, 2), loss, outputs=(2,))


def shapeless() -> OwnTask:
    def loss(logits: jax.Array, labels: jax.Array) -> jax.Array:
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels)[:2]

    return OwnTask(blobs(40, 1), blobs(23, 2), loss, outputs=(2,))


def logarithmic() -> OwnTask:
    def loss(logits: jax.Array, labels: jax.Array) -> jax.Array:
        del labels
        return jnp.log(logits - logits).mean(-1)

    return OwnTask(blobs(40, 1), blobs(23, 2), loss, outputs=(2,))


def satisfied() -> OwnTask:
    """A hinge that no output at the start is on the wrong side of."""

    def loss(logits: jax.Array, labels: jax.Array) -> jax.Array:
        del labels
        return jnp.maximum(jnp.abs(logits) - 1e6, 0.0).mean(-1)

    return OwnTask(blobs(40, 1), blobs(23, 2), loss, outputs=(2,))


def in_numpy() -> OwnTask:
    def loss(logits: jax.Array, labels: jax.Array) -> jax.Array:
        return jnp.asarray(np.square(np.asarray(logits)).mean(-1)) + labels

    return OwnTask(blobs(40, 1), blobs(23, 2), loss, outputs=(2,))
