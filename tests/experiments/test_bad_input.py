"""A user's mistake: one line on stderr, exit 2, no traceback, nothing lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Launch, Race

# Each: experiment, arguments, and what the line must say: the value that was got, and a remedy.
MISTAKES = {
    "target above 1": ("unet_size", ["--target=1.5"], "1.5", "--target"),
    "target zero": ("width", ["--target=0"], "0", "--target"),
    "target nan": ("width", ["--target=nan"], "nan", "--target"),
    "target word": ("unet_size", ["--target=abc"], "'abc'", "--target=0.5"),
    "target empty": ("width", ["--target="], "target", "--target"),
    "no members": ("width", ["--members=0"], "members is 0", "--members"),
    "members word": ("width", ["--members=many"], "many", "members"),
    "no budget": ("width", ["--budget_steps=-20"], "-20", "--budget_steps"),
    "no grid": ("width", ["--eval_every=0"], "eval_every is 0", "--eval_every"),
    "uneven budget": ("width", ["--budget_steps=25", "--eval_every=10"], "25", "=30"),
    "budget below sustain": (
        "width",
        ["--budget_steps=10", "--eval_every=10", "--sustain=3"],
        "3",
        "--sustain",
    ),
    "no sustain": ("width", ["--sustain=0"], "sustain is 0", "--sustain"),
    "no batch": ("width", ["--batch_size=0"], "batch_size is 0", "--batch_size"),
    "seed": ("width", ["--seed=-1"], "-1", "--seed"),
    "rate": ("width", ["--learning_rate=0"], "learning_rate is 0", "--learning_rate"),
    "rate nan": ("width", ["--learning_rate=nan"], "nan", "--learning_rate"),
    "momentum of Adam": ("width", ["--momentum=0.5"], "0.5", "drop --momentum"),
    "momentum": ("width", ["--optimizer=sgd", "--momentum=1"], "1.0", "--momentum"),
    "decay of Adam": ("width", ["--weight_decay=0.1"], "adam takes none", "=adamw"),
    "steps of no schedule": ("width", ["--schedule_steps=9"], "is 9", "=cosine"),
    "no budget of a schedule": (
        "width",
        ["--schedule=cosine", "--budget_steps=0"],
        "budget_steps is 0",
        "--budget_steps",
    ),
    "schedule past int32": (
        "width",
        ["--schedule=cosine", "--schedule_steps=10000000000"],
        "is 10000000000",
        "--schedule_steps",
    ),
    "schedule-free U-Net": (
        "unet_size",
        ["--optimizer=schedule_free"],
        "UNetSpec",
        "--optimizer=adamw",
    ),
    "two rules": (
        "width",
        ["--plateau=0.1", "--target=0.5"],
        "target and plateau",
        "drop either",
    ),
    "tolerance word": ("width", ["--plateau=some"], "'some'", "--plateau="),
    "plateau of one": ("width", ["--plateau=0.1", "--sustain=1"], "1", "--sustain"),
    "precision": ("width", ["--precision=half"], "half", "bfloat16"),
    "vary what": ("width", ["--vary=colour=1,2"], "'colour=1,2'", "learning_rate"),
    "vary word": ("width", ["--vary=dropout=0,x"], "'0,x'", "--vary=dropout="),
    "vary momentum of Adam": ("width", ["--vary=momentum=0,0.5"], "AdamSpec", "drop"),
    "vary what is given": (
        "width",
        ["--dropout=0.5", "--vary=dropout=0,0.5"],
        "dropout is given",
        "drop --dropout",
    ),
    "no such optimizer": ("width", ["--optimizer=eva"], "eva", "adam"),
    "no lanes": ("width", ["--lanes=0"], "lanes is 0", "--lanes=auto"),
    "lanes word": ("width", ["--lanes=x"], "lanes is x", "--lanes=auto"),
    "lanes negative": ("width", ["--lanes=-4"], "-4", "--lanes=auto"),
    "unknown flag": ("width", ["--nonsense=3"], "nonsense", "flag"),
    "stray argument": ("width", ["width"], "'width'", "--"),
    "one width": ("width", ["--widths=8"], "8", "two or more"),
    "widths falling": ("width", ["--widths=16,8"], "16,8", "pass 8,16"),
    "widths twice": ("width", ["--widths=8,8"], "8,8", "8"),
    "width zero": ("width", ["--widths=0,8"], "0,8", "positive"),
    "widths words": ("width", ["--widths=a,b"], "'a,b'", "--widths=8,32"),
    "no depth": ("width", ["--depth=0"], "depth is 0", "--depth"),
    "small above large": (
        "unet_size",
        ["--small_parameters=5000", "--large_parameters=2900"],
        "5000,2900",
        "2900,5000",
    ),
    "small is large": (
        "unet_size",
        ["--small_parameters=2900", "--large_parameters=2900"],
        "2900,2900",
        "smaller",
    ),
    "negative parameters": ("unet_size", ["--small_parameters=-3"], "-3", "positive"),
    "unreachable parameters": ("unet_size", ["--small_parameters=7"], "7", "pass one of them"),
    "no expansion": ("unet_size", ["--expansion=0"], "expansion is 0", "--expansion"),
    "image size": ("unet_size", ["--image_size=20"], "20x20", "--image_size=16"),
    "image size zero": ("unet_size", ["--image_size=0"], "image_size is 0", "--image_size"),
    "image size of no image": ("unet_size", ["--image_size=100000000"], "is 100000000", "4096"),
    "foreground": ("unet_size", ["--foreground=cat"], "'cat'", "--foreground=1"),
    "foreground nowhere": ("unet_size", ["--foreground=77"], "77", "--foreground"),
    "unknown set": ("unet_size", ["--dataset=no_such_set"], "'no_such_set'", "TFDS"),
    "no set": ("width", ["--dataset="], "empty", "--dataset"),
    "another task's set": ("unet_size", ["--dataset=sklearn_digits"], "segmentation", "choose"),
    "unknown split": ("width", ["--train_split=nowhere"], "nowhere", "train"),
    "splits that share": (
        "width",
        ["--train_split=train", "--validation_split=train[:10%]"],
        "share",
        "--validation_split",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(launch: Launch, tmp_path: Path, mistake: str) -> None:
    experiment, arguments, got, remedy = MISTAKES[mistake]
    plain = ["--tune=none"] if experiment == "width" else []
    ended = launch(experiment, *plain, *arguments, f"--out={tmp_path / 'run'}")
    assert got in ended.refusal
    assert remedy in ended.refusal
    assert not list((tmp_path).rglob("*.parquet"))


def test_a_set_that_is_not_there_and_cannot_be_fetched(launch: Launch, tmp_path: Path) -> None:
    """Refused before minutes of attempts to reach a host; proxies that go nowhere cut the net."""
    nowhere = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    ended = launch(
        "unet_size",
        *("--dataset=oxford_iiit_pet", f"--data_dir={tmp_path}", f"--out={tmp_path / 'run'}"),
        extra=nowhere | {name.upper(): value for name, value in nowhere.items()},
    )
    assert "oxford_iiit_pet is not prepared" in ended.refusal
    assert str(tmp_path) in ended.refusal


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_may_not_be_written(launch: Launch, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir(mode=0o500)
    assert "run" in launch("width", f"--out={tmp_path / 'mine/run'}").refusal


def test_a_folder_that_cannot_be_written(launch: Launch) -> None:
    """/proc takes no folder from anybody."""
    refused = launch("width", "--out=/proc/lab/run").refusal
    assert "/proc/lab/run" in refused
    assert "--out" in refused


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but the lock, which names the process that last held it."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and file.name != ".lock"]
    return {str(file): file.read_bytes() for file in files}


OTHERS = {
    "more members": ["--members=3"],
    "another seed": ["--seed=1"],
    "other lanes": ["--lanes=1"],
    "other widths": ["--widths=4,8,16"],
    "nonsense": ["--target=abc"],
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_run_folder_is_left_alone_by_mistakes(launch: Launch, race: Race, other: str) -> None:
    before = contents(race.folder)
    ended = launch("width", *race.flags, *OTHERS[other], f"--out={race.folder}")
    assert ended.refusal
    assert contents(race.folder) == before


def test_another_study_is_named_by_what_differs(launch: Launch, race: Race) -> None:
    refused = launch("width", *race.flags, "--members=3", f"--out={race.folder}").refusal
    assert "holds another study" in refused
    assert "members: 22 there, 3 asked" in refused


def test_another_experiment_s_folder_is_refused(launch: Launch, race: Race) -> None:
    before = contents(race.folder)
    refused = launch("unet_size", "--tune=none", "--members=2", f"--out={race.folder}").refusal
    assert "holds another study" in refused
    assert contents(race.folder) == before


@pytest.mark.parametrize(
    ("place", "words"), [("~nouser/x", "nobody of that name"), ("a" * 300, "File name too long")]
)
def test_a_place_that_no_system_has(launch: Launch, place: str, words: str) -> None:
    assert words in launch("width", f"--out={place}").refusal


def test_a_file_is_no_folder(launch: Launch, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    assert str(file) in launch("width", f"--out={file}").refusal
    assert str(file) in launch("width", f"--out={file / 'below'}").refusal
    assert file.read_text() == "mine"


def test_somebody_s_folder_is_no_run_folder(launch: Launch, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    refused = launch("width", f"--out={tmp_path}").refusal
    assert "no run folder" in refused
    assert contents(tmp_path) == {str(tmp_path / "thesis.tex"): b"years of work"}


@pytest.mark.parametrize(
    ("experiment", "arguments", "got"),
    [
        ("width", ["--members=0"], "members is 0"),
        ("unet_size", ["--target=abc"], "'abc'"),
        ("unet_size", ["--nonsense"], "nonsense"),
    ],
)
def test_a_real_process_says_the_same(
    environment: dict[str, str], tmp_path: Path, experiment: str, arguments: list[str], got: str
) -> None:
    command = [sys.executable, "-m", f"experiments.{experiment}", *arguments]
    ended = subprocess.run(
        [*command, f"--out={tmp_path / 'run'}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert got in line
    assert not (tmp_path / "run").exists()


def test_prodigy_takes_a_rate_of_1_unless_one_is_given(environment: dict[str, str]) -> None:
    program = """
import sys
from absl import flags
from experiments import _training, width
flags.FLAGS(sys.argv)
print(_training.optimizer_spec(flags.FLAGS.learning_rate).learning_rate)
"""
    rates = [
        subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for arguments in (
            ["--optimizer=prodigy"],
            ["--optimizer=prodigy", "--learning_rate=0.003"],
            ["--optimizer=adam"],
        )
    ]
    assert rates == ["1.0", "0.003", "0.003"]
