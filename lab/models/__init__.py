"""Spec to Flax module, one family a file."""

from lab.models.build import (
    build_model,
    check_image_shape,
    count_parameters,
    example_input,
    initial_gain,
)
from lab.models.initial import initialise
from lab.models.sizing import match_unet_width

__all__ = [
    "build_model",
    "check_image_shape",
    "count_parameters",
    "example_input",
    "initial_gain",
    "initialise",
    "match_unet_width",
]
