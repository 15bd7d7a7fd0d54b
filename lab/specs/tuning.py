"""How hyperparameters are searched for, and what a cohort's search came to."""

import dataclasses
import math

from lab.specs.rules import require
from lab.specs.variation import Varied
from lab.words import Hyperparameter, Search


@dataclasses.dataclass(frozen=True, slots=True)
class SearchSpec:
    """The same for every cohort that is compared, so that none is tuned with more effort.

    `trials` learning rates of `repeats` members each, within a range of `decades` powers of ten
    about a cohort's centre. `also` are other hyperparameters with the values that trials may have.
    Where the best rate of any cohort cannot be told from an end of its range, all get a third as
    many trials again, at most `extensions` times: beyond the end, about the best, or the same ones
    with other members, as each has need.
    """

    method: Search = Search.GRID
    trials: int = 7
    repeats: int = 8
    decades: float = 3.0
    also: tuple[Varied, ...] = ()
    extensions: int = 2

    def __post_init__(self) -> None:
        require(
            self.trials >= 3,
            f"a search has {self.trials} trials; it takes 3 or more to tell whether the best lies "
            "inside: pass a larger --tune_trials",
        )
        require(
            self.repeats >= 2,
            f"a trial has {self.repeats} members; it takes 2 or more: pass a larger --tune_repeats",
        )
        require(
            self.extensions >= 0,
            f"extensions is {self.extensions}; it must be 0 or more: pass another "
            "--tune_extensions",
        )
        # Rates have four digits; closer ones would be the same.
        require(
            0.01 * (self.trials - 1) <= self.decades <= 12,
            f"{self.trials} rates over {self.decades:g} decades lie too close or too far apart: "
            "pass a --tune_decades of at most 12, and of 0.01 or more a trial",
        )
        names = [one.hyperparameter for one in self.also]
        require(
            Hyperparameter.LEARNING_RATE not in names,
            "the learning rate is searched for in any case: drop it from --tune_also",
        )
        require(
            len(set(names)) == len(names), "a hyperparameter is searched for twice: name it once"
        )


@dataclasses.dataclass(frozen=True, slots=True)
class TunedSpec:
    """What the search that chose a cohort's hyperparameters was, on members measured for it alone.

    `seed` is the root of those members; `trials` counts those of extensions too, `lowest` and
    `highest` are the learning rates tried, `member_steps` what all of it took. `complete` is
    whether the best lies inside the range. Rates that muP carries were searched for at the cohort
    `source`, which is its own; for the others `complete` is whether, besides, the bracket about the
    rate shows it there: some member arrived, no neighbour is clearly better, one clearly worse.
    """

    search: SearchSpec
    seed: int
    trials: int
    lowest: float
    highest: float
    complete: bool
    member_steps: int
    source: str | None = None

    def __post_init__(self) -> None:
        require(
            0 < self.lowest <= self.highest < math.inf,
            f"the rates tried are said to run from {self.lowest} to {self.highest}",
        )
