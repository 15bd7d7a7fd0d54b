"""Specs by name and dials, as a command line gives them."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import UsageError
from lab.specs import (
    DeepLinearSpec,
    FamilySpec,
    MLPSpec,
    ModelSpec,
    TransformerSpec,
    UNetSpec,
    json_converter,
)
from lab.specs.dials import dials, setting, with_dial
from lab.specs.families import FAMILIES, model_spec, read_dials

CONVERTER = json_converter()


@pytest.mark.parametrize(
    ("name", "given", "spec"),
    [
        ("mlp", {"width": 8}, MLPSpec(8)),
        ("mlp", {"width": 8.0, "depth": 3}, MLPSpec(8, 3)),
        ("unet", {"width": 1}, UNetSpec(1.0)),
        ("transformer", {"width": 8, "depth": 1, "heads": 2}, TransformerSpec(8, 1, 2)),
    ],
)
def test_dials_become_a_spec(name: str, given: dict[str, float], spec: ModelSpec) -> None:
    made = model_spec(name, given)
    assert made == spec
    for dial, value in dials(spec).items():
        assert type(getattr(made, dial)) is type(value)


def test_every_family_has_a_name() -> None:
    members = FamilySpec.__args__
    assert set(FAMILIES.values()) == set(members)


@given(st.sampled_from(sorted(FAMILIES)), st.integers(1, 40))
def test_a_spec_is_made_again_from_its_own_json(name: str, width: int) -> None:
    """Whatever dials a family has; those without a default are counted ones, or multipliers."""
    needed = [
        field.name
        for field in dataclasses.fields(FAMILIES[name])
        if field.default is dataclasses.MISSING
    ]
    even = {"width": 2 * width if "heads" in dials(FAMILIES[name](2)) else width}
    spec = model_spec(name, {**dict.fromkeys(needed, 1), **even})
    document = json.loads(json.dumps(CONVERTER.unstructure(spec)))
    assert model_spec(name, document) == spec


@pytest.mark.parametrize(
    ("name", "given", "hint"),
    [
        ("mpl", {}, "there are mlp, deep_linear"),
        ("mpl", {}, "did you mean mlp?"),
        ("mlp", {}, 'mlp needs width, which must be given among its dials, as {"width": 2}'),
        ("transformer", {}, "needs width"),
        ("mlp", {"widht": 8}, "there are width, depth"),
        ("mlp", {"widht": 8}, "did you mean width?"),
        ("mlp", {"width": 8.5}, "width of mlp is 8.5; it must be a whole number"),
        ("mlp", {"width": "8"}, 'width of mlp is "8"; it must be a whole number'),
        ("mlp", {"width": True}, "width of mlp is true"),
        ("mlp", {"width": None}, "width of mlp is null"),
        ("mlp", {"width": [8]}, "width of mlp is [8]"),
        ("mlp", {"width": 2**31}, "up to 2147483647"),
        ("mlp", {"width": float("inf")}, "a whole number"),
        ("mlp", {"width": float("nan")}, "a whole number"),
        ("mlp", {"width": 0}, "must be positive"),
        ("unet", {"width": "1"}, "it must be a number"),
        ("unet", {"width": float("nan")}, "it must be a number"),
        ("transformer", {"width": 5, "depth": 1, "heads": 2}, "not a multiple"),
    ],
)
def test_mistakes_are_told(name: str, given: dict[str, object], hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        model_spec(name, given)
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_free_dial_may_be_left_out() -> None:
    assert model_spec("mlp", {}, free="width") == MLPSpec(1)
    assert model_spec("mlp", {"width": 9}, free="width") == MLPSpec(9)
    assert model_spec("mlp", {"width": 9}, free="depth") == MLPSpec(9)
    assert model_spec("deep_linear", {"depth": 3}, free="width") == DeepLinearSpec(1, 3)
    wide = model_spec("transformer", {"depth": 1, "heads": 6}, free="width")
    assert wide == TransformerSpec(6, 1, 6)


def test_a_free_dial_hides_no_mistake_in_another() -> None:
    with pytest.raises(UsageError, match="depth is 0"):
        model_spec("transformer", {"depth": 0, "heads": 2}, free="width")
    with pytest.raises(UsageError, match="no dial 'size'"):
        model_spec("mlp", {"width": 2}, free="size")


@pytest.mark.parametrize("text", ["{", "8", "[1]", "", "{'width': 3}"])
def test_dials_are_a_json_object(text: str) -> None:
    with pytest.raises(UsageError, match="object"):
        read_dials(text)
    assert read_dials('{"width": 3}') == {"width": 3}


def test_dials_are_numbers_of_the_kind_that_the_field_has() -> None:
    assert dials(TransformerSpec(8, 1, 2)) == {
        "width": 8,
        "depth": 1,
        "heads": 2,
        "expansion": 4,
        "stochastic_depth": 0.0,
    }
    assert isinstance(setting(UNetSpec(1), "width"), float)
    assert isinstance(setting(UNetSpec(1), "expansion"), int)
    wider = with_dial(UNetSpec(0.5, 2), "width", 2)
    assert wider == UNetSpec(2.0, 2)
    assert isinstance(wider.width, float)
    with pytest.raises(UsageError, match="no dial 'color'; there are width, depth"):
        setting(MLPSpec(8), "color")
    with pytest.raises(UsageError, match="must be positive"):
        with_dial(MLPSpec(8), "width", 0)
