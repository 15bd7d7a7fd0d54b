"""What scripts/luck prints of a cohort: spread, restarts, one's own run, sources of chance."""

import math
import textwrap

from lab.quantities import percent
from lab.reports import formatting
from lab.reports.tables import Table
from lab.reports.text import WIDTH
from lab.statistics.components import MOST_AT_HORIZON, Component, Components, Term
from lab.statistics.intervals import Interval
from lab.statistics.placing import Place, Placed, State
from lab.statistics.restarts import MINIMUM, Restarts
from lab.verdicts import language
from lab.verdicts.luck import Luck, OwnRun
from lab.words import Factor

_APART = (
    "No two members are known to share a seed, so what the initial weights and the data order "
    "each do cannot be told apart here."
)
_FACTORS = {
    Factor.INIT.value: "initial weights",
    Factor.ORDER.value: "data order",
    Factor.DROPOUT.value: "dropout",
    Factor.SPLIT.value: "training examples",
}
READING = (
    "Shares are of the variance of the log of the steps, never counting as the last step; 'factor' "
    "is what one standard deviation multiplies the time by. What remains is what the lab repeats "
    "with all the seeds named here held, and every seed that is not named."
)


def told(luck: Luck) -> str:
    """All that is known of one cohort, in paragraphs and tables."""
    heading = f"{luck.cohort}: steps to {language.goal(luck.goal, luck.target)}"
    parts = [
        heading,
        _wrap(_counts(luck)),
        _spread(luck).text("  "),
        _wrap(_restarts(luck.restarts, luck.horizon)),
    ]
    if luck.own is not None and luck.placed is not None:
        parts.append(_wrap(_place(luck.own, luck.placed)))
    if luck.components is None:
        parts.append(_wrap(_APART))
    else:
        parts += _components(luck.components)
    return "\n\n".join(parts)


def _counts(luck: Luck) -> str:
    text = (
        f"{formatting.count(luck.reached)} of {formatting.count(luck.members)} members reached it "
        f"by step {formatting.count(luck.horizon)}; {formatting.count(luck.diverged)} diverged. "
        "Those that did not count as never."
    )
    if luck.members < luck.declared:
        text += (
            f" This cohort is not finished: {formatting.count(luck.declared - luck.members)} of "
            f"{formatting.count(luck.declared)} members are missing, mostly slow ones, so all that "
            "follows makes it look too fast."
        )
    return text


def _spread(luck: Luck) -> Table:
    rows = tuple(
        (percent(one.quantile), formatting.median(one, luck.horizon)) for one in luck.quantiles
    )
    return Table(("of members by", "steps (95% interval)"), rows, frozenset({0, 1}))


def _restarts(best: Restarts | None, horizon: int) -> str:
    if best is None:
        return "Restarts: nobody reached it, so there is no cut-off to advise."
    at_budget = f"{best.cost_at_budget:,.0f} steps a success"
    if best.cutoff_time == horizon:
        return (
            "Restarts: waiting is best; no earlier cut-off cost less than a restart at step "
            f"{formatting.count(horizon)} ({at_budget})."
        )
    costs = (
        f"giving a run up at step {best.cutoff_time:,.0f} and starting it again with fresh seeds "
        f"cost {best.cost:,.0f} steps a success here, against {at_budget} with a restart at step "
        f"{formatting.count(horizon)}"
    )
    if best.ratio is None:
        return (
            f"Restarts: {costs}; with fewer than {MINIMUM} that reached it, or hardly any by then, "
            "that may be chance."
        )
    upper = "no bound" if best.ratio.upper is None else f"{best.ratio.upper:.2f}"
    lean = (
        f"{best.ratio.estimate:.2f} [{best.ratio.lower:.2f}, {upper}] times the "
        "cost, allowing for the cut-off having been chosen on these members"
    )
    advice = "restart" if best.pays else "this does not show that restarts pay"
    return f"Restarts: {advice}: {costs}; for further runs {lean}."


def _place(own: OwnRun, placed: Placed) -> str:
    running = own.state is State.RUNNING
    what = {
        State.REACHED: f"reached at step {formatting.count(own.step)}",
        State.NEVER: "never within the budget",
        State.RUNNING: f"not there at step {formatting.count(own.step)}, still running",
    }[own.state]
    one = placed.percentile
    least = "at least " if running else ""
    where = (
        f"later than {least}{percent(one.estimate)} [{percent(one.lower)}, {percent(one.upper)}] "
        f"of {formatting.count(placed.members)} members, ties half"
    )
    chance = (
        f"a run of this kind is as late or later with p {'at most ' if running else ''}"
        f"{placed.late_p:.3f}"
    )
    if not running:
        chance += f", as early or earlier with p {placed.early_p:.3f}"
    return f"Your run ({what}) lies {where}; {chance}. {_WORDS[placed.place]}{_limit(placed)}"


_WORDS = {
    Place.WITHIN: "That is within the central 95%: luck alone can explain it.",
    Place.OPEN: "So far nothing is unusual.",
    Place.LATE: "That is outside of the central 95%: look for a fault, or for a difference from "
    "this cohort's recipe, before blaming luck.",
    Place.EARLY: "That is outside of the central 95%, on the early side: check that the target "
    "and the data are the same.",
}


def _limit(placed: Placed) -> str:
    if placed.can_flag:
        return ""
    return (
        f" But {formatting.count(placed.members)} members cannot flag any run: no p lies below "
        f"{placed.smallest_p:.3f}; 39 members or more can."
    )


def _components(found: Components) -> list[str]:
    if not found.interpretable:
        return [
            _wrap(
                f"Where chance enters: {percent(found.at_horizon)} of members did not reach it, "
                f"more than {percent(MOST_AT_HORIZON)}; the spread of their times was not seen, so "
                "it is not divided. Ask for an easier --target."
            )
        ]
    note = (
        ""
        if found.balanced
        else " The design is not balanced (not all crossed members are there), so there are no "
        "intervals."
    )
    if any(one.truncated for one in found.components):
        note += " 0*: the estimate was below 0, and 0 stands in its place."
    return [
        f"Where chance enters ({percent(found.at_horizon)} of {found.members} members at the last "
        "step)",
        _table(found).text("  "),
        _wrap(READING + note),
    ]


def _table(found: Components) -> Table:
    rows = tuple(
        (
            _name(one.term),
            formatting.count(one.levels) if one.term else formatting.NONE,
            _share(one),
            formatting.NONE
            if one.variance is None
            else f"×{math.exp(math.sqrt(one.variance)):.2f}",
        )
        for one in found.components
    )
    return Table(("source", "levels", "share (95% interval)", "factor"), rows, frozenset({1, 2, 3}))


def _share(one: Component) -> str:
    if one.variance is None:
        return "not estimable"
    if one.share is None:
        return formatting.NONE
    told = percent(one.share) + ("*" if one.truncated else "")
    return told + _ends(one.share_interval)


def _ends(interval: Interval | None) -> str:
    return "" if interval is None else f" ({percent(interval.lower)} to {percent(interval.upper)})"


def _name(term: Term) -> str:
    if not term:
        return "what remains"
    return " × ".join(" with ".join(_FACTORS[name] for name in bundle) for bundle in term)


def _wrap(text: str) -> str:
    return textwrap.fill(text, WIDTH)
