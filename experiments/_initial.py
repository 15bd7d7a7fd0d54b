"""The flags of the state that members start from, and how they become a spec."""

from absl import flags

from experiments._trust import TRUST
from lab.errors import UsageError
from lab.records.files import given_path
from lab.specs import InitialSpec, SourceSpec
from lab.words import Parametrisation, Scheme, Use

_INIT = flags.DEFINE_enum_class(
    "init",
    Scheme.FAMILY,
    Scheme,
    "How kernels and embeddings are drawn; family is what suits the architecture.",
)
_DEVIATION = flags.DEFINE_float(
    "deviation", None, "Standard deviation of --init=truncated_normal, as 0.02."
)
_ZERO_BRANCHES = flags.DEFINE_bool(
    "zero_branches", False, "Start every residual branch at 0, so that its block is the identity."
)
_ZERO = flags.DEFINE_list(
    "zero",
    [],
    "Tensors that start at 0: paths, or modules with all that is in them, as Dense_2/kernel or "
    "Dense_2; regular expressions.",
)
_PRETRAINED = flags.DEFINE_string(
    "pretrained",
    None,
    "Start all members from trained weights: an Orbax checkpoint's folder, or RUN:COHORT:MEMBER, a "
    "member of an earlier run, which is trained again to its hit or its end.",
)
_MATCHED = flags.DEFINE_string(
    "matched",
    None,
    "Draw each tensor with the mean and variance that it has in these trained weights; named as "
    "for --pretrained.",
)
_FRESH = flags.DEFINE_list(
    "fresh", [], "With --pretrained or --matched: tensors that are drawn anew, named as for --zero."
)
_FROZEN = flags.DEFINE_list(
    "frozen",
    [],
    "Tensors that are never updated, named as for --zero; batch statistics go on following the "
    "batches.",
)
_PARAMETRISATION = flags.DEFINE_enum_class(
    "parametrisation",
    Parametrisation.STANDARD,
    Parametrisation,
    "mup scales draws and learning rates of each tensor with the width, so that one learning rate "
    "fits all widths.",
)
_BASE_WIDTH = flags.DEFINE_float(
    "base_width", None, "With mup: the width at which it is the standard parametrisation."
)


flags.declare_key_flag("trust")


def initial_spec() -> InitialSpec:
    """The initial state of the flags; UsageError for flags that contradict each other."""
    if _PRETRAINED.value is not None and _MATCHED.value is not None:
        raise UsageError(
            "pretrained and matched were given; weights are taken, or their mean and variance: "
            "drop either"
        )
    matched = _MATCHED.value is not None
    named = _MATCHED.value if matched else _PRETRAINED.value
    source = None if named is None else _source(named)
    if TRUST.value and (source is None or source.cohort is None):
        raise UsageError(
            "trust is given, but no member of another run is trained again, whose code it would "
            "be about: drop --trust, or pass --pretrained=RUN:COHORT:MEMBER"
        )
    return InitialSpec(
        scheme=_INIT.value,
        deviation=_DEVIATION.value,
        zero_branches=_ZERO_BRANCHES.value,
        zero=tuple(_ZERO.value),
        source=source,
        use=Use.MATCHED if matched else Use.PRETRAINED,
        fresh=tuple(_FRESH.value),
        frozen=tuple(_FROZEN.value),
        parametrisation=_PARAMETRISATION.value,
        base_width=_BASE_WIDTH.value,
    )


def _source(text: str) -> SourceSpec:
    """A whole path, so that the study means the same wherever it is read."""
    folder, *member = text.rsplit(":", 2)
    if len(member) == 2 and member[1].isdecimal():
        return SourceSpec(_whole(folder), member[0], int(member[1]))
    return SourceSpec(_whole(text))


def _whole(folder: str) -> str:
    return str(given_path("pretrained", folder).resolve()) if folder else ""
