"""A user's model and task as a study names them: without their code, and through JSON."""

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import study

from lab.errors import UsageError
from lab.specs import (
    NamedMetric,
    OwnModelSpec,
    OwnTaskSpec,
    StudySpec,
    TargetSpec,
)
from lab.words import Direction, Metric

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True)
PATHS = st.builds(
    lambda parts, name: f"{'.'.join(parts)}:{name}", st.lists(NAMES, min_size=1), NAMES
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
ARGUMENTS = st.dictionaries(st.text(max_size=4), VALUES, max_size=3)
DICE = NamedMetric("dice_of_mine", Direction.MAXIMIZE)
TASK = OwnTaskSpec("package.data:cells", '{"n": 3}', (Metric.LOSS, DICE), ("dice_of_mine", 0.5))


@settings(max_examples=50)
@given(PATHS, ARGUMENTS)
def test_arguments_survive_in_one_spelling(path: str, arguments: dict[str, object]) -> None:
    backwards = dict(reversed(arguments.items()))
    spelt = (json.dumps(arguments), json.dumps(backwards, indent=2, ensure_ascii=False))
    one, other = (OwnModelSpec(path, text) for text in spelt)
    assert one == other
    assert one.arguments == arguments
    assert OwnTaskSpec(path, spelt[0]).arguments == arguments


def own_study() -> StudySpec:
    plain = study()
    cohorts = tuple(
        dataclasses.replace(
            one,
            data=TASK,
            model=OwnModelSpec("package.nets:UNet", f'{{"width": {width}}}'),
            target=TargetSpec(DICE, (0.5,)),
        )
        for one, width in zip(plain.cohorts, (4, 8), strict=True)
    )
    return dataclasses.replace(plain, cohorts=cohorts)


def test_a_study_of_a_user_s_code_survives_json_without_the_code() -> None:
    document = own_study().to_json()
    assert StudySpec.from_json(document) == own_study()
    data = json.loads(document)["cohorts"][0]["data"]
    assert data["type"] == "OwnTaskSpec"
    assert data["metrics"] == ["loss", {"value": "dice_of_mine", "direction": "maximize"}]


def test_a_study_from_before_there_were_own_tasks_is_read() -> None:
    document = json.loads(study().to_json())
    for cohort in document["cohorts"]:
        assert cohort["data"].pop("type") == "DataSpec"
    assert StudySpec.from_json(json.dumps(document)) == study()


REFUSED = {
    "no class": (
        lambda: OwnModelSpec("package.nets"),
        "model is 'package.nets'; it must name a class of a module: pass "
        "--model=package.module:Class",
    ),
    "a file": (
        lambda: OwnModelSpec("package/nets.py:UNet"),
        "model is 'package/nets.py:UNet'; it must name a class of a module: pass "
        "--model=package.module:Class",
    ),
    "no function": (
        lambda: OwnTaskSpec("cells:"),
        "task is 'cells:'; it must name a function of a module: pass "
        "--task=package.module:function",
    ),
    "no JSON": (
        lambda: OwnModelSpec("a:B", "{width: 8}"),
        "model_kwargs is '{width: 8}', which is no JSON (Expecting property name enclosed in "
        "double quotes: line 1 column 2 (char 1)): pass --model_kwargs='{\"width\": 8}'",
    ),
    "NaN": (
        lambda: OwnModelSpec("a:B", '{"rate": NaN}'),
        "model_kwargs is '{\"rate\": NaN}', which is no JSON (NaN is no number of JSON): pass "
        "--model_kwargs='{\"width\": 8}'",
    ),
    "twice": (
        lambda: OwnModelSpec("a:B", '{"a": 1, "a": 2}'),
        'model_kwargs is \'{"a": 1, "a": 2}\', which is no JSON (a key stands twice): pass '
        "--model_kwargs='{\"width\": 8}'",
    ),
    "no object": (
        lambda: OwnTaskSpec("a:b", "[8]"),
        "task_kwargs is '[8]'; it must be a JSON object: pass --task_kwargs='{\"width\": 8}'",
    ),
    "no loss": (
        lambda: OwnTaskSpec("a:b", metrics=(DICE,)),
        "the metrics of a:b do not begin with the loss, which is measured always",
    ),
    "target": (
        lambda: dataclasses.replace(TASK, target=("iou", 0.5)),
        "package.data:cells names a target of 'iou', which it does not measure: name one of loss, "
        "dice_of_mine",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_names_no_code_is_refused(case: str) -> None:
    build, line = REFUSED[case]
    with pytest.raises(UsageError) as refused:
        build()
    assert str(refused.value) == line


def test_a_report_says_that_the_task_is_the_user_s() -> None:
    from lab.reports import text

    assert dict(text.plan(own_study().cohorts[0]))["Data"] == (
        'package.data:cells of {"n": 3}, code of your own, which measures loss and dice_of_mine'
    )
