"""The state that members start from, and which of it they train."""

import dataclasses
import re

from lab.errors import UsageError
from lab.specs.dials import dials, with_dial
from lab.specs.models import ModelSpec
from lab.specs.optimizers import (
    AdamSpec,
    AdamWSpec,
    LionSpec,
    NAdamSpec,
    OptimizerSpec,
    RMSPropSpec,
    SGDSpec,
)
from lab.specs.rules import require, require_positive
from lab.words import Parametrisation, Scheme, Use

ENTRYWISE = (AdamSpec, AdamWSpec, NAdamSpec, RMSPropSpec, LionSpec)
"""Their steps do not grow with the gradient: Adam's row of Yang et al. 2022, table 3."""

HAVE_MUP = (*ENTRYWISE, SGDSpec)
"""For the others no rule is known that keeps updates alike over widths.

Adagrad starts from an accumulator that gradients of wide nets are small against; LAMB, Muon,
Prodigy and schedule-free AdamW scale whole tensors by norms of their own.
"""


@dataclasses.dataclass(frozen=True, slots=True)
class SourceSpec:
    """Where trained weights lie: an Orbax checkpoint's `folder`, or a member of a run's.

    With `cohort` and `member` the folder is a run's, and the member is trained again to its hit,
    or to its end where it has none.
    """

    folder: str
    cohort: str | None = None
    member: int | None = None

    def __post_init__(self) -> None:
        require(
            bool(self.folder),
            "the folder of the trained weights is empty: pass --pretrained=FOLDER",
        )
        require(
            (self.cohort is None) == (self.member is None),
            f"a member is named by cohort {self.cohort!r} and number {self.member}; it takes both "
            "or none: pass --pretrained=RUN:COHORT:MEMBER, or --pretrained=FOLDER",
        )
        require(
            self.member is None or self.member >= 0,
            f"member is {self.member}; members count from 0: pass another --pretrained",
        )


@dataclasses.dataclass(frozen=True, slots=True)
class InitialSpec:
    """How weights are drawn or what they are taken from, which are frozen, and muP.

    A pattern is a regular expression for the path of a tensor, or of a module with all that is in
    it: `Dense_0`, `Dense_0/kernel`, `.*/bias`. `deviation` is that of truncated normal draws. With
    `zero_branches` the tensor that ends each residual branch starts at 0; `zero` names others.
    From a `source` all is taken (`use`) but what is `fresh`, which is drawn. What is `frozen` is
    never updated. Under muP a net of width `base_width` is the standard one.
    """

    scheme: Scheme = Scheme.FAMILY
    deviation: float | None = None
    zero_branches: bool = False
    zero: tuple[str, ...] = ()
    source: SourceSpec | None = None
    use: Use = Use.PRETRAINED
    fresh: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()
    parametrisation: Parametrisation = Parametrisation.STANDARD
    base_width: float | None = None

    def __post_init__(self) -> None:
        truncated = self.scheme is Scheme.TRUNCATED_NORMAL
        require(
            truncated or self.deviation is None,
            f"deviation is {self.deviation}, but {self.scheme.value} draws have one of their own: "
            "drop --deviation, or pass --init=truncated_normal",
        )
        require(
            not truncated or self.deviation is not None,
            "truncated normal draws need a deviation: pass --deviation=0.02",
        )
        if self.deviation is not None:
            require_positive(self, "deviation")
        for flag in ("zero", "fresh", "frozen"):
            _require_patterns(flag, getattr(self, flag))
        self._require_a_source_that_fits()
        mup = self.parametrisation is Parametrisation.MUP
        require(
            mup or self.base_width is None,
            f"base_width is {self.base_width}, which is muP's: drop --base_width, or pass "
            "--parametrisation=mup",
        )
        require(
            not mup or self.base_width is not None,
            "muP needs the width at which it is the standard parametrisation: pass --base_width",
        )
        if self.base_width is not None:
            require_positive(self, "base_width")

    def _require_a_source_that_fits(self) -> None:
        if self.source is None:
            require(
                not self.fresh,
                f"fresh names {', '.join(self.fresh)}, but all is drawn anew: drop --fresh, or "
                "pass --pretrained",
            )
            require(
                self.use is Use.PRETRAINED,
                "mean and variance are to be matched to weights that are not named: pass "
                "--matched=FOLDER",
            )
            return
        require(
            bool(self.fresh) or self.scheme is Scheme.FAMILY,
            f"weights come from {self.source.folder}, so that none is a {self.scheme.label} draw: "
            "drop --init, or name parts that are drawn by --fresh",
        )
        require(
            not self.zero_branches,
            "the ends of branches cannot be 0 and come from trained weights: drop --zero_branches, "
            "or name fresh ones by --zero",
        )

    @property
    def draws(self) -> bool:
        """Whether anything may differ from one member to the next."""
        return self.source is None or self.use is Use.MATCHED or bool(self.fresh)


def at_width(model: ModelSpec, width: float) -> ModelSpec:
    """The model with another width, of its dial's own type; UsageError where it has no such."""
    known = dials(model)
    require(
        "width" in known,
        f"muP scales with the width, but a {type(model).__name__} has no such dial: pass "
        "--parametrisation=standard",
    )
    require(
        not getattr(model, "tied", False),
        "under muP embeddings and the last layer differ in scale, so they cannot be one tensor: "
        "set tied to false",
    )
    whole = isinstance(known["width"], int)
    require(
        not whole or float(width).is_integer(),
        f"base_width is {width}; widths of a {type(model).__name__} are whole: pass another "
        "--base_width",
    )
    try:
        return with_dial(model, "width", width)
    except UsageError as error:
        raise UsageError(f"base_width is {width}, at which {error}") from error


def require_optimizer_with_mup(optimizer: OptimizerSpec) -> None:
    """UsageError where no rule is known for it."""
    require(
        isinstance(optimizer, HAVE_MUP),
        f"muP has no rule for {type(optimizer).__name__.removesuffix('Spec')}; it has for sgd, "
        "nesterov, adam, adamw, nadam, rmsprop and lion: pass --optimizer=adam",
    )


def matches(pattern: str, path: str) -> bool:
    """Whether the tensor at `path` ("/"-joined) is the pattern's, or lies in its module."""
    return re.fullmatch(f"(?:{pattern})(?:/.*)?", path) is not None


def _require_patterns(flag: str, patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise UsageError(
                f"{flag} has {pattern!r}, which is no regular expression ({error}): pass a path "
                f"as --{flag}=Dense_0"
            ) from error
        require(bool(pattern), f"{flag} has an empty pattern: pass a path as --{flag}=Dense_0")
