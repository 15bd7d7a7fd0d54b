"""Convolutions that stay fast when every member has its own weights.

`vmap` over a convolution's kernel turns it into a grouped convolution, which XLA's CPU backend
runs orders of magnitude below a matrix product. The forms here hold only products and sums that a
leading member axis leaves dense.
"""

from lab.ops.convolution import conv_general_dilated
from lab.ops.resize import depth_to_space, upsample_nearest

__all__ = ["conv_general_dilated", "depth_to_space", "upsample_nearest"]
