"""The answer of a study with a cause: which net is first at which of its levels."""

from collections.abc import Mapping, Sequence

from lab.specs import CohortSpec
from lab.verdicts import language
from lab.verdicts.answer import opening
from lab.verdicts.findings import Finding
from lab.verdicts.flips import Flips, in_order, is_number, series_of
from lab.verdicts.licence import incomplete, joint_claim, licence, untold
from lab.verdicts.reading import DIRECTED
from lab.verdicts.shares import Share
from lab.verdicts.twins import agree, training
from lab.verdicts.words import Modifier, Verdict
from lab.words import Cause, Clock

_TOLD = {
    Verdict.SMALLER_FASTER: "the smaller net was faster at {}",
    Verdict.LARGER_FASTER: "the larger at {}",
    Verdict.CROSSING: "the lead changed at {}",
    Verdict.EQUIVALENT: "the two were equivalent at {}",
    Verdict.UNDECIDED: "it is undecided at {}",
    Verdict.NOT_REACHED: "nobody got there at {}",
    Verdict.GRID_TOO_COARSE: "the grid is too coarse at {}",
}
_LISTED = 6


def level_answer(
    findings: Sequence[Finding],
    cause: Cause | None,
    flips: Flips,
    shares: Sequence[Share],
) -> str:
    """At the hardest target, in steps first; with one sentence of flips and one of shares.

    And one of each pair of nets that was measured with rates tuned and with rates transferred.
    """
    found = series_of(findings)
    clocks = list(dict.fromkeys(clock for clock, _ in found))
    clocks.sort(key=lambda clock: clock is not Clock.STEPS)
    by_clock = {
        clock: [one for key, series in found.items() if key[0] is clock for one in series]
        for clock in clocks
    }
    main = by_clock[clocks[0]]
    warnings = dict.fromkeys(fault for one in main for fault in one.warnings)
    noun = f"levels of {cause.value}" if cause else "levels"
    tally = _named if _by_architecture(cause) else _tally
    told = [
        f"over the {len({one.level for one in main})} {noun}, in {clocks[0].label} to "
        f"{language.goal(main[0].declared, main[0].target)}, {tally(main)}"
    ]
    if any(Modifier.INCOMPLETE in one.decision.modifiers for one in main):
        sentences = [f"Not settled, members are still missing: {told[0]}."]
    else:
        told += [f"counted in {one.label}, {tally(by_clock[one])}" for one in clocks[1:]]
        told += [*incomplete(main), f"measured {joint_claim(main, 'both nets')}"]
        first = "At an equal count" if _by_architecture(cause) else opening(main, "cell")
        sentences = [f"{first}: {'; '.join(told)}."]
        sentences += [one.sentence for one in flips.levels if one.clock is clocks[0]][:1]
        sentences += _tuned_and_transferred(by_clock)
        sentences += [one.sentence for one in _telling(shares, clocks[0])]
    return " ".join([*language.warning(warnings), *sentences])


def _by_architecture(cause: Cause | None) -> bool:
    """Then which net is the smaller is a matter of a few parameters, and says nothing."""
    return cause is Cause.ARCHITECTURE


def _named(findings: Sequence[Finding]) -> str:
    """Who was first, by name."""
    told = []
    for one in findings:
        names = one.smaller.summary.name, one.larger.summary.name
        match one.decision.verdict:
            case Verdict.SMALLER_FASTER:
                told.append(f"{names[0]} before {names[1]}")
            case Verdict.LARGER_FASTER:
                told.append(f"{names[1]} before {names[0]}")
            case other:
                told.append(f"{names[0]} against {names[1]} {other.value}")
    return ", ".join(told)


def _tuned_and_transferred(by_clock: Mapping[Clock, Sequence[Finding]]) -> list[str]:
    """Of nets that were measured both ways, which a claim about size takes: whether both agree."""
    pairs: dict[object, dict[Clock, tuple[Finding, Finding]]] = {}
    for clock in (Clock.STEPS, Clock.FLOPS):
        found = by_clock.get(clock, ())
        tuned, moved = (_by_nets(found, kind) for kind in (Modifier.TUNED, Modifier.TRANSFERRED))
        for nets, one in tuned.items():
            if nets in moved:
                pairs.setdefault(nets, {})[clock] = one, moved[nets]
    return [_agreement(pair) for pair in pairs.values()]


def _by_nets(findings: Sequence[Finding], kind: Modifier) -> dict[object, Finding]:
    return {
        (training(one.smaller.spec), training(one.larger.spec)): one
        for one in findings
        if isinstance(one.smaller.spec, CohortSpec)
        and isinstance(one.larger.spec, CohortSpec)
        and licence(one) is kind
    }


def _agreement(pair: Mapping[Clock, tuple[Finding, Finding]]) -> str:
    tuned, moved = next(iter(pair.values()))
    opening = f"Of {_sizes(tuned)} tuned and transferred rates"
    if untold(tuned) or untold(moved):
        return f"{opening} cannot be held against each other, tuning being incomplete."
    told = [
        _held(one.decision.verdict, other.decision.verdict, clock)
        for clock, (one, other) in pair.items()
    ]
    return f"{opening} {', '.join(told)}."


def _held(tuned: Verdict, moved: Verdict, clock: Clock) -> str:
    if agree(tuned, moved):
        faster = "smaller" if tuned is Verdict.SMALLER_FASTER else "larger"
        return f"agree in {clock.label} (the {faster} is faster)"
    if tuned not in DIRECTED and moved not in DIRECTED:
        return f"both name no direction in {clock.label}"
    return f"disagree in {clock.label} ({tuned.value} against {moved.value}: it depends on tuning)"


def _tally(findings: Sequence[Finding]) -> str:
    """Of every pair of sizes that the levels have in common, at which of them which was faster."""
    by_sizes: dict[str, list[Finding]] = {}
    for one in findings:
        by_sizes.setdefault(_sizes(one), []).append(one)
    if len(by_sizes) == 1:
        return _tally_of_one(findings)
    return ", ".join(f"of {sizes} {_tally_of_one(found)}" for sizes, found in by_sizes.items())


def _sizes(one: Finding) -> str:
    """By parameters; by names where nobody counted them."""
    nets = one.smaller.summary, one.larger.summary
    if any(each.parameters is None for each in nets):
        return " and ".join(each.name for each in nets)
    return f"{nets[0].parameters:,} and {nets[1].parameters:,} parameters"


def _tally_of_one(findings: Sequence[Finding]) -> str:
    by_verdict: dict[Verdict, list[Finding]] = {}
    for one in in_order(findings):
        by_verdict.setdefault(one.decision.verdict, []).append(one)
    repeated = len({one.level for one in findings}) < len(findings)
    told = [
        words.format(_listed(by_verdict[verdict], repeated))
        for verdict, words in _TOLD.items()
        if verdict in by_verdict
    ]
    if Verdict.SMALLER_FASTER not in by_verdict and Verdict.LARGER_FASTER in by_verdict:
        told[0] = told[0].replace("the larger at", "the larger net was faster at")
    return ", ".join(told)


def _listed(findings: Sequence[Finding], repeated: bool) -> str:
    """Their levels; of many the ends of those that are numbers."""
    numbers = [one for one in findings if is_number(one.level)]
    ends = [_level(one, repeated) for one in (numbers or findings)]
    if len(findings) > _LISTED and len(ends) > 1:
        beside = [_level(one, repeated) for one in findings if numbers and one not in numbers]
        words = f"{', '.join(beside)} and " if beside else ""
        return f"{len(findings)} of them, {words}from {ends[0]} to {ends[-1]}"
    levels = [_level(one, repeated) for one in findings]
    return " and ".join([", ".join(levels[:-1]), levels[-1]] if len(levels) > 1 else levels)


def _level(one: Finding, repeated: bool) -> str:
    """With the names where a level comes more than once."""
    names = f"{one.smaller.summary.name} against {one.larger.summary.name}"
    return f"{one.level} ({names})" if repeated else one.level


def _telling(shares: Sequence[Share], clock: Clock) -> list[Share]:
    """The level that explains most, of those that are estimable."""
    known = [one for one in shares if one.share is not None and one.clock is clock]
    return sorted(known, key=lambda one: -one.share.estimate if one.share else 0.0)[:1]
