"""The flag that lets a run folder which somebody else may have made name any code."""

from absl import flags

TRUST = flags.DEFINE_bool(
    "trust",
    False,
    "Import and call whatever code the run folder names. Without it only a module class of Flax is "
    "constructed, and only a function that says that it gives an OwnTask is called; pass it for a "
    "folder whose origin you know.",
)
