"""A user's own model and task, by where their code is; nothing of it is imported here."""

import dataclasses
import json
import re
from typing import Any, ClassVar

from lab.documents import parsed
from lab.specs.data import DataSpec
from lab.specs.models.family import Family
from lab.specs.rules import require
from lab.specs.target import NamedMetric
from lab.words import Metric

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_COLUMNS = ("member", "evaluation", "step", Metric.LOSS.value)
"""What a table of curves has already."""


@dataclasses.dataclass(frozen=True, slots=True)
class OwnModelSpec(Family):
    """A class of Flax linen or nnx, `package.module:Class`, and what it is constructed with.

    `kwargs` is a JSON object; it is kept with sorted keys, so that equal models are equal specs.
    """

    path: str
    kwargs: str = "{}"

    drops_out: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _require_path(self.path, "model", "Class")
        object.__setattr__(self, "kwargs", _canonical(self.kwargs, "model_kwargs"))

    @property
    def draws(self) -> bool:
        """It may: only its code can tell."""
        return True

    @property
    def arguments(self) -> dict[str, Any]:
        """`kwargs`, read."""
        return dict(json.loads(self.kwargs))


@dataclasses.dataclass(frozen=True, slots=True)
class OwnTaskSpec:
    """A function `package.module:function` that gives data, loss and metrics (`OwnTask`).

    `metrics` are what it measures, the loss first, and `target` the metric and threshold that it
    names as its own; both are resolved before a study is made (`lab.data.own.resolve_task`), so
    that whoever reads a study needs no code of the user's.
    """

    path: str
    kwargs: str = "{}"
    metrics: tuple[Metric | NamedMetric, ...] = (Metric.LOSS,)
    target: tuple[str, float] | None = None

    def __post_init__(self) -> None:
        _require_path(self.path, "task", "function")
        object.__setattr__(self, "kwargs", _canonical(self.kwargs, "task_kwargs"))
        require_metrics(self.path, self.metrics)
        names = [metric.value for metric in self.metrics]
        require(
            self.target is None or self.target[0] in names,
            f"{self.path} names a target of {(self.target or [''])[0]!r}, which it does not "
            f"measure: name one of {', '.join(names)}",
        )

    @property
    def arguments(self) -> dict[str, Any]:
        """`kwargs`, read."""
        return dict(json.loads(self.kwargs))

    @property
    def name(self) -> str:
        """As it stands in a sentence, where a data set's name would."""
        return self.path

    @property
    def subject(self) -> str:
        """What is learned, as it stands in a sentence."""
        return self.path


AnyDataSpec = DataSpec | OwnTaskSpec
"""What is learned from, whoever says what is minimised and measured."""


def require_metrics(owner: str, metrics: tuple[Metric | NamedMetric, ...]) -> None:
    """UsageError unless the loss comes first and the others have names that a table can have."""
    require(
        metrics[:1] == (Metric.LOSS,),
        f"the metrics of {owner} do not begin with the loss, which is measured always",
    )
    names = [metric.value for metric in metrics]
    for name in names[1:]:
        require(
            _NAME.fullmatch(name) is not None and name not in _COLUMNS,
            f"metric {name!r} of {owner} cannot name a column of a table; use letters, digits and "
            f"_, and none of {', '.join(_COLUMNS)}",
        )
        require(
            names.count(name) == 1, f"{owner} measures {name} twice: give each metric its own name"
        )


def _require_path(path: str, flag: str, kind: str) -> None:
    module, _, name = path.partition(":")
    parts = [*module.split("."), *name.split(".")]
    require(
        ":" in path and all(part.isidentifier() for part in parts),
        f"{flag} is {path!r}; it must name a {kind.lower()} of a module: pass "
        f"--{flag}=package.module:{kind}",
    )


def _canonical(text: str, flag: str) -> str:
    example = f"""pass --{flag}='{{"width": 8}}'"""

    def refused(constant: str) -> None:
        raise ValueError(f"{constant} is no number of JSON")

    try:
        found = json.loads(text, parse_constant=refused, object_pairs_hook=_without_doubles)
        parsed(text)  # For how deep it is nested.
    except RecursionError:
        require(False, f"{flag} is nested too deep to be read: {example}")
    except ValueError as error:
        reason = " ".join(str(error).split())
        require(False, f"{flag} is {text!r}, which is no JSON ({reason}): {example}")
    require(isinstance(found, dict), f"{flag} is {text!r}; it must be a JSON object: {example}")
    return json.dumps(found, sort_keys=True, ensure_ascii=False)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found
