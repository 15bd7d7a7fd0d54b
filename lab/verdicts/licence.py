"""What a verdict may be claimed of, by how the nets came by their rates (STATISTICS, section 2)."""

from collections import Counter
from collections.abc import Sequence

from lab.quantities import in_turn
from lab.specs import AnyCohortSpec, CohortSpec, TunedSpec
from lab.verdicts.findings import Entrant, Finding
from lab.verdicts.words import Modifier, Verdict

NO_CLAIM = "no claim about size in general"
ONE_SEARCH = "for these tuned rates: another search may find others"
FORBIDDEN = (Verdict.SMALLER_FASTER, Verdict.LARGER_FASTER, Verdict.CROSSING)
"""Verdicts that name a direction, at some time at least: none where tuning is incomplete."""
_SHORT = {
    Modifier.TRAINED_ELSEWHERE: "trained elsewhere",
    Modifier.ONE_SHARED_RATE: "at one shared rate",
    Modifier.AS_CONFIGURED: "as configured",
    Modifier.TUNED: "with each net tuned",
    Modifier.TRANSFERRED: "with rates transferred by muP",
}


def licence(finding: Finding) -> Modifier:
    """The row of section 2's table that holds for the two nets."""
    if finding.trained_elsewhere:
        return Modifier.TRAINED_ELSEWHERE
    tuned = finding.smaller.tuned, finding.larger.tuned
    if tuned[0] is not None and tuned[1] is not None:
        if tuned[0].source is not None and tuned[0].source == tuned[1].source:
            return Modifier.TRANSFERRED
        return Modifier.TUNED if _equal(tuned[0], tuned[1]) else Modifier.AS_CONFIGURED
    if tuned == (None, None) and finding.rates_shared:
        return Modifier.ONE_SHARED_RATE
    return Modifier.AS_CONFIGURED


def _equal(one: TunedSpec, other: TunedSpec) -> bool:
    """Whether equal effort went into both searches, of rates that were searched for at all."""
    searches = one.search == other.search and one.trials == other.trials
    return searches and one.source is None and other.source is None


def is_tuned_through(spec: AnyCohortSpec) -> bool:
    """Whether no search for its rate was left without an end."""
    return not isinstance(spec, CohortSpec) or spec.tuned is None or spec.tuned.complete


def untold(finding: Finding) -> list[Entrant]:
    """Those nets of which it is not known that their rate is the best, though it was sought."""
    return [side for side in _sides(finding) if not is_tuned_through(side.spec)]


def incomplete(findings: Sequence[Finding]) -> list[str]:
    """What is wrong with the searches of such nets, and what to do, in one part of a sentence."""
    untuned = [side for one in findings for side in untold(one)]
    if not untuned:
        return []
    why = "; ".join(dict.fromkeys(map(_why, untuned)))
    if all(map(untold, findings)):
        return [f"no direction may be named, for {why}"]
    names = " or ".join(dict.fromkeys(side.summary.name for side in untuned))
    return [f"no direction may be named where {names} is compared, for {why}"]


def _why(side: Entrant) -> str:
    tuned, name = side.tuned, side.summary.name
    if tuned is None:
        raise ValueError(f"cohort {name!r} was not tuned")
    if tuned.source not in (None, name):
        return (
            f"the rate that {name} has from {tuned.source} is not shown to be the best there "
            "(--tune=grid searches for each)"
        )
    return (
        f"the best rate of {name} cannot be told from an end of those tried, {tuned.lowest:g} to "
        f"{tuned.highest:g} (pass a larger --tune_decades or --tune_extensions; where few arrive, "
        "a larger --tune_repeats or --budget_steps)"
    )


def claim(finding: Finding, nets: str = "both nets") -> str:
    """What the verdict may be claimed of; `nets` names those that a shared rate was used for."""
    match licence(finding):
        case Modifier.TRAINED_ELSEWHERE:
            return (
                "as the curves came: how the nets were trained, and how their rates were chosen, "
                f"nobody recorded, so {NO_CLAIM}"
            )
        case Modifier.ONE_SHARED_RATE:
            rate = in_turn(finding.smaller.learning_rates)
            return f"at learning rate {rate} for {nets}, not tuned for each size: {NO_CLAIM}"
        case Modifier.TUNED | Modifier.TRANSFERRED:
            return f"{_tuned(finding)}, at {_rates(finding)}; {ONE_SEARCH}"
        case _:
            return f"as configured, at {_rates(finding)}, {_effort(finding)}: {NO_CLAIM}"


def _rates(finding: Finding) -> str:
    smaller, larger = (in_turn(side.learning_rates) for side in _sides(finding))
    return f"learning rates {smaller} (smaller net) and {larger} (larger net)"


def _tuned(finding: Finding) -> str:
    """The licensed words, without the rates."""
    tuned = finding.larger.tuned
    if tuned is None:
        raise ValueError("the larger net was not tuned")
    if tuned.source is not None:
        return f"with rates transferred from {tuned.source} by muP"
    how = tuned.search.method.value
    return f"when each is tuned with {tuned.trials} trials of this search ({how})"


def _effort(finding: Finding) -> str:
    """Why the rates license no more."""
    trials = [0 if side.tuned is None else side.tuned.trials for side in _sides(finding)]
    if trials == [0, 0]:
        return "not tuned with equal effort"
    return f"found by searches of unequal kind or effort ({trials[0]} and {trials[1]} trials)"


def _sides(finding: Finding) -> tuple[Entrant, Entrant]:
    return finding.smaller, finding.larger


def joint_claim(findings: Sequence[Finding], nets: str) -> str:
    """What several verdicts may be claimed of together."""
    kinds = Counter(map(licence, findings))
    claims = {claim(one, nets) for one in findings}
    if len(claims) == 1:
        return claims.pop()
    if set(kinds) <= {Modifier.TUNED, Modifier.TRANSFERRED}:
        return f"{' or '.join(sorted(set(map(_tuned, findings))))}; {ONE_SEARCH}"
    if set(kinds) <= {Modifier.ONE_SHARED_RATE, Modifier.AS_CONFIGURED}:
        return f"as configured, at rates not tuned for each size: {NO_CLAIM}"
    told = ", ".join(f"{count} {_SHORT[kind]}" for kind, count in kinds.items())
    return f"under different licences ({told}): {NO_CLAIM} from all of them together"
