"""Operations that stay fast when every member has its own weights.

`vmap` over a convolution's kernel turns it into a grouped convolution, which XLA's CPU backend
runs orders of magnitude below a matrix product. The forms here hold only products and sums that a
leading member axis leaves dense. `on_lab_ops` puts them into a function as it stands.
"""

from lab.ops.activations import relu6
from lab.ops.choices import Choose, Form, Operation, choose, recorded
from lab.ops.interpretation import chosen_here, on_lab_ops, operations_of
from lab.ops.normalisation import fast_batch_norm
from lab.ops.resize import depth_to_space, upsample_nearest

__all__ = [
    "Choose",
    "Form",
    "Operation",
    "choose",
    "chosen_here",
    "depth_to_space",
    "fast_batch_norm",
    "on_lab_ops",
    "operations_of",
    "recorded",
    "relu6",
    "upsample_nearest",
]
