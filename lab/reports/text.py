"""What the command prints: the plan before the run, the answer after it."""

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from lab.quantities import flops
from lab.reports import (
    captions,
    data_words,
    explanations,
    formatting,
    recipes,
    tuning_text,
    turning,
)
from lab.reports.tables import Document, Records, cohort_table, contrast_table, pairs
from lab.specs import AnyDataSpec, CohortSpec, OwnTaskSpec, StudySpec
from lab.verdicts.clocks import last_start
from lab.verdicts.landmarks import SHARES_OF_HORIZON
from lab.verdicts.words import Modifier

WIDTH = 96
_LABEL = 11

READING = (
    "smaller first: the chance that a random member of the smaller network gets there before one "
    "of the larger (50% is no difference; ties and never against never count half). time ratio: "
    "mean time of the smaller over the larger's, where a member that never got there counts with "
    "the whole time compared; above 1 the smaller is slower."
)


def opening(study: StudySpec, costs: Mapping[str, Mapping[str, Any]]) -> str:
    """All that is declared before the run; `costs` is environment.json's `cohorts`."""
    lines = [_entry("Question", study.question)]
    for cohorts in alike(study):
        names = "" if len(cohorts) == len(study.cohorts) else _names(cohorts) + ": "
        lines += [_entry(label, names + text) for label, text in plan(cohorts[0])]
    lines += [
        _entry("Cohort" if index == 0 else "", cohort_line(one, costs.get(one.name, {})))
        for index, one in enumerate(study.cohorts)
    ]
    lines += [_entry("Contrasts", contrasts_line(study)), _entry("Margins", margins_line(study))]
    lines += [_entry(label, words) for label, words in looks_line(study)]
    return "\n".join(lines)


def closing(records: Records, document: Document, unfinished: str = "") -> str:
    """The verdict in sentences, a table of the cohorts, and one of the clocks for each contrast."""
    parts = [_wrap(str(document["answer"]))]
    if unfinished:
        parts.append(_wrap(unfinished))
    parts.append(cohort_table(document, records).text("  "))
    levels = turning.level_table(document)
    if levels is not None:
        parts.append(levels.text("  "))
    by_pair = pairs(document) if levels is None else {}
    for (smaller, larger), contrasts in by_pair.items():
        parts.append(
            "\n".join(
                [
                    f"{smaller} (smaller) against {larger} (larger)",
                    contrast_table(contrasts).text("  "),
                    *(_bullet(first) for first, _ in sentences(contrasts)),
                ]
            )
        )
    if lines := turning.brief(document):
        parts.append("\n".join(map(_bullet, lines)))
    if document.get("trend"):
        parts.append(_wrap(trend(document["trend"])))
    one_order = Modifier.ONE_DATA_ORDER.value
    if any(one_order in one.get("modifiers", ()) for one in document["contrasts"]):
        parts.append(_wrap(explanations.MODIFIERS[one_order]))
    if document["contrasts"]:
        parts.append(_wrap(READING))
    if document.get("tuning"):
        parts.append(f"Tuning\n{tuning_text.table(document).text('  ')}")
        parts += map(_wrap, tuning_text.explained(document))
    return "\n\n".join(parts)


def _data(data: AnyDataSpec) -> str:
    if isinstance(data, OwnTaskSpec):
        arguments = "" if data.kwargs == "{}" else f" of {data.kwargs}"
        measured = formatting.joined([metric.label for metric in data.metrics])
        return f"{data.path}{arguments}, code of your own, which measures {measured}"
    size = "" if data.image_size is None else f", images of {data.image_size} × {data.image_size}"
    cut = f", {data_words.text_words(data.text)}" if data.text else ""
    harder = "".join(f"; {words}" for words in data_words.difficulty_words(data))
    return (
        f"{data.name} ({data.task.value}{size}{cut}); "
        f"trained on {data.train_split or 'its train split'}"
        f", measured on {data.validation_split or 'its validation split, else the end of train'}"
        f"{harder}"
        f"{'. Training examples are streamed: all see them in one order' if data.streamed else ''}"
    )


def plan(cohort: CohortSpec) -> list[tuple[str, str]]:
    """Label and text of what cohorts that may be compared have in common."""
    target = cohort.target
    easier = [captions.goal(cohort, k) for k in range(len(target.thresholds) - 1)]
    also = f"; also watched: {formatting.joined(easier)}" if easier else ""
    sustain = (
        "at a single evaluation"
        if target.sustain == 1
        else f"at {target.sustain} evaluations in a row, the first of which is the time"
    )
    return [
        ("Data", _data(cohort.data)),
        (
            "Target",
            f"{captions.goal(cohort)} on the whole validation split, {sustain}"
            f"{captions.smoothed(cohort)}{also}",
        ),
        (
            "Grid",
            f"an evaluation every {formatting.count(cohort.eval_every)} steps of "
            f"{cohort.batch_size} examples",
        ),
        (
            "Budget",
            f"{formatting.count(cohort.budget_steps)} steps a member; a success can start until "
            f"step {formatting.count(last_start(cohort) * cohort.eval_every)}. Who has not reached "
            "the target by then, diverged or not, counts as never",
        ),
    ]


def cohort_line(cohort: CohortSpec, cost: Mapping[str, Any]) -> str:
    """A cohort's size, how it is trained, and its seed."""
    size = (
        f"{formatting.count(cost['parameters'])} parameters, "
        f"{flops(cost['flops_per_step'])} a step, "
        if cost
        else ""
    )
    return (
        f"{cohort.name}: {size}{cohort.members} members, {recipes.recipe(cohort)}, "
        f"seed {cohort.seed}"
    )


def contrasts_line(study: StudySpec) -> str:
    """Which cohorts are compared on which clocks."""
    if not study.contrasts:
        return "none: the cohorts are described, not compared"
    by_pair: dict[str, list[str]] = {}
    for one in study.contrasts:
        by_pair.setdefault(f"{one.smaller} against {one.larger}", []).append(one.level)
    compared = [
        f"{pair} at {formatting.joined(levels)}" if any(levels) else pair
        for pair, levels in by_pair.items()
    ]
    clocks = [clock.label for clock in study.clocks]
    return f"{formatting.joined(compared)}; counted in {formatting.joined(clocks)}"


def margins_line(study: StudySpec) -> str:
    """What the verdict will be decided with."""
    margins = study.margins
    landmarks = formatting.joined([f"{100 * float(share):g}" for share in SHARES_OF_HORIZON])
    return (
        f"win probability within {margins.delta:g} of 1/2, and shares that reached the target "
        f"within {margins.delta_incidence:g} of each other, count as equivalent if at least "
        f"{margins.minimum_reached:.0%} reach it; intervals of level {1 - margins.alpha_win:.0%} "
        f"(win probability) and {1 - margins.alpha_landmarks:.0%} (all shares together); "
        f"shares are compared at about {landmarks}% of the time compared"
    )


def looks_line(study: StudySpec) -> list[tuple[str, str]]:
    """Where members are added in turn: when a verdict is sought. Else nothing."""
    if study.sequential is None:
        return []
    looks = formatting.joined([formatting.count(look) for look in study.sequential.looks])
    how = (
        "the level is spent over these looks (O'Brien and Fleming)"
        if study.sequential.planned
        else "intervals are confidence sequences, which hold at all looks at once"
    )
    return [("Looks", f"at {looks} members of each cohort, until the answer is clear; {how}")]


def sentences(contrasts: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What the contrasts say in words: each one's first sentence, and the rest.

    A clock that asks the same as another is left to the table.
    """
    said = [
        str(one["sentence"]).partition(". ")
        for one in contrasts
        if one.get("sentence") and Modifier.SAME_AS_STEPS.value not in one.get("modifiers", ())
    ]
    return [(first if not stop else f"{first}.", rest) for first, stop, rest in said]


def trend(found: Mapping[str, Any]) -> str:
    """What the sizes say together."""
    ordered, slope = found["ordered"], found["slope"]
    way = "more" if ordered["z"] > 0 else "fewer"
    told = (
        f"Over {formatting.joined(found['cohorts'])}, small to large, larger nets tend to take "
        f"{way} steps (Jonckheere and Terpstra: z {ordered['z']:.1f}, p {ordered['p_value']:.2g})."
    )
    if slope is None:
        return f"{told} A slope in size cannot be estimated."
    ends = [2 ** slope["slope"][end] for end in ("estimate", "lower", "upper")]
    told += (
        f" Twice the parameters go with {ends[0]:.2f} ({ends[1]:.2f} to {ends[2]:.2f}) times the "
        "hazard of reaching the target (proportional hazards on the grid)"
    )
    misfit = slope["lack_of_fit_p_value"]
    if misfit is None:
        return f"{told}."
    fits = "a straight line does not describe it" if misfit < 0.05 else "a straight line fits"
    return f"{told}; {fits} (p {misfit:.2g})."


def incomplete_line(study: StudySpec, records: Records) -> str:
    """A warning while members are still to come; empty once all have ended."""
    open_ = [
        f"{len(records[one.name].member)} of {one.members} of {one.name}"
        for one in study.cohorts
        if not records[one.name].complete
    ]
    if not open_:
        return ""
    return (
        f"This run is not finished: only {formatting.joined(open_)} have ended. Those that end "
        "first are mostly those that reached the target, so every share here is too high: start "
        "the command again with the same --out to finish it."
    )


def alike(study: StudySpec) -> list[list[CohortSpec]]:
    """The cohorts in groups that share data, target, grid and budget."""
    groups: dict[object, list[CohortSpec]] = {}
    for one in study.cohorts:
        shared = (one.data, one.target, one.eval_every, one.batch_size, one.budget_steps)
        groups.setdefault(shared, []).append(one)
    return list(groups.values())


def _names(cohorts: list[CohortSpec]) -> str:
    return formatting.joined([one.name for one in cohorts])


def _entry(label: str, text: str) -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=f"{label:<{_LABEL}}", subsequent_indent=" " * _LABEL
    )


def _bullet(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="  - ", subsequent_indent="    ")


def _wrap(text: str) -> str:
    return textwrap.fill(text, WIDTH)
