"""Every one of the lab's own sets has a builder of its name, and says what it is."""

import pytest
import tensorflow_datasets as tfds

from lab.data.catalogue import OWN_NAMES, own_class, own_path, own_set
from lab.specs import TargetSpec
from lab.words import TASK_METRICS


@pytest.mark.parametrize("name", OWN_NAMES)
def test_own_name_is_known_to_tfds(name: str) -> None:
    assert own_class(name).name == name
    assert tfds.builder_cls(name) is own_class(name)


def test_names_are_in_order() -> None:
    assert sorted(set(OWN_NAMES)) == list(OWN_NAMES)


@pytest.mark.parametrize(
    ("name", "asked", "path"),
    [
        ("sklearn_wine", {}, "sklearn_wine/1.0.0"),
        ("sklearn_wine", {"version": "0.9.0"}, "sklearn_wine/0.9.0"),
        ("sklearn_wine", {"config": "red"}, None),
        ("sklearn_wine", {"colour": "red"}, None),
        (
            "modular_addition",
            {"config": "modulus5"},
            "modular_addition/modulus5-train30-draw0/1.0.0",
        ),
        ("modular_addition", {"config": "modulus5", "colour": "red"}, None),
    ],
)
def test_path_says_what_was_asked_for(name: str, asked: dict[str, str], path: str | None) -> None:
    assert own_path(own_class(name), asked) == path


@pytest.mark.parametrize("name", OWN_NAMES)
def test_default_targets_are_those_of_the_task(name: str) -> None:
    """They can be taken, and rise in difficulty: a spec would refuse them else."""
    found = own_set(name)
    assert found is not None
    assert found.metric in TASK_METRICS[found.task]
    TargetSpec(found.metric, found.thresholds)


def test_a_config_or_version_is_the_same_set() -> None:
    assert own_set("sparse_parity/bits12:1.0.0") == own_set("sparse_parity:1.0.0")
    assert own_set("mnist") is None
