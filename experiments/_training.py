"""The flags of how members are trained and when they have converged, and how they become specs."""

import functools
from collections.abc import Callable, Sequence

from absl import flags

from lab.errors import UsageError
from lab.specs import (
    MAX_EXAMPLES,
    AdagradSpec,
    AdamSpec,
    AdamWSpec,
    ConstantSchedule,
    CosineSchedule,
    InverseSquareRootSchedule,
    LAMBSpec,
    LionSpec,
    MuonSpec,
    NAdamSpec,
    NamedMetric,
    OptimizerSpec,
    ProdigySpec,
    RecipeSpec,
    RMSPropSpec,
    ScheduleFreeSpec,
    ScheduleSpec,
    SGDSpec,
    StepSchedule,
    TargetSpec,
    Varied,
)
from lab.words import Direction, Hyperparameter, Metric, Precision, Rule

_OPTIMIZERS: dict[str, Callable[..., OptimizerSpec]] = {
    "adam": AdamSpec,
    "sgd": SGDSpec,
    "nesterov": functools.partial(SGDSpec, nesterov=True),
    "adamw": AdamWSpec,
    "nadam": NAdamSpec,
    "rmsprop": RMSPropSpec,
    "adagrad": AdagradSpec,
    "lion": LionSpec,
    "lamb": LAMBSpec,
    "muon": MuonSpec,
    "schedule_free": ScheduleFreeSpec,
    "prodigy": ProdigySpec,
}
_VARY_EXAMPLES = {"vary": "learning_rate=0.001,0.01", "tune_also": "weight_decay=0,0.01"}
_TAKERS = {"momentum": "sgd", "weight_decay": "adamw"}

_OPTIMIZER = flags.DEFINE_enum(
    "optimizer",
    "adam",
    list(_OPTIMIZERS),
    "Optimizer; prodigy takes a learning rate of 1 unless --learning_rate is given.",
)
_MOMENTUM = flags.DEFINE_float(
    "momentum", None, "Momentum: by default 0.9 of sgd and nesterov, 0 of rmsprop, 0.95 of muon."
)
_WEIGHT_DECAY = flags.DEFINE_float(
    "weight_decay",
    None,
    "Weight decay on kernels (sgd, nesterov, adamw, lion, lamb, muon, schedule_free); by default "
    "0.01 of adamw, else 0.",
)
_SCHEDULE = flags.DEFINE_enum(
    "schedule",
    "constant",
    ["constant", "cosine", "step", "inverse_square_root"],
    "How the learning rate changes after the warm-up.",
)
_SCHEDULE_STEPS = flags.DEFINE_integer(
    "schedule_steps",
    None,
    "The step at which cosine has come down (by default the budget), the steps after which step "
    "divides the rate by 10 (a third of it), or the timescale of inverse_square_root (a tenth).",
)
_WARMUP_STEPS = flags.DEFINE_integer(
    "warmup_steps", 0, "Steps in which the learning rate climbs to its value."
)
_CLIP_NORM = flags.DEFINE_float(
    "clip_norm", None, "Scale gradients down to this global norm; by default they are left."
)
_EMA_DECAY = flags.DEFINE_float(
    "ema_decay", 0.0, "Evaluate a moving average of the weights that decays so; 0 is none."
)
_DROPOUT = flags.DEFINE_float("dropout", 0.0, "Share of hidden outputs that a training step drops.")
_LABEL_SMOOTHING = flags.DEFINE_float(
    "label_smoothing", 0.0, "Weight of the training labels that is spread over all classes."
)
_VARY = flags.DEFINE_multi_string(
    "vary",
    [],
    "A hyperparameter that members have different values of, in turn, as "
    "learning_rate=0.001,0.003,0.01; may be given for several.",
)
_PRECISION = flags.DEFINE_enum_class(
    "precision",
    Precision.FLOAT32,
    Precision,
    "What forward and backward passes compute in; parameters are float32 always.",
)
_SUSTAIN = flags.DEFINE_integer(
    "sustain",
    None,
    "Evaluations in a row that must be at the target before it counts as reached; 2 by default, 5 "
    "with --plateau.",
)
_SMOOTHING = flags.DEFINE_integer(
    "smoothing", 1, "Compare the mean of this many last evaluations with the target."
)
_PLATEAU = flags.DEFINE_list(
    "plateau",
    None,
    "Tolerances, instead of --target: a member has converged when the metric stays within the "
    "smallest of its own best.",
)
_DIVERGENCE_FACTOR = flags.DEFINE_float(
    "divergence_factor",
    None,
    "A member has also diverged when its validation loss exceeds this many times the loss of its "
    "first batch (of one below 0: when it rose by that factor less 1, times its size); by default "
    "only when a loss is not finite.",
)


def optimizer_spec(learning_rate: float) -> OptimizerSpec:
    """The optimizer of the flags at one rate; UsageError for a flag that would do nothing.

    Prodigy finds its rate itself, and leaves an experiment's default one alone.
    """
    name = _OPTIMIZER.value
    if name == "prodigy" and not flags.FLAGS["learning_rate"].present:
        learning_rate = ProdigySpec().learning_rate
    plain = _OPTIMIZERS[name](learning_rate)
    flag_values = {"momentum": _MOMENTUM.value, "weight_decay": _WEIGHT_DECAY.value}
    given = {field: value for field, value in flag_values.items() if value is not None}
    for field, value in given.items():
        if not hasattr(plain, field):
            raise UsageError(
                f"{field} is {value}, but {name} takes none: drop --{field}, or pass "
                f"--optimizer={_TAKERS[field]}"
            )
    return _OPTIMIZERS[name](learning_rate, **given)


def named_optimizer(name: str, learning_rate: float) -> OptimizerSpec:
    """One of those that --optimizer knows, plain."""
    return _OPTIMIZERS[name](learning_rate)


def recipe_spec(budget_steps: int) -> RecipeSpec:
    """What surrounds the optimizer; UsageError for a budget that no schedule can be made of."""
    if not 0 < budget_steps <= MAX_EXAMPLES:
        raise UsageError(
            f"budget_steps is {budget_steps}; it must lie in [1, {MAX_EXAMPLES}]: pass another "
            "--budget_steps"
        )
    return RecipeSpec(
        schedule=_schedule(budget_steps),
        warmup_steps=_WARMUP_STEPS.value,
        clip_norm=_CLIP_NORM.value,
        ema_decay=_EMA_DECAY.value,
        dropout=_DROPOUT.value,
        label_smoothing=_LABEL_SMOOTHING.value,
    )


def _schedule(budget_steps: int) -> ScheduleSpec:
    steps = _SCHEDULE_STEPS.value
    if steps is not None and steps <= 0:
        raise UsageError(f"schedule_steps is {steps}; it must be positive: pass a larger one")
    match _SCHEDULE.value:
        case "cosine":
            return CosineSchedule(steps or budget_steps)
        case "step":
            return StepSchedule(steps or -(-budget_steps // 3))
        case "inverse_square_root":
            return InverseSquareRootSchedule(steps or -(-budget_steps // 10))
        case _:
            if steps is not None:
                raise UsageError(
                    f"schedule_steps is {steps}, but a constant schedule takes none: drop it, or "
                    "pass --schedule=cosine"
                )
            return ConstantSchedule()


def target_spec(metric: Metric | NamedMetric, thresholds: Sequence[str]) -> TargetSpec:
    """The target of the flags; thresholds may come in any order."""
    tolerances = _PLATEAU.value
    plateau = tolerances is not None
    if plateau and flags.FLAGS["target"].present:
        raise UsageError("target and plateau were given; a study has one rule: drop either")
    ordered = sorted(
        set(
            _numbers("target", thresholds)
            if tolerances is None
            else _numbers("plateau", tolerances)
        ),
        reverse=plateau or metric.direction is Direction.MINIMIZE,
    )
    default = 5 if plateau else 2
    return TargetSpec(
        metric=metric,
        thresholds=tuple(ordered),
        sustain=default if _SUSTAIN.value is None else _SUSTAIN.value,
        smoothing=_SMOOTHING.value,
        rule=Rule.PLATEAU if plateau else Rule.THRESHOLD,
    )


def varied() -> tuple[Varied, ...]:
    """What differs between members; UsageError for a flag that it would overrule."""
    found = tuple(varied_values("vary", text) for text in _VARY.value)
    for one in found:
        name = one.hyperparameter.value
        if flags.FLAGS[name].present:
            raise UsageError(f"{name} is given, and varies over the members: drop --{name}")
    return found


def varied_values(flag: str, text: str) -> Varied:
    """`weight_decay=0,0.01` as a flag has it."""
    name, _, values = text.partition("=")
    names = [one.value for one in Hyperparameter]
    if name not in names:
        raise UsageError(
            f"{flag} is {text!r}; what can vary is {', '.join(names)}: pass "
            f"--{flag}={_VARY_EXAMPLES[flag]}"
        )
    return Varied(Hyperparameter(name), _numbers(f"{flag}={name}", values.split(",")))


def divergence_factor() -> float | None:
    """See the flag."""
    return _DIVERGENCE_FACTOR.value


def precision() -> Precision:
    """What members compute in."""
    return _PRECISION.value


def _numbers(flag: str, texts: Sequence[str]) -> tuple[float, ...]:
    try:
        return tuple(float(text) for text in texts)
    except ValueError:
        raise UsageError(
            f"{flag.replace('=', ' ')} is {','.join(texts)!r}; it must be numbers: "
            f"pass --{flag}=0.5,0.6"
        ) from None
