"""What the words of a verdict mean, and how far it reaches: for one new to survival analysis."""

from collections.abc import Iterable, Mapping
from typing import Any

from lab.reports.tables import Document
from lab.specs import StudySpec
from lab.words import Hyperparameter, Rule

_CLOCKS = {
    "steps": "a step is one update of the weights",
    "examples": "examples are the images a member has seen; with equal batch sizes this asks the "
    "same as steps",
    "flops": "FLOPs are XLA's count of one training step of one member as the lab runs it: "
    "forward, backward, normalisation and optimizer, but not evaluation. It is an "
    "implementation's count, not a theoretical one; a step of a larger network costs more. The "
    "stretch between two evaluations differs between the networks on this clock, so that it may "
    "be open which of two members was first; the intervals allow for that",
    "seconds": "seconds are those of a member that has one device of the machine to itself, "
    "without evaluation and compilation: how long one would wait for it, not what it costs in the "
    "ensemble. They were measured, and a verdict must hold at both ends of what they may be",
}
_WIN = (
    "smaller first",
    "Draw one member of each network at random: the chance that the smaller one's gets to the "
    "target first. Ties, and pairs in which neither gets there, count half; 50% is no difference. "
    "In brackets the interval in which the truth plausibly lies.",
)
_RATIO = (
    "time ratio",
    "Mean time to the target of the smaller over that of the larger. A member that never gets "
    "there counts with the whole time compared, so nobody is left out (the ratio of restricted "
    "means). Above 1 the smaller is slower: 1.20 means 20% more. The number takes each time at the "
    "evaluation that saw it; the interval allows for its lying anywhere since the one before.",
)
_UP_TO = (
    "up to",
    "The longest time for which both networks were watched; nothing is claimed beyond it.",
)
VERDICTS = {
    "smaller faster": "The smaller network's members reach the target earlier, and at no time does "
    "the larger lead.",
    "larger faster": "The larger network's members reach the target earlier, and at no time does "
    "the smaller lead.",
    "crossing": "One network leads early and the other late, so neither is simply faster.",
    "equivalent": "The difference is shown to be smaller than the margins declared before the run.",
    "undecided": "The data at hand do not settle it: that takes more members or evaluations closer "
    "together, and is no evidence of equality.",
    "not reached": "No member of either network reached the target: there is nothing to compare.",
    "grid too coarse": "Most differ by less than one evaluation; evaluate more often.",
}
MODIFIERS = {
    "negligibly": "The difference is real, but within the margins that count as equivalent.",
    "smaller less reliable": "The smaller network diverged more often.",
    "larger less reliable": "The larger network diverged more often.",
    "grid-limited": "The order within one evaluation, which nobody saw, could change the verdict.",
    "time ratio grid-limited": "By times as they were seen the mean times differ, but not wherever "
    "between two evaluations the times lie: evaluations closer together would tell.",
    "same hypothesis as steps": "With equal batch sizes this repeats the comparison in steps: it "
    "is no second piece of evidence.",
    "one shared learning rate": "Both were trained alike, at one rate or the same ones in "
    "turn, which may suit one better.",
    "as configured": "Each network was trained as it was set up, without tuning, or with searches "
    "of unequal effort.",
    "tuned with equal searches": "Each network had its own learning rate, found by a search of "
    "equal effort on members apart. Another search may find other rates.",
    "rates transferred by muP": "The rate was searched for at the narrowest network, and carried "
    "to the others by muP. Another search may find other rates.",
    "tuning incomplete": "The best learning rate of one network may lie beyond those that were "
    "tried, so no direction is named.",
    "runs stopped early": "Some runs end before the target without having spent their budget. They "
    "count up to where they end, which assumes that they were not stopped for how they were doing.",
    "trained elsewhere": "The curves say nothing of how the networks were trained.",
    "sparse: judged by permutation too": "So few reached the target, or so many at one evaluation, "
    "that an exact permutation test had to agree.",
    "members in pairs": "Member i of one network had the same seeds as member i of the other, and "
    "the intervals count pairs.",
    "data orders are the replicates": "Several members saw the data in the same order, so the "
    "intervals count orders, not members.",
    "one data order": "All members saw the data in one order: nothing is said of any other.",
    "on the crossed seeds drawn": "Members share seeds of other kinds too; the intervals take the "
    "seeds drawn as given.",
    "sequential": "Members were added until this was clear. The intervals hold at whatever look "
    "one stops; the estimate, taken where one stopped, leans outward.",
    "planned looks": "Members were added until this was clear, at looks fixed beforehand; the "
    "intervals allow for that. The estimate, taken where one stopped, leans outward.",
    "seconds too uncertain": "At one end of what a step may take the verdict is another. Time the "
    "steps again on an idle machine; more members would not help.",
    "seconds only": "Neither steps nor FLOPs name this direction: it is a property of the machine "
    "and the program.",
    "a check of the members failed": "Members of one of the two cohorts are not what they should "
    "be; the warning says what was found. Do not rely on this verdict before knowing why.",
    "incomplete": "Not all members have ended.",
}


def glossary(contrasts: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The table's words with their meaning: columns, and the verdicts and notes that occur."""
    contrasts = list(contrasts)
    if not contrasts:
        return []
    clocks = dict.fromkeys(str(one["clock"]) for one in contrasts)
    meanings = "; ".join(_CLOCKS[clock] for clock in clocks if clock in _CLOCKS)
    verdicts = dict.fromkeys(str(one["verdict"]) for one in contrasts)
    modifiers = dict.fromkeys(str(word) for one in contrasts for word in one.get("modifiers", ()))
    return [
        ("clock", f"What time is counted in: {meanings}."),
        _UP_TO,
        *((word, VERDICTS[word]) for word in verdicts if word in VERDICTS),
        _WIN,
        _RATIO,
        *((word, MODIFIERS.get(word, "")) for word in modifiers),
    ]


def limits(study: StudySpec, document: Document) -> list[str]:
    """What a reader might conclude and should not."""
    data = ", ".join(dict.fromkeys(one.data.name for one in study.cohorts))
    rates = {one.values(Hyperparameter.LEARNING_RATE) for one in study.cohorts}
    shared = rates.pop() if len(rates) == 1 else ()
    found_or_given = "found" if any(one.tuned for one in study.cohorts) else "given"
    rate = (
        f"the one learning rate {shared[0]:g}"
        if len(shared) == 1
        else f"the rates {found_or_given}"
    )
    tuned = all(one.tuned is not None for one in study.cohorts)
    size = (
        "Another search, with more trials or another range, may find other rates."
        if tuned
        else "A claim about size as such needs learning rates tuned for each size, with equal "
        "effort and on other seeds."
    )
    found = [
        f"It speaks of these networks, on {data}, trained with {rate}. {size}",
        "Reaching the target early is not the same as ending best: members stop at the target, and "
        "where they would have gone from there is not recorded.",
        "Steps, FLOPs and seconds are different questions. FLOPs count arithmetic, not what a "
        "machine makes of it.",
        "Each time is known only to within one evaluation; times are told at the evaluation that "
        "saw them, intervals of times and of their ratios allow for any time since the one before.",
    ]
    if any(one.target.rule is Rule.PLATEAU for one in study.cohorts):
        found.append(
            "A plateau says that a member has stopped improving, not how good it is: one that "
            "stalls early counts as quick."
        )
    if any(one.get("verdict") == "undecided" for one in document["contrasts"]):
        found.append(
            "Undecided means that it takes more members, or evaluations closer together, to tell; "
            "not that there is no difference."
        )
    return found
