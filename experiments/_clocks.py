"""The flags of what time is counted in."""

from absl import flags

SECONDS = flags.DEFINE_bool(
    "seconds", True, "Time a step of one member of each cohort alone, and count in seconds too."
)
