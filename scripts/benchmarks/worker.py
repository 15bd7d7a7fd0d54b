"""One engine on one workload, in a process of its own: a JSON event a line on stdout.

python -m benchmarks.worker ENGINE SECONDS FOLDER
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.engine import Engine, resident_bytes, timed
from benchmarks.work import Work
from benchmarks.workloads import JAX_LOOP, JAX_VMAP, LANES, LANES_ON_XLA, TORCH_LOOP, TORCH_VMAP


def engine_maker(name: str) -> Callable[[Work], Engine]:
    """The engine of that name; only its own library is imported."""
    if name in (TORCH_LOOP, TORCH_VMAP):
        from benchmarks import torch_engines

        return {TORCH_LOOP: torch_engines.torch_loop, TORCH_VMAP: torch_engines.torch_vmap}[name]
    import jax

    from benchmarks import jax_engines
    from lab.training.devices import use_all_cores

    if name in (LANES, LANES_ON_XLA):
        use_all_cores()
    # A compilation that was kept from an earlier run would be timed as one that took no time.
    jax.config.update("jax_enable_compilation_cache", False)
    return {
        LANES: jax_engines.lanes,
        LANES_ON_XLA: jax_engines.lanes_on_xla,
        JAX_LOOP: jax_engines.jax_loop,
        JAX_VMAP: jax_engines.jax_vmap,
    }[name]


def main() -> None:
    """The program."""
    name, seconds, folder = sys.argv[1:]
    make = engine_maker(name)
    work = Work.load(Path(folder))
    baseline = resident_bytes()
    for event in timed(make(work), float(seconds), baseline):
        print(json.dumps(event), flush=True)


if __name__ == "__main__":
    main()
