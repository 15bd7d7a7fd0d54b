"""`scripts/run answer`, as a user meets it."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from command_line import Ended
from made_up import cohort, realistic, study, tables

from lab.records.reader import read_records
from lab.records.store import RunFolder
from lab.specs import ContrastSpec, StudySpec
from lab.verdicts.document import to_json
from lab.verdicts.judge import judge
from lab.words import Cause

ROOT = Path(__file__).resolve().parents[2]
HEAVY = "jax", "flax", "optax", "orbax", "tensorflow_datasets"
QUICK, SLOW = 110, 220


def write(root: Path, asked: StudySpec, speeds: dict[str, int], keep: int | None = None) -> None:
    """A run of made-up members, judged."""
    costs = {
        one.name: {"parameters": 9, "flops_per_step": 1e6 if "small" in one.name else 4e6}
        for one in asked.cohorts
    }
    with RunFolder.open(root, asked) as folder:
        folder.write_environment({"command": "none", "devices": ["cpu:0"], "cohorts": costs})
        for seed, spec in enumerate(asked.cohorts):
            members, curves = tables(spec, realistic(spec, speeds[spec.name], 0.8, seed))
            folder.append(spec.name, 0, members.slice(0, keep), curves)
        folder.write_verdict(to_json(judge(asked.comparison, read_records(root))))


def levels(cause: Cause, *names: str) -> StudySpec:
    plain = {"members": 40, "budget_steps": 600}
    specs = [cohort(f"{side}-{name}", **plain) for name in names for side in ("small", "large")]
    return StudySpec(
        question=f"Does it hang on {cause.value}?",
        cohorts=tuple(specs),
        contrasts=tuple(ContrastSpec(f"small-{one}", f"large-{one}", one) for one in names),
        cause=cause,
        baseline=names[0],
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Depth turns the order; a run twice, one unfinished, a search, and one that is broken."""
    root = tmp_path_factory.mktemp("answer") / "runs"
    speeds = {"small-plain": SLOW, "large-plain": QUICK, "small-skips": 100, "large-skips": 190}
    write(root / "b" / "depth", levels(Cause.DEPTH, "plain", "skips"), speeds)
    shutil.copytree(root / "b" / "depth", root / "c" / "again")
    specs = [cohort(name, members=40, budget_steps=600) for name in ("small", "large")]
    pair = dict(zip(("small", "large"), (SLOW, QUICK), strict=True))
    write(root / "a|*x*", study(*specs), pair)
    write(root / "open", study(*specs, question="And now?"), pair, keep=5)
    search = dataclasses.replace(study(*specs), contrasts=(), search=True)
    (root / "search").mkdir()
    (root / "search" / "study.json").write_text(search.to_json())
    (root / "broken").mkdir()
    (root / "broken" / "study.json").write_text("{")
    (root / "waiting").mkdir()
    (root / "waiting" / "study.json").write_text(study(*specs, question="Later?").to_json())
    return root


def answer(*arguments: str) -> Ended:
    done = subprocess.run(
        [sys.executable, "-m", "experiments.answer", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def told(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, str, str]:
    out = tmp_path_factory.mktemp("out")
    ended = answer(str(runs), f"--out={out}")
    assert ended.status == 0, ended.stderr
    return ended, (out / "answer.md").read_text(), (out / "answer.html").read_text()


def test_it_answers_first_and_counts_each_study_once(told: tuple[Ended, str, str]) -> None:
    ended, page, _ = told
    assert ended.stdout.startswith(
        "No, not always. In steps, of 3 cells the smaller net was faster"
    )
    assert "Counted 2 runs." in ended.stdout
    assert "strongest counter-example: small" in " ".join(ended.stdout.split())
    assert "No counter-example here has rates tuned for each size" in page
    assert page.startswith("# Do smaller neural nets always converge faster than larger ones?")


def test_what_does_not_count_is_named(told: tuple[Ended, str, str]) -> None:
    for text in told[0].stdout, told[1], told[2]:
        words = " ".join(text.split())
        assert "Left out broken: study.json: the study cannot be read: it is not JSON" in words
        assert "Left out open: not finished: members are missing" in words
        assert "Left out search: a search" in words
        assert "Left out waiting: not finished: it holds no verdict.json yet" in words
        assert "c/again asks the same study as b/depth: counted once" in words


def test_each_cause_has_its_cells_flips_and_shares(told: tuple[Ended, str, str]) -> None:
    _, page, _ = told
    depth = page[page.index("### Depth") : page.index("### No cause declared")]
    assert "| plain | small-plain / large-plain | steps | larger faster |" in depth
    assert "| skips | small-skips / large-skips | steps | smaller faster |" in depth
    assert "examples" not in depth
    assert "neither always" in depth
    assert "In steps the larger net is first at depth plain, the smaller at skips." in depth
    assert "going from plain to skips explains" in depth
    assert "one shared learning rate" in depth


def test_nets_of_equal_counts_are_shown_and_not_counted(runs: Path, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    shutil.copytree(runs / "b" / "depth", root / "depth")
    speeds = {"small-mlp": SLOW, "large-mlp": QUICK, "small-conv": SLOW, "large-conv": QUICK}
    write(root / "same", levels(Cause.ARCHITECTURE, "mlp", "conv"), speeds)
    ended = answer(str(root))
    assert ended.status == 0, ended.stderr
    page = (root / "answer.md").read_text()
    uncounted = (
        "On each clock 2 cells compare nets of equal parameter counts, which says nothing of size, "
        "and are not counted."
    )
    tally = "of 2 cells the smaller net was faster in 1, the larger in 1, neither in 0."
    head, part = page[: page.index("\n## ")], page[page.index("### Architecture") :]
    assert f"In steps, {tally}" in head
    assert head.count(uncounted) == part.count(uncounted) == 1
    assert "In steps, over 2 cells: the smaller net faster? Not always." in page
    assert "2 of 2 directions stand" in page
    assert "| mlp | small-mlp / large-mlp | steps | larger faster |" in part
    shutil.rmtree(root / "depth")
    assert answer(str(root)).stdout.startswith("Not settled by these runs. On each clock 2 cells")


def test_names_stay_names(told: tuple[Ended, str, str]) -> None:
    _, page, html = told
    assert "a\\|\\*x\\*" in page
    assert "a|*x*" in html


def test_the_page_is_well_formed_and_needs_nothing_but_itself(
    told: tuple[Ended, str, str],
) -> None:
    root = ElementTree.fromstring(told[2].partition("<!DOCTYPE html>")[2])
    assert {one.tag for one in root.iter()}.isdisjoint({"script", "link", "iframe", "img"})
    assert "http" not in told[2]
    assert "Where the order turns" in told[2]


def test_the_same_runs_give_the_same_bytes(runs: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(runs, moved)
    for folder, out in ((runs, "one"), (moved, "two")):
        assert answer(str(folder), f"--out={tmp_path / out}").status == 0
    for name in ("answer.md", "answer.html"):
        one, two = ((tmp_path / out / name).read_bytes() for out in ("one", "two"))
        assert one == two


def test_by_default_it_writes_where_it_reads(runs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "depth"
    shutil.copytree(runs / "b" / "depth", folder)
    assert answer(str(folder)).status == 0
    assert (folder / "answer.md").is_file()
    assert (folder / "answer.html").is_file()


def test_a_verdict_that_is_not_its_studys_is_left_out(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "b" / "depth", tmp_path / "runs" / "depth")
    file = tmp_path / "runs" / "depth" / "verdict.json"
    verdict = json.loads(file.read_text())
    verdict["contrasts"] = [one for one in verdict["contrasts"] if one["level"] == "plain"]
    file.write_text(json.dumps(verdict))
    assert "other contrasts than its study" in answer(str(tmp_path / "runs")).refusal


# Each: arguments, and what the line must say.
MISTAKES = {
    "nothing": ([], "scripts/run answer FOLDER"),
    "no folder": (["/nowhere"], "/nowhere is no folder"),
    "two, and nowhere to write": ([".", ".."], "pass --out"),
    "unknown flag": ([".", "--nonsense=1"], "nonsense"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(mistake: str) -> None:
    arguments, hint = MISTAKES[mistake]
    assert hint in answer(*arguments).refusal


def test_a_folder_without_runs_is_a_mistake(runs: Path, tmp_path: Path) -> None:
    assert "no finished run lies below" in answer(str(tmp_path)).refusal
    assert "(Left out waiting: not finished" in answer(str(runs / "waiting")).refusal


def test_several_folders_are_named_below_what_they_share(runs: Path, tmp_path: Path) -> None:
    ended = answer(str(runs / "b"), str(runs / "c" / "again"), f"--out={tmp_path}")
    assert ended.status == 0, ended.stderr
    assert "c/again asks the same study as b/depth" in ended.stdout


def test_it_needs_no_jax() -> None:
    source = f"import sys, experiments.answer; print(sorted({set(HEAVY)!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
