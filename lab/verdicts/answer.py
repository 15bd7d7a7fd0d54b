"""The study's answer in one sentence.

Declared beforehand as the answer: the hardest target, in steps; FLOPs and seconds are told besides,
since "faster" may mean any. Where steps are not asked for, the study's first clock takes their
place.
"""

from collections import Counter
from collections.abc import Sequence

from lab.statistics.multiplicity import benjamini_hochberg, e_benjamini_hochberg, holm
from lab.verdicts import language
from lab.verdicts.findings import Finding
from lab.verdicts.licence import claim, incomplete, joint_claim
from lab.verdicts.reading import DIRECTED
from lab.verdicts.words import Modifier, Verdict
from lab.words import Clock

_BESIDE = (Clock.FLOPS, Clock.SECONDS)
_OPENINGS = {
    Verdict.SMALLER_FASTER: "Yes for this pair, which proves nothing about other pairs",
    Verdict.LARGER_FASTER: "Not always",
    Verdict.CROSSING: "Not at every point of training",
    Verdict.EQUIVALENT: "No difference that matters here",
    Verdict.UNDECIDED: "Not settled",
    Verdict.NOT_REACHED: "Not answered",
    Verdict.GRID_TOO_COARSE: "Not answered",
}
_TALLY = {
    Verdict.SMALLER_FASTER: "the smaller net was faster in {}",
    Verdict.LARGER_FASTER: "the larger in {}",
    Verdict.CROSSING: "the lead changed in {}",
    Verdict.EQUIVALENT: "the two were equivalent in {}",
    Verdict.UNDECIDED: "{} undecided",
    Verdict.NOT_REACHED: "{} never reached",
    Verdict.GRID_TOO_COARSE: "{} on too coarse a grid",
}


def answer(findings: Sequence[Finding]) -> str:
    """From the findings of all contrasts, clocks and targets of a study; the hardest comes last."""
    if not findings:
        return "No answer: the study declares no contrast."
    main = Clock.STEPS if any(one.clock is Clock.STEPS for one in findings) else findings[0].clock
    chosen = _hardest(findings, main)
    beside = [_hardest(findings, clock) for clock in _BESIDE if clock is not main]
    told = _of_one(chosen[0], beside) if len(chosen) == 1 else _of_many(chosen, beside)
    warnings = dict.fromkeys(fault for one in chosen for fault in one.warnings)
    return " ".join([*language.warning(warnings), told])


def _hardest(findings: Sequence[Finding], clock: Clock) -> list[Finding]:
    """One finding a contrast, in the order of the study."""
    by_contrast = {
        (one.smaller.summary.name, one.larger.summary.name): one
        for one in findings
        if one.clock is clock
    }
    return list(by_contrast.values())


def _of_one(finding: Finding, beside: Sequence[Sequence[Finding]]) -> str:
    parts = [f"in {finding.clock.label}, {language.headline(finding)}"]
    if Modifier.INCOMPLETE in finding.decision.modifiers:
        return f"Not settled: {parts[0]}."
    parts += [_on_another(other, finding) for others in beside for other in others]
    if finding.decision.verdict is Verdict.LARGER_FASTER:
        parts += ["so a smaller net that converges later is no sign of a fault by itself"]
    parts += [*incomplete([finding]), f"measured {claim(finding)}"]
    return f"{_OPENINGS[finding.decision.verdict]}: {'; '.join(parts)}."


def _on_another(other: Finding, finding: Finding) -> str:
    verdict = other.decision.verdict
    directed = verdict in (Verdict.SMALLER_FASTER, Verdict.LARGER_FASTER)
    whose = "first" if directed else "smaller first"
    share = f"({whose} in {language.share_of_pairs(other.decision)})"
    if verdict is finding.decision.verdict:
        told = "" if verdict is Verdict.NOT_REACHED else f" {share}"
        return f"counted in {other.clock.label} the verdict is the same{told}"
    words = {
        Verdict.SMALLER_FASTER: f"the smaller net was faster {share}",
        Verdict.LARGER_FASTER: f"the larger net was faster {share}",
        Verdict.CROSSING: "the lead changes in the course of training",
        Verdict.EQUIVALENT: f"the two are equivalent {share}",
        Verdict.UNDECIDED: f"it is undecided {share}{_for_want(other)}",
        Verdict.NOT_REACHED: "neither reached the target within the common budget",
        Verdict.GRID_TOO_COARSE: "the evaluations are too far apart to tell",
    }
    return f"but counted in {other.clock.label}, {words[verdict]}"


def _for_want(finding: Finding) -> str:
    timed = Modifier.TIMING in finding.decision.modifiers
    return ", for a step was timed too roughly" if timed else ""


def _of_many(findings: Sequence[Finding], beside: Sequence[Sequence[Finding]]) -> str:
    first = findings[0]
    parts = [
        f"of {len(findings)} pairs of sizes, in {first.clock.label} to "
        f"{language.goal(first.declared, first.target)}, {_tally(findings)}"
    ]
    if any(Modifier.INCOMPLETE in one.decision.modifiers for one in findings):
        return f"Not settled, members are still missing: {parts[0]}."
    parts += _standing(findings)
    parts += [
        f"counted in {others[0].clock.label}, {_tally(others)}" for others in beside if others
    ]
    parts += [*incomplete(findings), f"measured {joint_claim(findings, _all_nets(findings))}"]
    return f"{opening(findings, 'pair')}: {'; '.join(parts)}."


def _standing(findings: Sequence[Finding]) -> list[str]:
    """How many of the directions are left where the share of false ones among them is bounded."""
    named = [one.decision.verdict in DIRECTED for one in findings]
    if not any(named):
        return []
    alpha = findings[0].margins.alpha_win
    evidence = [one.decision.log_e_value for one in findings]
    known = [value for value in evidence if value is not None]
    if len(known) == len(findings):
        left, how = e_benjamini_hochberg(known, alpha), "e-values, Wang and Ramdas"
    else:
        adjusted = benjamini_hochberg([one.decision.p_value for one in findings])
        left, how = [value <= alpha for value in adjusted], "Benjamini and Hochberg"
    count = sum(one and kept for one, kept in zip(named, left, strict=True))
    return [
        f"{count} of these {sum(named)} directions stand where the share of false ones is held to "
        f"{100 * alpha:g}% ({how})"
    ]


def _all_nets(findings: Sequence[Finding]) -> str:
    names = {side.summary.name for one in findings for side in (one.smaller, one.larger)}
    return "both nets" if len(names) == 2 else "all nets"


def opening(findings: Sequence[Finding], noun: str) -> str:
    """'Always' and 'not always' by section 3's rules, over all in the tested set, each a `noun`."""
    margins = findings[0].margins
    verdicts = [one.decision.verdict for one in findings]
    adjusted = holm([one.decision.p_value for one in findings])
    refuted = [
        p_value
        for verdict, p_value in zip(verdicts, adjusted, strict=True)
        if verdict is Verdict.LARGER_FASTER and p_value <= margins.alpha_win
    ]
    if set(verdicts) == {Verdict.SMALLER_FASTER}:
        return f"Yes in every tested {noun}, which proves nothing about others"
    if refuted:
        return f"Not always (Holm's p {_p_value(min(refuted))} over the {len(findings)} {noun}s)"
    if Verdict.LARGER_FASTER in verdicts:
        return f"Perhaps not always, though no single {noun} shows it after Holm's correction"
    return "Not settled"


def _tally(findings: Sequence[Finding]) -> str:
    counts = Counter(one.decision.verdict for one in findings)
    told = [text.format(counts[verdict]) for verdict, text in _TALLY.items() if counts[verdict]]
    if counts[Verdict.LARGER_FASTER] and not counts[Verdict.SMALLER_FASTER]:
        told[0] = f"the larger net was faster in {counts[Verdict.LARGER_FASTER]}"
    return ", ".join(told)


def _p_value(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.3f}"
