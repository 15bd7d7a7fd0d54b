from made_up import study

from lab.reports.explanations import MODIFIERS, VERDICTS, glossary, limits
from lab.verdicts.words import Modifier, Verdict


def contrast(clock="flops", verdict="undecided"):
    return {"clock": clock, "verdict": verdict, "modifiers": []}


def test_every_verdict_and_modifier_is_explained():
    assert set(VERDICTS) == {verdict.value for verdict in Verdict}
    assert set(MODIFIERS) == {modifier.value for modifier in Modifier}


def test_flops_say_what_they_count_and_how_far_times_on_them_reach():
    clocks = dict(glossary([contrast()]))["clock"]
    for words in (
        "XLA's count of one training step of one member",
        "not evaluation",
        "stretch between two evaluations differs between the networks",
        "the intervals allow for that",
    ):
        assert words in clocks
    assert "XLA" not in dict(glossary([contrast("steps")]))["clock"]


def test_undecided_may_need_members_or_a_finer_grid():
    told = [dict(glossary([contrast()]))["undecided"]]
    told += [limits(study(), {"contrasts": [contrast()]})[-1]]
    for text in told:
        assert "more members" in text
        assert "evaluations closer together" in text
