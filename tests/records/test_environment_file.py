"""environment.json of anybody's: read by its types, or refused with a way out."""

import json

import pytest
from made_up import cohort, study, tables

from lab.errors import UsageError
from lab.records.environment import read_environment
from lab.records.reader import read_records
from lab.records.store import RunFolder
from lab.reports import costs

DEEP = json.loads("[" * 200 + "]" * 200)
FACTS = {
    "parameters": 9,
    "flops_per_step": 1e6,
    "lanes": 4,
    "lane_width": 2,
    "operations": {"conv 3x3": "xla"},
    "compiler_options": {"threads": False, "kind": "some"},
    "solo_seconds": {
        "estimate": 1e-3,
        "lower": 9e-4,
        "upper": 2e-3,
        "level": 0.98,
        "repeats": 15,
        "steps_per_repeat": 40,
        "compile_seconds": 2.5,
        "device": "cpu",
    },
}
SPEED = {"members_ended": 6, "device_seconds": 3.0, "compile_device_seconds": 1}


@pytest.fixture
def folder(tmp_path):
    with RunFolder.open(tmp_path, study(cohort())) as opened:
        opened.write_environment(
            {"command": "scripts/run", "devices": ["cpu:0"], "cohorts": {"small": FACTS}}
        )
        opened.amend_environment({"small": SPEED})
        opened.append("small", 0, *tables(cohort(), [[0.1] * 10] * 6))
        yield opened


def places(value, at=()):
    yield at
    inner = value.items() if isinstance(value, dict) else []
    inner = enumerate(value) if isinstance(value, list) else inner
    for key, one in inner:
        yield from places(one, (*at, key))


def changed(value, at, new):
    if not at:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[at[0]] = changed(value[at[0]], at[1:], new)
    return copy


@pytest.mark.parametrize("new", [None, 3, -1, 1e308, "many", "", [], {}, {"a": 1}, True, DEEP])
def test_any_field_may_hold_anything(folder, new):
    """Read as it is or refused in one line, by all who read it."""
    path = folder.paths.environment
    whole = json.loads(path.read_text())
    for at in places(whole):
        path.write_text(json.dumps(changed(whole, at, new)))
        try:
            environment = read_environment(folder.paths)
            costs.text(environment)
            read_records(folder.paths.root)
        except UsageError as error:
            line = str(error)
            assert "\n" not in line
            assert str(path) in line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ('{"schema": 1, "coh', "not JSON"),
        ("[]", "not an object"),
        ('{"schema": 2, "cohorts": {}, "sessions": []}', "schema is 2, and this lab reads 1"),
        ('{"schema": 1, "cohorts": 3, "sessions": []}', r"expected .*dict.* @ \$\.cohorts"),
        ('{"schema": 1, "cohorts": {}, "sessions": []}', "does not say what a step"),
        ("[" * 100_000, "levels deep"),
    ],
)
def test_what_no_run_writes_is_refused_with_a_way_out(folder, text, words):
    folder.paths.environment.write_text(text)
    with pytest.raises(UsageError, match=words) as caught:
        read_records(folder.paths.root)
    assert "remove it and give the run's command again" in str(caught.value)


@pytest.mark.parametrize(
    "program",
    [3, {"parts": 3}, {"parts": {"loss": 3}, "made_with": {}}, {"parts": {}, "made_with": 7}],
)
def test_damaged_digests_are_no_leave_to_go_on(folder, program):
    """Taken for absent they would let changed code go on with the run."""
    document = json.loads(folder.paths.environment.read_text())
    document["cohorts"]["small"]["program"] = program
    folder.paths.environment.write_text(json.dumps(document))
    with pytest.raises(UsageError, match="program"):
        read_environment(folder.paths)


def test_what_later_versions_add_is_let_through(folder):
    document = json.loads(folder.paths.environment.read_text())
    document["cohorts"]["small"]["colour"] = {"of": ["later"]}
    folder.paths.environment.write_text(json.dumps(document))
    assert read_environment(folder.paths) == document
