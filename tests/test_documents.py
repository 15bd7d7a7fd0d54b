"""JSON from outside is read by its types, or refused in one line."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import study

from lab.documents import DEEPEST, parsed, parsed_object
from lab.errors import UsageError
from lab.specs import StudySpec
from lab.verdicts import document

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(JSON)
def test_what_is_no_deeper_than_needed_is_read(value):
    assert parsed(json.dumps(value)) == value


@pytest.mark.parametrize("depth", [DEEPEST + 1, 2_000, 100_000])
@pytest.mark.parametrize("brackets", ["[]", '{"a":1}'])
def test_what_is_nested_deeper_is_refused(depth, brackets):
    opening, closing = ("[", "]") if brackets == "[]" else ('{"a":', "}")
    text = opening * depth + "1" + closing * depth
    for read in (parsed, StudySpec.from_json, document.from_json):
        with pytest.raises(UsageError, match="levels deep"):
            read(text)


@pytest.mark.parametrize("text", ["", "{", "9" * 5_000, "\ufeff{}", "[1, 2"])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(UsageError, match="not JSON"):
        parsed_object(text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("members", "6"),
        ("members", 6.5),
        ("members", True),
        ("name", 3),
        ("train_share", "1"),
        ("vary", {}),
        ("vary", "ab"),
        ("target", []),
        ("data", "digits"),
    ],
)
def test_no_value_is_taken_for_another(field, value):
    """cattrs alone would make an int of "6", of 6.5 and of true."""
    plain = json.loads(study().to_json())
    assert StudySpec.from_json(json.dumps(plain)) == study()
    changed = copy.deepcopy(plain)
    changed["cohorts"][0][field] = value
    with pytest.raises(UsageError, match=rf"expected .* @ \$\.cohorts\[0\].{field}"):
        StudySpec.from_json(json.dumps(changed))


def test_a_whole_number_stands_for_a_float():
    plain = json.loads(study().to_json())
    plain["cohorts"][0]["train_share"] = 1
    assert StudySpec.from_json(json.dumps(plain)) == study()


def test_what_a_spec_refuses_is_told_in_its_words():
    plain = json.loads(study().to_json())
    plain["cohorts"][1]["members"] = 0
    with pytest.raises(UsageError, match=r"members is 0; it must be positive.* @ \$\.cohorts\[1\]"):
        StudySpec.from_json(json.dumps(plain))
