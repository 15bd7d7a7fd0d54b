"""Prints the digest of each member's curve on 1, 2 and 8 of eight forced host devices.

A program of its own, for the number of devices is fixed when JAX starts.
"""

import collections
import hashlib
import json

import jax
import numpy as np
from toys import TWO_CLASSES, easy_images, mlp_cohort

from lab.training.lanes import Layout, make_lanes, replicated
from lab.training.member import make_member
from lab.training.resident import make_resident


def digests(devices: int) -> dict[int, str]:
    """By member, of eight blocks of one lane."""
    cohort, used = mlp_cohort(), jax.devices()[:devices]
    program = make_lanes(make_member(cohort, TWO_CLASSES), cohort, Layout(8, 1), 2, used)
    data = jax.device_put(make_resident(easy_images()), replicated(used))
    lanes, ended, curves = program.empty(), 0, collections.defaultdict(hashlib.sha256)
    while ended < cohort.members:
        lanes, trace = jax.device_get(
            program.advance(jax.device_put(lanes, program.sharding), data)
        )
        for at in zip(*np.nonzero(trace.active), strict=True):
            curves[int(trace.info.member[at])].update(trace.info.metrics_M[at].tobytes())
        ended += int((trace.active & trace.info.ended).sum())
    return {member: curve.hexdigest() for member, curve in sorted(curves.items())}


if __name__ == "__main__":
    print(json.dumps([digests(devices) for devices in (1, 2, 8)]))
