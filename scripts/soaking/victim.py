"""A race of widths with SIGKILL in its way.

    python -m soaking.victim PLACE COUNT CHECKPOINT_SECONDS --flag=...

Dies at the COUNT-th time it comes to PLACE; with "nowhere" it is left to whoever started it.

    "part"        within the writing of a file of records, half of whose bytes are on disk
    "between"     when a dispatch's curves are written and its members are not
    "checkpoint"  a few milliseconds after Orbax began to write in the background
"""

import functools
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments import _flags, width
from lab import studies
from lab.records import parts, store
from lab.training import runner
from lab.training.checkpoints import Checkpoints

MILLISECONDS = 1e-3


def main() -> None:
    """Puts the kill in place, then is the experiment."""
    place, count, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    sys.argv = [width.__file__, *sys.argv[4:]]
    studies.run = functools.partial(runner.run, checkpoint_seconds=seconds)
    die_at(place, count)
    _flags.run_main(width.main)


def die() -> None:
    """As `kill -9` from outside."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(place: str, count: int) -> None:
    """Wraps what the place is about, so that its count-th call is the last."""
    left = count

    def last() -> bool:
        nonlocal left
        left -= 1
        return left == 0

    def torn(write: Callable[..., Any]) -> Callable[..., Any]:
        def written(path: Path, content: bytes) -> None:
            if last():
                half = path.with_name(f".{path.name}.{os.getpid()}.tmp")
                half.parent.mkdir(parents=True, exist_ok=True)
                half.write_bytes(content[: len(content) // 2])
                die()
            write(path, content)

        return written

    def after(action: Callable[..., Any], milliseconds: int) -> Callable[..., Any]:
        def done(*arguments: Any, **named: Any) -> Any:
            dies = last()
            if dies and milliseconds:
                threading.Timer(milliseconds * MILLISECONDS, die).start()
            result = action(*arguments, **named)
            if dies and not milliseconds:
                die()
            return result

        return done

    match place:
        case "part":
            parts.write_whole = torn(parts.write_whole)
        case "between":
            store.write_part = after(store.write_part, 0)
        case "checkpoint":
            Checkpoints.save = after(Checkpoints.save, 3 * count)  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
