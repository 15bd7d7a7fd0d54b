"""A model and a task as somebody has them in a repository of their own."""

import flax.linen as nn
import numpy as np

from lab.data.own import OwnTask
from lab.words import Task


class Net(nn.Module):
    """Somebody's net: normalised, dropped out, told by its own word when it trains."""

    width: int

    @nn.compact
    def __call__(self, x, training: bool):
        x = nn.Dense(self.width)(x)
        x = nn.relu(nn.BatchNorm(use_running_average=not training)(x))
        x = nn.Dropout(0.1, deterministic=not training)(x)
        return nn.Dense(2)(x)


def clouds(count: int = 100) -> OwnTask:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, count).astype(np.int32)
    inputs = (rng.normal(size=(count, 3)) + 2 * labels[:, None]).astype(np.float32)
    return OwnTask((inputs[30:], labels[30:]), (inputs[:30], labels[:30]), Task.CLASSIFICATION)
