"""All that one compiled program needs."""

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from lab.specs.comparison import Setting
from lab.specs.data import DataSpec
from lab.specs.initial import InitialSpec, at_width, require_optimizer_with_mup
from lab.specs.models import ModelSpec
from lab.specs.optimizers import OptimizerSpec, ScheduleFreeSpec
from lab.specs.own import AnyDataSpec, OwnModelSpec, OwnTaskSpec
from lab.specs.recipe import RecipeSpec
from lab.specs.rules import require, require_positive
from lab.specs.schedules import ConstantSchedule
from lab.specs.seeds import SeedsSpec
from lab.specs.target import NamedMetric, TargetSpec
from lab.specs.tuning import TunedSpec
from lab.specs.variation import Varied
from lab.words import Hyperparameter, Metric, Precision, Task

_FOLDER_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")

MAX_EXAMPLES = 2**31 - 1
"""Positions in a member's stream of examples are int32 on the device."""
MAX_MEMBERS = 2**30
"""Member indices are int32 on the device, with room for those past the last."""

_PLAIN = RecipeSpec()
_OWN_SEEDS = SeedsSpec()
_FAMILY_S_OWN = InitialSpec()


@dataclasses.dataclass(frozen=True, slots=True)
class CohortSpec:
    """All that one compiled program needs: members differ by their index alone.

    `seed` is the root of every random draw of the cohort; member i of a cohort is the same whatever
    `members` is. A member has diverged once a loss is not finite, or if the loss of an evaluation
    exceeds `divergence_factor` times that of its first training batch; where that is below 0, if it
    exceeds it by `divergence_factor` - 1 times its size. A member learns from `train_share` of the
    training examples, which its split draws. `tuned` says what search the hyperparameters are from,
    where they are.
    """

    name: str
    data: AnyDataSpec
    model: ModelSpec
    optimizer: OptimizerSpec
    target: TargetSpec
    batch_size: int
    budget_steps: int
    eval_every: int
    members: int
    seed: int
    recipe: RecipeSpec = _PLAIN
    vary: tuple[Varied, ...] = ()
    divergence_factor: float | None = None
    precision: Precision = Precision.FLOAT32
    seeds: SeedsSpec = _OWN_SEEDS
    train_share: float = 1.0
    initial: InitialSpec = _FAMILY_S_OWN
    tuned: TunedSpec | None = None

    def __post_init__(self) -> None:
        require(
            _FOLDER_NAME.fullmatch(self.name) is not None,
            f"cohort name {self.name!r} cannot name a folder; use letters, digits, -, _ and .",
        )
        require_positive(self, "batch_size", "budget_steps", "eval_every", "members")
        require(
            self.members <= MAX_MEMBERS,
            f"members is {self.members}; at most {MAX_MEMBERS}: pass a smaller --members",
        )
        require(0 <= self.seed < 2**32, f"seed is {self.seed}; it must lie in [0, 2**32)")
        require(
            self.target.metric in self.metrics,
            f"metric {self.target.metric.value} is not measured in {self.data.subject}; use one "
            f"of {', '.join(metric.value for metric in self.metrics)}",
        )
        require(
            self.budget_steps % self.eval_every == 0,
            f"budget_steps {self.budget_steps} is not a multiple of eval_every {self.eval_every}: "
            f"pass --budget_steps={self._next_budget()}",
        )
        require(
            self.evaluations >= self.target.sustain + self.target.smoothing - 1,
            f"a budget of {self.evaluations} evaluations cannot hold {self.target.sustain} in a "
            f"row{self._smoothed()}: pass a larger --budget_steps or a smaller --eval_every, "
            "--sustain or --smoothing",
        )
        require(
            self.budget_steps * self.batch_size <= MAX_EXAMPLES,
            f"{self.budget_steps} steps of {self.batch_size} examples exceed {MAX_EXAMPLES}: "
            "pass a smaller --budget_steps or --batch_size",
        )
        require(
            self.divergence_factor is None or 1 < self.divergence_factor < math.inf,
            f"divergence_factor is {self.divergence_factor}; it must be above 1, and finite: pass "
            "another --divergence_factor",
        )
        self._require_a_recipe_that_fits()
        self._require_what_can_vary()
        self._require_an_initial_state_that_fits()
        # Whoever chose a rate for doing well did well by chance too (STATISTICS, section 2).
        require(
            self.tuned is None or self.tuned.seed != self.seed,
            f"cohort {self.name!r} has the seed {self.seed} of the members that chose its "
            "hyperparameters: measure on others, by another --seed",
        )
        every = self.seeds.combinations
        require(
            self.members % every == 0,
            f"{self.members} members cannot have each of the {every} combinations of seeds equally "
            f"often: pass --members={math.ceil(self.members / every) * every}",
        )
        require(
            0 < self.train_share <= 1,
            f"train_share is {self.train_share}; it must lie in (0, 1]: pass another --train_share",
        )
        require(
            self.seeds.split is None or self.train_share < 1,
            "split is crossed, but all members have all training examples: drop it from --cross, "
            "or pass --train_share=0.9",
        )
        streamed = isinstance(self.data, DataSpec) and self.data.streamed
        require(
            not streamed or self.seeds.order == 1,
            f"{self.data.name} is streamed, so all members see it in one order, and verdicts hold "
            "for that order alone: pass --cross=order:1, or a part of the set that fits the device",
        )
        require(
            not streamed or self.train_share == 1,
            f"train_share is {self.train_share}, but members share batches that are streamed: drop "
            "--train_share",
        )
        require(
            self.seeds.dropout is None or self.draws,
            "dropout is crossed, but there is none: drop it from --cross, or pass --dropout",
        )

    def _smoothed(self) -> str:
        count = self.target.smoothing
        return "" if count == 1 else f" of means of {count}"

    def _require_a_recipe_that_fits(self) -> None:
        require(
            self.recipe.dropout == 0 or not isinstance(self.model, OwnModelSpec),
            f"dropout is {self.recipe.dropout}, but a model of your own drops at rates of its own: "
            "drop --dropout, and say them in --model_kwargs",
        )
        require(
            self.recipe.dropout == 0 or self.model.drops_out,
            f"dropout is {self.recipe.dropout}, but a {type(self.model).__name__} has none: drop "
            "--dropout",
        )
        smoothed = self.recipe.label_smoothing > 0 or self._varies("label_smoothing")
        require(
            not smoothed
            or isinstance(self.data, OwnTaskSpec)
            or self.data.task is not Task.REGRESSION,
            "label_smoothing is given, but regression has no labels: drop --label_smoothing",
        )
        averages = isinstance(self.optimizer, ScheduleFreeSpec)
        require(
            not averages or isinstance(self.recipe.schedule, ConstantSchedule),
            "schedule_free takes the place of a schedule: pass --schedule=constant",
        )
        require(
            not averages or (self.recipe.ema_decay == 0 and not self._varies("ema_decay")),
            "schedule_free averages the weights itself: drop --ema_decay",
        )
        # Defazio et al. 2024 recompute them at the average before each evaluation.
        require(
            not averages or not self.model.gathers_statistics,
            f"schedule_free evaluates an average of the weights, but a {type(self.model).__name__} "
            "gathers its batch statistics at others: pass --optimizer=adamw",
        )

    def _require_an_initial_state_that_fits(self) -> None:
        if self.initial.base_width is not None:
            at_width(self.model, self.initial.base_width)
            require_optimizer_with_mup(self.optimizer)
        require(
            self.seeds.init is None or self.initial.draws,
            "init is crossed, but all weights are those of the source: drop it from --cross, or "
            "pass --fresh",
        )

    def _varies(self, name: str) -> bool:
        return any(one.hyperparameter.value == name for one in self.vary)

    def _require_what_can_vary(self) -> None:
        names = [one.hyperparameter.value for one in self.vary]
        require(len(set(names)) == len(names), f"{names} vary; each can vary but once")
        for one in self.vary:
            name, owner = one.hyperparameter.value, self._owner(one.hyperparameter)
            require(
                owner is not None,
                f"{name} varies, but {type(self.optimizer).__name__} on "
                f"{type(self.model).__name__} has none: drop --vary={name}",
            )
            require(
                len(one.values) <= self.members,
                f"{name} varies over {len(one.values)} values for {self.members} members: pass "
                "fewer values or a larger --members",
            )
            for value in one.values:
                self._require_as_declared(owner, name, value)

    def _require_as_declared(self, owner: Any, name: str, value: float) -> None:
        """UsageError where the spec would refuse the value for all members."""
        whole = name == Hyperparameter.WARMUP_STEPS.value
        require(
            not whole or float(value).is_integer(),
            f"{name} varies over {value}; it counts steps: pass a whole number",
        )
        dataclasses.replace(owner, **{name: int(value) if whole else value})

    def _owner(self, which: Hyperparameter) -> Any:
        """The spec that declares it; None where nothing does."""
        if which is Hyperparameter.DROPOUT and not self.model.drops_out:
            return None
        owners = (self.optimizer, self.recipe)
        return next((one for one in owners if hasattr(one, which.value)), None)

    def values(self, which: Hyperparameter) -> tuple[float, ...]:
        """What members have in turn: member i has `values[i % len(values)]`.

        One value where all have the same; none where the recipe does without.
        """
        varied = [one.values for one in self.vary if one.hyperparameter is which]
        if varied:
            return tuple(map(float, varied[0]))
        value = getattr(self._owner(which), which.value, None)
        return () if value is None else (float(value),)

    @property
    def draws(self) -> bool:
        """Whether training passes draw at random what to leave out."""
        return self.model.draws or any(self.values(Hyperparameter.DROPOUT))

    def at(self, settings: Sequence[Setting]) -> tuple[int, int]:
        """The first member with these hyperparameters, and from how many on they come again.

        ValueError unless they are all that vary, and some member has them.
        """
        asked = {one.hyperparameter: one.value for one in settings}
        if asked.keys() != {one.hyperparameter for one in self.vary}:
            raise ValueError(f"{asked} does not name all that varies in cohort {self.name!r}")
        period = math.lcm(*(len(one.values) for one in self.vary))
        for member in range(period):
            values = {one.hyperparameter: one.values[member % len(one.values)] for one in self.vary}
            if values == asked:
                return member, period
        raise ValueError(f"no member of cohort {self.name!r} has {asked}")

    def _next_budget(self) -> int:
        return math.ceil(self.budget_steps / self.eval_every) * self.eval_every

    @property
    def evaluations(self) -> int:
        """How many evaluations the budget holds; the first comes after `eval_every` steps."""
        return self.budget_steps // self.eval_every

    @property
    def grid(self) -> Sequence[int]:
        """The step of each evaluation."""
        return range(self.eval_every, self.budget_steps + 1, self.eval_every)

    @property
    def metrics(self) -> tuple[Metric | NamedMetric, ...]:
        """What is measured at every evaluation, in this order."""
        return self.data.metrics


def cohort_seeds(root: int, count: int) -> tuple[int, ...]:
    """`count` seeds for the cohorts of a study, independent of each other, from one root."""
    require(0 <= root < 2**32, f"seed is {root}; it must lie in [0, 2**32): pass another --seed")
    return tuple(int(seed) for seed in np.random.SeedSequence(root).generate_state(count))
