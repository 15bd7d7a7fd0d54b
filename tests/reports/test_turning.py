"""A study with levels: what is printed, drawn and tabled of it."""

import csv
import io
from xml.etree import ElementTree

import numpy as np
import pytest
from made_up import cohort, realistic, tables
from PIL import Image

from lab.records.paths import RunPaths
from lab.records.reader import read_records
from lab.records.store import RunFolder, read_json
from lab.reports import drawing, text, turning
from lab.reports.map_figures import draw_maps
from lab.reports.report import write_report
from lab.specs import ContrastSpec, Setting, StudySpec, Varied
from lab.verdicts.document import to_json
from lab.verdicts.judge import judge
from lab.verdicts.settings import told_apart
from lab.words import Cause, Hyperparameter

RATE = Hyperparameter.LEARNING_RATE


def write(root, rates):
    """Members that learn at several rates: the small net is the slower, the more so the lower."""
    plain = {"members": 24 * len(rates), "budget_steps": 400, "vary": (Varied(RATE, rates),)}
    specs = (cohort("small", **plain), cohort("large", seed=8, **plain))
    one = StudySpec(
        "Does it hang on the rate?",
        specs,
        tuple(ContrastSpec("small", "large", f"{at:g}", (Setting(RATE, at),)) for at in rates),
        cause=Cause.LEARNING_RATE,
        baseline=f"{rates[0]:g}",
    )
    costs = {
        name: {"parameters": size, "flops_per_step": size * 700.0}
        for name, size in (("small", 2904), ("large", 5021))
    }
    with RunFolder.open(root, one) as folder:
        folder.write_environment({"command": "none", "devices": ["cpu:0"], "cohorts": costs})
        for spec, base in zip(specs, (170, 70), strict=True):
            speeds = [base if spec.name == "large" else base / (1 + at) for at in range(len(rates))]
            values = np.empty((spec.members, spec.evaluations), np.float32)
            for place, speed in enumerate(speeds):
                part = realistic(cohort("x", members=24, budget_steps=400), speed, 0.8, place)
                values[place :: len(rates)] = part
            folder.append(spec.name, 0, *tables(spec, values))
        folder.write_verdict(to_json(judge(one.comparison, read_records(root))))
    write_report(root)
    return root, one


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return write(tmp_path_factory.mktemp("few"), (0.001, 0.1))


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    return write(tmp_path_factory.mktemp("many"), (0.001, 0.01, 0.1, 0.3, 1.0))


def closing(run):
    root, one = run
    _, records = told_apart(one.comparison, read_records(root))
    return text.closing(records, read_json(RunPaths(root).verdict))


def test_few_levels_get_a_picture_each_and_many_a_forest(few, many):
    names = [
        sorted(path.stem for path in RunPaths(root).figures.glob("*.svg"))
        for root, _ in (few, many)
    ]
    each = [f"{kind}-{level}" for kind in ("fan", "incidence") for level in ("0.001", "0.1")]
    assert names[0] == [*each, "levels", "map"]
    assert names[1] == ["levels", "map", "map-2"]


def test_forest_and_maps_are_drawn_in_both_hues(few):
    paths = RunPaths(few[0])
    for name in ("levels", "map"):
        assert ElementTree.fromstring((paths.figures / f"{name}.svg").read_bytes()).tag
        pixels = np.asarray(Image.open(paths.figures / f"{name}.png").convert("RGB"))
        for hue in drawing.HUES[:2]:
            wanted = [int(hue[at : at + 2], 16) for at in (1, 3, 5)]
            assert (pixels == wanted).all(axis=2).sum() > 100, f"{name} lacks {hue}"


def test_what_is_printed_is_a_row_a_level(many):
    said = closing(many)
    assert "in steps" in said
    assert "(smaller)" not in said
    assert len(said.splitlines()) < 60
    assert max(map(len, said.splitlines())) <= 110
    rows = [line for line in said.splitlines() if line.startswith("  0.01 ")]
    assert len(rows) == 1


def test_the_page_tells_flips_and_shares(few):
    page = RunPaths(few[0]).report.read_text()
    ElementTree.fromstring(page.partition("<!DOCTYPE html>")[2])
    assert "Where the order turns" in page
    assert "Level by level" in page
    assert "0.001 to 0.1" in page
    assert "the larger net is first while its step costs" in page
    assert "Bold targets were declared" in page


def test_tables_hold_every_cell_and_share(few):
    paths = RunPaths(few[0])
    document = read_json(paths.verdict)
    rows = list(csv.DictReader(io.StringIO((paths.tables / "maps.csv").read_text())))
    assert len(rows) == sum(len(one["cells"]) for one in document["maps"])
    assert {one["first"] for one in rows} <= {"smaller", "larger", "open", "nobody"}
    assert {one["target"] for one in rows if one["declared"] == "True"} == {"0.4", "0.6"}
    shares = list(csv.DictReader(io.StringIO((paths.tables / "shares.csv").read_text())))
    assert len(shares) == len(document["shares"]) == 2


def test_levels_that_are_numbers_are_in_their_order():
    found = {"contrasts": [{"level": one} for one in ("0.1", "0.001", "10")]}
    assert turning.levels_of(found) == ["0.001", "0.1", "10"]
    both = {"contrasts": [{"level": one} for one in ("0.1", "tuned", "0.01")]}
    assert turning.levels_of(both) == ["tuned", "0.01", "0.1"]
    words = {"contrasts": [{"level": one} for one in ("sgd", "adam", "sgd")]}
    assert turning.levels_of(words) == ["sgd", "adam"]


def test_verdicts_of_earlier_labs_have_none_of_it():
    old = {"contrasts": [], "cohorts": []}
    assert turning.turning(old).flips == []
    assert turning.brief(old) == []
    assert draw_maps(old) == ()
    assert len(turning.maps_csv(old).splitlines()) == 1
