import dataclasses
import io
import subprocess
import sys
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import numpy as np
import pytest
from made_up import cohort, realistic, tables
from PIL import Image

from lab.records.reader import cohort_records, read_records
from lab.reports import drawing, figures
from lab.specs import NamedMetric, TargetSpec
from lab.specs.imported import ImportedSpec
from lab.words import Clock, Direction, Metric

DRAW = """
import hashlib, sys
from lab.records.reader import read_records
from lab.reports.figures import draw_all
from lab.words import Clock

for picture in draw_all(read_records(sys.argv[1]), tuple(Clock)):
    print(hashlib.sha256(picture.svg + picture.png).hexdigest())
"""


def test_both_pictures_are_drawn_in_both_formats(run):
    pictures = figures.draw_all(read_records(run), tuple(Clock))
    assert [one.name for one in pictures] == ["incidence", "fan"]
    for picture in pictures:
        assert ElementTree.fromstring(picture.svg).tag.endswith("svg")
        pixels = np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB"))
        assert pixels.shape[1] == 1600
        for hue in drawing.HUES[:2]:
            wanted = [int(hue[at : at + 2], 16) for at in (1, 3, 5)]
            assert (pixels == wanted).all(axis=2).sum() > 200, f"{picture.name} lacks {hue}"


def test_same_records_give_the_same_bytes_in_another_process(run):
    said = [
        subprocess.run(
            [sys.executable, "-c", DRAW, str(run)], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert said[0] == said[1]
    assert len(said[0].split()) == 2


@pytest.mark.parametrize("clocks", [(Clock.STEPS,), (Clock.EXAMPLES,), (Clock.FLOPS,)])
def test_any_choice_of_clocks_is_drawn(run, clocks):
    assert len(figures.draw_all(read_records(run), clocks)) == 2


@pytest.mark.parametrize("many", [1, 4, 7])
@pytest.mark.parametrize("metric", [Metric.IOU, Metric.LOSS])
def test_any_number_of_cohorts_is_drawn(many, metric):
    target = TargetSpec(metric, (0.6,) if metric is Metric.IOU else (0.4,))
    records = {}
    for index in range(many):
        spec = cohort(f"w{index}", target=target, members=5)
        values = realistic(spec, 60 - 4 * index, 0.7)
        values = values if metric is Metric.IOU else 1 - values
        records[spec.name] = cohort_records(spec, 1000, 1e6 * (index + 1), *tables(spec, values))
    assert len(figures.draw_all(records, tuple(Clock))) == 2
    assert len(set(drawing.colours(many))) == many


def test_cohorts_with_other_targets_get_their_own_pictures():
    records = {}
    for name, threshold in (("a", 0.5), ("b", 0.6)):
        spec = cohort(name, target=TargetSpec(Metric.IOU, (threshold,)))
        values = realistic(spec, 40, 0.7)
        records[name] = cohort_records(spec, 1000, 1e6, *tables(spec, values))
    names = [one.name for one in figures.draw_all(records, tuple(Clock))]
    assert names == ["incidence", "fan", "incidence-2", "fan-2"]


def test_cohorts_without_members_are_left_out():
    spec = cohort()
    members, curves = tables(spec, realistic(spec, 40, 0.7))
    empty = cohort_records(spec, 1000, 1e6, members.slice(0, 0), curves)
    assert figures.draw_all({"small": empty}, tuple(Clock)) == ()


def test_everyone_diverged_at_once_is_drawn():
    spec = cohort()
    broken = np.full((6, 10), np.nan)
    records = {"small": cohort_records(spec, 1000, 1e6, *tables(spec, broken))}
    assert len(figures.draw_all(records, tuple(Clock))) == 2


def test_users_matplotlib_settings_do_not_matter(run):
    import matplotlib

    records = read_records(run)
    plain = figures.draw_all(records, (Clock.STEPS,))
    with matplotlib.rc_context({"lines.linewidth": 9, "axes.facecolor": "pink"}):
        assert figures.draw_all(records, (Clock.STEPS,)) == plain


def test_labels_keep_apart_and_inside():
    heights = figures._apart([0.98, 0.97, 0.2, 0.99])
    assert heights[0] == 0.2
    assert heights[-1] <= 1
    assert np.diff(heights).min() > 0.139


NAMES = ("two $ and $ more", "one \\$ \\frac{", "_hidden", "a_b^c", "<b>&")


def test_a_name_is_drawn_as_it_is_and_never_as_a_formula():
    """Two dollars in a name began a formula, and a wrong one ended the report."""
    metric = NamedMetric("cost in $ of $\\frac{", Direction.MAXIMIZE)
    target = TargetSpec(metric, (0.4, 0.6), sustain=2)
    plain = cohort()
    found = cohort_records(plain, 1000, 1e6, *tables(plain, realistic(plain, 40, 0.7)))
    values = {metric: found.curves.metrics[plain.target.metric]}
    curves = dataclasses.replace(found.curves, metrics=values)
    records = {
        name: dataclasses.replace(
            found,
            spec=ImportedSpec(name, target, tuple(plain.grid), plain.members, None, "a.csv"),
            curves=curves,
        )
        for name in NAMES
    }
    for picture in figures.draw_all(records, (Clock.STEPS,)):
        ElementTree.fromstring(picture.svg)
        said = picture.svg.decode()
        assert escape(metric.value) in said
        if picture.name == "incidence":
            assert all(f"<!-- {escape(name)}: 1,000 parameters -->" in said for name in NAMES)


def test_a_logarithmic_axis_has_numbers_where_names_are_no_formulas():
    with drawing.canvas(1, 1, 2.0) as (figure, axes):
        panel = axes[0][0]
        panel.plot([1e-5, 1.0], [0, 1])
        panel.set(xscale="log")
        panel.xaxis.set_major_formatter(drawing.PlainPowers())
        figure.draw_without_rendering()
        told = [label.get_text() for label in panel.get_xticklabels()]
    assert {"1e-5", "0.001", "0.1"} <= set(told)
    assert not any("$" in one for one in told)
