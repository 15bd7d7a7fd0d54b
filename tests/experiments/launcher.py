"""Runs an experiment's command line many times for the price of one import.

    python tests/experiments/launcher.py experiments.width

Reads one JSON request a line: {"arguments": [...], "kill": [place, count] or null, "environment":
{...}}. Each becomes a forked process of its own, with its own flags, streams and exit status, as a
user's would be; JAX has not yet started a backend when it forks. Answers one JSON line: status,
stdout and stderr. `kill` ends the process by SIGKILL at the count-th time it comes to a place:

    "start"        when the study is written, and before anything is compiled
    "record"       before a dispatch is recorded
    "half record"  when its curves are written, but its members are not
    "checkpoint"   when Orbax has begun to save in the background
"""

import functools
import importlib
import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from experiments import _flags
from lab import studies
from lab.records import store
from lab.training import runner
from lab.training.checkpoints import Checkpoints


def main() -> None:
    module = importlib.import_module(sys.argv[1])
    for line in sys.stdin:
        request = json.loads(line)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = os.fork()
            if child == 0:
                become(module, request, out.fileno(), err.fileno())
            _, wait = os.waitpid(child, 0)
            answer: dict[str, Any] = {"status": os.waitstatus_to_exitcode(wait)}
            for name, stream in (("stdout", out), ("stderr", err)):
                stream.seek(0)
                answer[name] = stream.read().decode()
        print(json.dumps(answer), flush=True)


def become(module: Any, request: dict[str, Any], out: int, err: int) -> NoReturn:
    """The forked process; it never returns to the loop above."""
    status: Any = 1
    try:
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdin.close()
        os.environ.update(request["environment"])
        if request["kill"] is not None:
            die_at(*request["kill"])
        sys.argv = [str(module.__file__), *request["arguments"]]
        _flags.run_main(module.main)
        status = 0
    except SystemExit as end:
        status = end.code
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else 0 if status is None else 1)


def die_at(place: str, count: int) -> None:
    """Puts SIGKILL in the way, and checkpoints after every turn where they are what is tested."""
    left = count

    def step(action: Callable[..., Any], *, before: bool) -> Callable[..., Any]:
        def stepped(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0 and before:
                os.kill(os.getpid(), signal.SIGKILL)
            result = action(*arguments, **named)
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return stepped

    match place:
        case "start":
            studies.run = step(runner.run, before=True)
        case "record":
            store.RunFolder.append = step(store.RunFolder.append, before=True)
        case "half record":
            store.write_part = step(store.write_part, before=False)
        case "checkpoint":
            Checkpoints.save = step(Checkpoints.save, before=False)
            run = runner.run
            studies.run = functools.partial(run, checkpoint_seconds=0.0)


if __name__ == "__main__":
    main()
