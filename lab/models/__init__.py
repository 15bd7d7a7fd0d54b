"""Spec to network, one family a file."""

from lab.models.branches import branch_ends
from lab.models.build import build_module, build_network, count_parameters, parameter_shapes
from lab.models.fitting import require_fitting
from lab.models.network import Network, Noise
from lab.models.signature import Signature
from lab.models.sizing import Match, match_parameters

__all__ = [
    "Match",
    "Network",
    "Noise",
    "Signature",
    "branch_ends",
    "build_module",
    "build_network",
    "count_parameters",
    "match_parameters",
    "parameter_shapes",
    "require_fitting",
]
