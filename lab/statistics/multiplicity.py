"""Several hypotheses at once."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that bound the chance of any false rejection, whatever the dependence.

    Holm 1979.
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1) if len(values) else steps
    return [float(value) for value in adjusted]


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that bound the expected share of false rejections among all rejections.

    Benjamini and Hochberg 1995; for independent or positively dependent p-values.
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    steps = values[order] * len(values) / np.arange(1, len(values) + 1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1)
    return [float(value) for value in adjusted]


def e_benjamini_hochberg(log_e_values: Sequence[float], alpha: float) -> list[bool]:
    """Which hypotheses e-values reject, with that bound whatever the dependence.

    The k largest, for the largest k of which the k-th is n/(k alpha) or more; Wang and Ramdas 2022,
    JRSS B 84:822. From log e-values, which may be infinite.
    """
    values = np.asarray(log_e_values, dtype=np.float64)
    order = np.argsort(-values, kind="stable")
    ranks = np.arange(1, len(values) + 1)
    enough = np.flatnonzero(values[order] >= np.log(len(values) / (ranks * alpha)))
    rejected = np.zeros(len(values), bool)
    rejected[order[: enough[-1] + 1 if len(enough) else 0]] = True
    return [bool(value) for value in rejected]
