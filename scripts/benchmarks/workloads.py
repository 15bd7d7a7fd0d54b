"""What is measured."""

import dataclasses

from lab.specs import (
    AdamSpec,
    CNNSpec,
    DataSpec,
    DeepLinearSpec,
    MLPSpec,
    ResNetSpec,
    TargetSpec,
    TransformerSpec,
)
from lab.words import Metric, Task

BATCH_SIZE = 16
EXPANSION = 3
OPTIMIZER = AdamSpec(learning_rate=3e-3)
NEVER = TargetSpec(Metric.LOSS, (1e-30,), sustain=1)
"""No member may end while its speed is measured."""

_DIGITS = DataSpec("sklearn_digits", Task.CLASSIFICATION)
_DIGITS_28 = dataclasses.replace(_DIGITS, image_size=28)
_DIGITS_32 = dataclasses.replace(_DIGITS, image_size=32)
_PICTURES = DataSpec("digits_on_photographs", Task.SEGMENTATION)
_PICTURES_64 = dataclasses.replace(_PICTURES, image_size=64)
_TEXT = DataSpec("python_topics", Task.LANGUAGE)


@dataclasses.dataclass(frozen=True)
class UNetOfSize:
    """The U-Net of so many parameters that experiments/unet_size.py trains."""

    parameters: int


@dataclasses.dataclass(frozen=True)
class Workload:
    """A network on a data set; the lab's program evaluates every `eval_every` steps."""

    name: str
    data: DataSpec
    model: MLPSpec | CNNSpec | UNetOfSize | ResNetSpec | TransformerSpec | DeepLinearSpec
    eval_every: int

    @property
    def convolutional(self) -> bool:
        """Whether vmap makes grouped convolutions of it."""
        return isinstance(self.model, CNNSpec | UNetOfSize | ResNetSpec)


WORKLOADS = (
    Workload("mlp-64-32-32-10", _DIGITS, MLPSpec(width=32, depth=2), eval_every=100),
    Workload("mlp-64-256-256-10", _DIGITS, MLPSpec(width=256, depth=2), eval_every=50),
    Workload("deep-linear-64", _DIGITS, DeepLinearSpec(width=64, depth=8), eval_every=50),
    Workload("cnn16-8x8", _DIGITS, CNNSpec(width=16, depth=2), eval_every=50),
    Workload("cnn8-28x28", _DIGITS_28, CNNSpec(width=8, depth=2), eval_every=20),
    Workload("cnn32-28x28", _DIGITS_28, CNNSpec(width=32, depth=2), eval_every=20),
    Workload("unet-2.9k-32x32", _PICTURES, UNetOfSize(2900), eval_every=10),
    Workload("unet-5k-32x32", _PICTURES, UNetOfSize(5000), eval_every=10),
    Workload("unet-2.9k-64x64", _PICTURES_64, UNetOfSize(2900), eval_every=10),
    Workload("unet-5k-64x64", _PICTURES_64, UNetOfSize(5000), eval_every=10),
    Workload("resnet20-32x32", _DIGITS_32, ResNetSpec(width=16, blocks=3), eval_every=5),
    Workload("transformer-97k-text", _TEXT, TransformerSpec(42, depth=4, heads=3), eval_every=10),
)

LANES, JAX_LOOP, JAX_VMAP = "lanes", "jax loop", "jax vmap"
TORCH_LOOP, TORCH_VMAP = "torch loop", "torch vmap"
ENGINES = (LANES, JAX_LOOP, JAX_VMAP, TORCH_LOOP, TORCH_VMAP)
LANES_ON_XLA = "lanes on xla"
"""No engine of its own: what `lanes` would do without lab/ops, measured next to it."""

TORCH_ENGINES = (TORCH_LOOP, TORCH_VMAP)

STEPS_ON_XLA = 4
"""Steps between evaluations of `LANES_ON_XLA`: few, so that a dispatch comes to an end."""
