"""What a session tells of its members: how lanes stand, how far they are, how fast they went."""

import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from lab.printable import LINE_ANEW
from lab.training.planning import CohortPlan
from lab.training.progress import CohortProgress
from lab.words import Outcome

SECONDS_BETWEEN_LINES = 5.0

Say = Callable[[str], None]
"""Takes what is told, as plain text: a line, or several."""


def by_line(say: Say) -> Say:
    """Hands each line on by itself, without its end; an empty one parts what it stands between."""

    def tell(text: str) -> None:
        for line in text.split("\n"):
            say(line)

    return tell


def warn_on_stderr(line: str) -> None:
    """Prints a warning where it does not get between the lines of an answer."""
    print(f"warning: {line}", file=sys.stderr, flush=True)


def over_the_last(line: str) -> str:
    """The line as a terminal shows it in place of what stands in its last one; without an end."""
    columns = shutil.get_terminal_size().columns
    return f"{LINE_ANEW}{line[: columns - 1]}"


def layout_line(plan: CohortPlan) -> str:
    """How a cohort's lanes stand."""
    layout, devices = plan.layout, len(plan.devices)
    return (
        f"Lanes      {plan.cohort.name}: {layout.lanes} lanes, {layout.blocks} "
        f"{'block' if layout.blocks == 1 else 'blocks'} of {layout.width}, on {devices} "
        f"{'device' if devices == 1 else 'devices'} ({plan.devices[0].device_kind}); width "
        f"{plan.lane_width_chosen}"
    )


def throughput(ended: Sequence[CohortProgress]) -> dict[str, dict[str, float]]:
    """What environment.json keeps of how a session ran; cohorts that trained nothing are absent."""
    return {
        cohort.name: {
            "useful_fraction": cohort.useful_fraction,
            "member_steps_per_second": cohort.member_steps_per_second,
            "data_wait_fraction": cohort.data_seconds / cohort.seconds,
            "members_ended": cohort.ended_here,
            "device_seconds": cohort.device_seconds,
            "compile_seconds": cohort.compile_seconds,
            "compile_device_seconds": cohort.devices * cohort.compile_seconds,
        }
        for cohort in ended
        if cohort.useful_fraction is not None and cohort.member_steps_per_second is not None
    }


def throughput_lines(ended: Sequence[CohortProgress]) -> list[str]:
    """Of each cohort that was trained in this session."""
    known = throughput(ended)
    if not known:
        return ["Nothing was left to train."]
    return [
        f"{name}: {100 * one['useful_fraction']:.1f}% of the lane-steps run were members', "
        f"{one['member_steps_per_second']:,.0f} member-steps a second{_waited(one)}"
        for name, one in known.items()
    ]


def _waited(one: Mapping[str, float]) -> str:
    """Of data that are streamed; others are there."""
    share = one["data_wait_fraction"]
    return f", {100 * share:.1f}% of the time spent waiting for data" if share else ""


class Watcher:
    """Tells where members stand: a line every few seconds, or always where it can be shown."""

    def __init__(self, say: Say, show: Say | None = None) -> None:
        """`show` puts a line in place of the one that it showed last, as a terminal can."""
        self._say = say
        self._show = show
        self._started = time.monotonic()
        self._told = -SECONDS_BETWEEN_LINES

    def __call__(self, cohorts: tuple[CohortProgress, ...]) -> None:
        now = time.monotonic() - self._started
        done = all(cohort.done for cohort in cohorts)
        if not done and self._show is None and now - self._told < SECONDS_BETWEEN_LINES:
            return
        self._told = now
        line = progress_line(cohorts, now)
        if self._show is None:
            self._say(line)
            return
        self._show(line)
        if done:
            self._say("")  # What is said next begins on a line of its own.


def progress_line(cohorts: Sequence[CohortProgress], seconds: float) -> str:
    """One line: time since the start, members of each cohort, time left."""
    parts = [f"{_clock(seconds)} {_standing(cohort)}" for cohort in cohorts[:1]]
    parts += [_standing(cohort) for cohort in cohorts[1:]]
    lefts = [cohort.seconds_left for cohort in cohorts]
    known = [left for left in lefts if left is not None]
    if len(known) == len(lefts):
        left = sum(known)
        parts.append("done" if left == 0 else f"about {_clock(left)} left")
    return " | ".join(parts)


def _standing(cohort: CohortProgress) -> str:
    ended = cohort.ended
    counts = [
        f"{ended.get(Outcome.REACHED, 0)} reached",
        f"{cohort.running} running",
        f"{cohort.waiting} waiting",
        f"{ended.get(Outcome.EXHAUSTED, 0)} out of budget",
        f"{ended.get(Outcome.DIVERGED, 0)} diverged",
    ]
    shown = counts[:2] + [count for count in counts[2:4] if not count.startswith("0")] + counts[4:]
    return f"{cohort.name}: " + ", ".join(shown)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
