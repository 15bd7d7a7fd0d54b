"""The answer over all runs, in plain words first, then cause by cause."""

from collections.abc import Sequence

from lab.quantities import percent
from lab.reports.across_tables import agreement_table, cell_table, example_table
from lab.reports.blocks import Answer, Block, Heading, Lines, Paragraph
from lab.reports.turning import HOW_SHARES
from lab.verdicts.across import (
    Agreement,
    Always,
    Cell,
    Family,
    Licence,
    Run,
    agreements,
    always,
    families,
)
from lab.verdicts.reading import DIRECTED
from lab.verdicts.twins import agree
from lab.verdicts.words import Verdict
from lab.words import Cause, Clock

QUESTION = "Do smaller neural nets always converge faster than larger ones?"
EXAMPLES = 5
_OPENINGS = {
    Always.ALWAYS: "Yes in all that was tested, which proves nothing about the rest.",
    Always.NOT_ALWAYS: "No, not always.",
    Always.OPEN: "Not settled by these runs.",
}
_RULES = (
    "A cell is one contrast of a smaller and a larger net, on one clock, to its hardest target. "
    "Each clock is a question of its own; examples that repeat steps are not counted twice. "
    "'Always, in the tested set' takes the direction in every cell, each at its own level; 'not "
    "always' takes one cell with the opposite direction after Holm's correction over all cells of "
    "that clock. Cells whose nets have equal counts of parameters are shown and corrected for, but "
    "say nothing of smaller and larger. No finite set of cells proves that something is always so. "
    "Time ratio: the mean time of the smaller over the larger's, a member that never got there "
    "counting with the whole time compared; its interval holds wherever between two evaluations "
    "the times lie. Step cost: what a step of the larger costs over one of "
    "the smaller on that clock."
)


def page(runs: Sequence[Run], notes: Sequence[str]) -> list[Block]:
    """`notes` name runs that were left out, or that asked the same."""
    found = families(runs)
    blocks: list[Block] = [Heading(1, QUESTION), Answer(headline(found))]
    blocks += [Paragraph(_family(one)) for one in found if one.about_size]
    blocks += _counter_examples(found)
    blocks += _tuning(found)
    blocks.append(Heading(2, "Cause by cause"))
    for cause in [*Cause, None]:
        mine = [one for one in runs if one.study.cause is cause]
        if mine:
            blocks += _cause(cause, mine, found)
    blocks += [Heading(2, "How to read this"), Paragraph(_RULES), Paragraph(HOW_SHARES)]
    blocks += [Heading(2, "The runs"), Lines(tuple(f"{one.name}: {_asked(one)}" for one in runs))]
    return blocks + ([Lines(tuple(notes))] if notes else [])


def _asked(run: Run) -> str:
    least = min((one.members for one in run.study.cohorts), default=0)
    return f"{run.study.question} ({len(run.study.contrasts)} contrasts, {least} members or more)"


def headline(found: Sequence[Family]) -> str:
    """The answer in a few sentences: one clock on which it is not always so is enough."""
    answers = [one.always(Verdict.SMALLER_FASTER) for one in found]
    refuted = Always.NOT_ALWAYS in answers
    told = [_OPENINGS[Always.NOT_ALWAYS if refuted else max(answers, key=list(Always).index)]]
    told += [f"In {one.clock.label}, {_tally(one.cells)}." for one in found if one.about_size]
    told += _others([one.cells for one in found])
    against = [
        (one, each) for one in found for each in one.counter_examples(Verdict.SMALLER_FASTER)
    ]
    # Clock by clock in their order, but a licensed one of any clock before others.
    against.sort(key=lambda pair: pair[1].licence is Licence.UNTUNED)
    for family, one in against[:1]:
        told.append(f"The strongest counter-example: {_example(one)}.")
        told.append(_of_size(one, family.twins(one)))
    return " ".join(told)


def _of_size(one: Cell, twins: Sequence[Cell]) -> str:
    """Whether it speaks of size as such, which takes rates both tuned and transferred."""
    if one.licence is Licence.UNTUNED:
        return (
            "No counter-example here has rates tuned for each size, so these speak of nets as they "
            "were trained, not of size as such."
        )
    other = "transferred" if one.licence is Licence.TUNED else "tuned"
    known = [each for each in twins if each.licence is not Licence.UNTUNED]
    apart = [each for each in known if not agree(one.verdict, each.verdict)]
    if apart:
        return (
            f"With rates {other} instead the verdict is {apart[0].verdict.value} (run "
            f"{apart[0].run}), so it depends on tuning and is no claim about size as such."
        )
    if known:
        return f"With rates {other} instead the same net is faster (run {known[0].run})."
    why = (
        f"with rates {other} the tuning is incomplete (run {twins[0].run})"
        if twins
        else f"the same nets with rates {other} were not measured"
    )
    return f"A claim about size as such takes rates both tuned and transferred, and {why}."


def _family(one: Family) -> str:
    cells = one.about_size
    alpha = max(cell.alpha for cell in cells)
    stand = sum(cell.stands for cell in cells)
    directed = sum(cell.verdict in DIRECTED for cell in cells)
    small, large = (one.always(way) for way in (Verdict.SMALLER_FASTER, Verdict.LARGER_FASTER))
    return (
        f"In {one.clock.label}, over {_number(len(cells))}: the smaller net faster? "
        f"{_sentence(small.value)}. The larger net faster? {_sentence(large.value)}. {stand} of "
        f"{directed} directions stand where the share of false ones is held to {100 * alpha:g}% "
        "(Benjamini and Hochberg)."
    )


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def _tally(cells: Sequence[Cell]) -> str:
    """Of cells that compare sizes."""
    sized = [one for one in cells if one.about_size]
    counts = [
        sum(one.verdict is way for one in sized)
        for way in (Verdict.SMALLER_FASTER, Verdict.LARGER_FASTER)
    ]
    return (
        f"of {_number(len(sized))} the smaller net was faster in {counts[0]}, the larger in "
        f"{counts[1]}, neither in {len(sized) - sum(counts)}"
    )


def _others(clocks: Sequence[Sequence[Cell]]) -> list[str]:
    """A sentence of those that do not count for or against, if there are any on some clock."""
    count = max(sum(not one.about_size for one in cells) for cells in clocks)
    if not count:
        return []
    compare, are = ("compares", "is") if count == 1 else ("compare", "are")
    return [
        f"On each clock {_number(count)} {compare} nets of equal parameter counts, which says "
        f"nothing of size, and {are} not counted."
    ]


def _number(count: int) -> str:
    return f"{count} {'cell' if count == 1 else 'cells'}"


def _example(one: Cell) -> str:
    larger = one.verdict is Verdict.LARGER_FASTER
    chance = one.win
    ends = (chance.estimate, chance.lower, chance.upper)
    if larger:
        ends = 1 - chance.estimate, 1 - chance.upper, 1 - chance.lower
    estimate, lower, upper = map(percent, ends)
    at = f" at {_cause_words(one)}" if one.level else ""
    return (
        f"{one.smaller} against {one.larger}{at}, where in {one.clock.label} the "
        f"{'larger' if larger else 'smaller'} reached {one.goal} first in {estimate} [{lower}, "
        f"{upper}] of random pairs ({', '.join(one.licence_words)}; run {one.run})"
    )


def _cause_words(one: Cell) -> str:
    return f"{one.cause.value} {one.level}" if one.cause else one.level


def _counter_examples(found: Sequence[Family]) -> list[Block]:
    blocks: list[Block] = []
    for one in found:
        for faster, word in (
            (Verdict.SMALLER_FASTER, "smaller"),
            (Verdict.LARGER_FASTER, "larger"),
        ):
            against = one.counter_examples(faster)
            if against:
                title = f"In {one.clock.label}, against 'the {word} is always faster'"
                blocks += [Heading(3, title), example_table(against[:EXAMPLES])]
    if not blocks:
        return []
    text = (
        "After Holm's correction over all cells of the clock; those with rates tuned for each size "
        f"first, then by the end of the interval nearest to one half. At most {EXAMPLES} of each."
    )
    return [Heading(2, "The strongest counter-examples"), Paragraph(text), *blocks]


def _tuning(found: Sequence[Family]) -> list[Block]:
    pairs: list[Agreement] = [each for one in found for each in agreements(one)]
    if not pairs:
        return []
    agreed = sum(one.agree for one in pairs)
    text = (
        f"Measured both with rates tuned for each size and with rates transferred: {len(pairs)} "
        f"contrasts, of which {agreed} name the same direction twice. Only those are claims about "
        "size; of the others the answer depends on tuning."
    )
    return [Heading(2, "Tuned and transferred"), Paragraph(text), agreement_table(pairs)]


def _cause(cause: Cause | None, runs: Sequence[Run], found: Sequence[Family]) -> list[Block]:
    names = {one.name for one in runs}
    blocks: list[Block] = [Heading(3, _sentence(cause.value if cause else "no cause declared"))]
    clocks = [(family.clock, [one for one in family.cells if one.run in names]) for family in found]
    lines = [
        f"In {clock.label}, {_tally(cells)}: {_in_one_word(cells)}."
        for clock, cells in clocks
        if any(one.about_size for one in cells)
    ]
    lines += _others([cells for _, cells in clocks])
    blocks += [Lines(tuple(lines)), cell_table(_in_order(runs, found))]
    flips = [
        one.sentence
        for run in runs
        for kind in (run.verdict.flips.levels, run.verdict.flips.cost_ratios)
        for one in kind
    ]
    if flips:
        blocks += [Paragraph("Where the order turns:"), Lines(tuple(dict.fromkeys(flips)))]
    shares = [one.sentence for run in runs for one in run.verdict.shares]
    if shares:
        blocks += [Paragraph("What share of the gap it explains:"), Lines(tuple(shares))]
    return blocks


def _in_one_word(cells: Sequence[Cell]) -> str:
    small, large = (always(cells, way) for way in (Verdict.SMALLER_FASTER, Verdict.LARGER_FASTER))
    if Always.ALWAYS in (small, large):
        return f"the {'smaller' if small is Always.ALWAYS else 'larger'} always, in the tested set"
    if small is large is Always.NOT_ALWAYS:
        return "neither always"
    if Always.NOT_ALWAYS in (small, large):
        return f"the {'smaller' if small is Always.NOT_ALWAYS else 'larger'} not always"
    return "not settled"


def _in_order(runs: Sequence[Run], found: Sequence[Family]) -> list[Cell]:
    """Run by run, contrast by contrast, clock by clock."""
    names = [one.name for one in runs]
    cells = [cell for family in found for cell in family.cells if cell.run in names]
    place: dict[tuple[str, str, str, str], int] = {}
    for one in cells:
        place.setdefault(_contrast(one), len(place))
    clocks = list(Clock)
    return sorted(
        cells,
        key=lambda one: (names.index(one.run), place[_contrast(one)], clocks.index(one.clock)),
    )


def _contrast(one: Cell) -> tuple[str, str, str, str]:
    return one.run, one.level, one.smaller, one.larger
