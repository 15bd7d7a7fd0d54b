"""What verdict.json promises to programs that read it (schema 1): add, never take away."""

COHORT_KEYS = {
    "name",
    "parameters",
    "members",
    "reached",
    "diverged",
    "exhausted",
    "median_steps",
    "flops_per_step",
    "solo_seconds_per_step",
}
CONTRAST_KEYS = {
    "smaller",
    "larger",
    "clock",
    "target",
    "horizon",
    "members",
    "verdict",
    "win_probability",
    "rmst_ratio",
    "modifiers",
}
VERDICTS = {
    "smaller faster",
    "larger faster",
    "crossing",
    "equivalent",
    "undecided",
    "not reached",
    "grid too coarse",
}
