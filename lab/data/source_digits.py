"""Which of scikit-learn's handwritten digits belongs to which split, in every set made of them."""

import numpy as np

SPLIT_DIGITS = {"train": 1297, "validation": 200, "test": 300}
"""Source digits in each split; together all 1797."""

_ORDER_ADDRESS = 1797


def split_digits() -> dict[str, np.ndarray]:
    """The source indices of each split: a partition of 0..1796, the same on every machine.

    The digits are dealt at random: neighbours in the source are by the same hand, so that cutting
    it into stretches would give each split writers of its own.
    """
    order = np.random.default_rng(_ORDER_ADDRESS).permutation(sum(SPLIT_DIGITS.values()))
    ends = np.cumsum(list(SPLIT_DIGITS.values()))
    return dict(zip(SPLIT_DIGITS, np.split(order, ends[:-1]), strict=True))
