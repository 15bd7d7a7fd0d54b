"""Runs many commands of scripts/compare: one import, a fork each, which draws no pictures."""

import json
import os
import sys

from experiments import _compare
from experiments._analysis import run_analysis
from lab.reports import figures


def main() -> None:
    """A list of argument lists on standard input; fails with the first command that does."""
    figures.draw_all = lambda *_: ()  # type: ignore[assignment]
    for arguments in json.load(sys.stdin):
        child = os.fork()
        if not child:
            sys.argv = ["compare", *arguments]
            run_analysis(_compare.main)
        _, status = os.waitpid(child, 0)
        if status:
            sys.exit(f"{' '.join(arguments)} ended with status {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    main()
