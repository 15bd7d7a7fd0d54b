"""What is measured."""

import dataclasses

from lab.specs import AdamSpec, CNNSpec, DataSpec, MLPSpec, TargetSpec
from lab.words import Metric, Task

BATCH_SIZE = 16
EXPANSION = 3
OPTIMIZER = AdamSpec(learning_rate=3e-3)
NEVER = TargetSpec(Metric.LOSS, (1e-30,), sustain=1)
"""No member may end while its speed is measured."""

_DIGITS = DataSpec("sklearn_digits", Task.CLASSIFICATION)
_PICTURES = DataSpec("digits_on_photographs", Task.SEGMENTATION)


@dataclasses.dataclass(frozen=True)
class UNetOfSize:
    """The U-Net of so many parameters that experiments/unet_size.py trains."""

    parameters: int


@dataclasses.dataclass(frozen=True)
class Workload:
    """A network on a data set; the lab's program evaluates every `eval_every` steps."""

    name: str
    data: DataSpec
    model: MLPSpec | CNNSpec | UNetOfSize
    eval_every: int

    @property
    def convolutional(self) -> bool:
        """Whether vmap makes grouped convolutions of it."""
        return not isinstance(self.model, MLPSpec)


WORKLOADS = (
    Workload("mlp-64-32-32-10", _DIGITS, MLPSpec(width=32, depth=2), eval_every=100),
    Workload("cnn16-8x8", _DIGITS, CNNSpec(width=16, depth=2), eval_every=50),
    Workload("unet-2.9k-32x32", _PICTURES, UNetOfSize(2900), eval_every=10),
    Workload("unet-5k-32x32", _PICTURES, UNetOfSize(5000), eval_every=10),
)

LANES, JAX_LOOP, JAX_VMAP = "lanes", "jax loop", "jax vmap"
TORCH_LOOP, TORCH_VMAP = "torch loop", "torch vmap"
ENGINES = (LANES, JAX_LOOP, JAX_VMAP, TORCH_LOOP, TORCH_VMAP)
LANES_ON_XLA = "lanes on xla"
"""No engine of its own: what `lanes` would do without lab/ops, measured next to it."""

TORCH_ENGINES = (TORCH_LOOP, TORCH_VMAP)

STEPS_ON_XLA = 4
"""Steps between evaluations of `LANES_ON_XLA`: few, so that a dispatch comes to an end."""
