"""What a contrast is answered with: the verdict, and what must be known besides."""

import enum


class Verdict(enum.Enum):
    """A contrast's answer."""

    SMALLER_FASTER = "smaller faster"
    LARGER_FASTER = "larger faster"
    CROSSING = "crossing"
    EQUIVALENT = "equivalent"
    UNDECIDED = "undecided"
    NOT_REACHED = "not reached"
    GRID_TOO_COARSE = "grid too coarse"


class Modifier(enum.Enum):
    """What must be known besides the verdict."""

    NEGLIGIBLY = "negligibly"
    SMALLER_LESS_RELIABLE = "smaller less reliable"
    LARGER_LESS_RELIABLE = "larger less reliable"
    GRID_LIMITED = "grid-limited"
    MEANS_GRID_LIMITED = "time ratio grid-limited"
    SPARSE = "sparse: judged by permutation too"
    SAME_AS_STEPS = "same hypothesis as steps"
    ONE_SHARED_RATE = "one shared learning rate"
    AS_CONFIGURED = "as configured"
    TUNED = "tuned with equal searches"
    TRANSFERRED = "rates transferred by muP"
    TUNING_INCOMPLETE = "tuning incomplete"
    TRAINED_ELSEWHERE = "trained elsewhere"
    PAIRED = "members in pairs"
    BY_DATA_ORDER = "data orders are the replicates"
    ONE_DATA_ORDER = "one data order"
    CROSSED = "on the crossed seeds drawn"
    SEQUENTIAL = "sequential"
    PLANNED_LOOKS = "planned looks"
    TIMING = "seconds too uncertain"
    SECONDS_ONLY = "seconds only"
    CHECK_FAILED = "a check of the members failed"
    INCOMPLETE = "incomplete"
    UNEQUAL_FOLLOW_UP = "runs stopped early"
