"""A user's own data: what becomes of them, and what is refused."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import user_tasks
from numpy.testing import assert_array_equal

from lab.data.own import OwnTask, load_own, resolve_task
from lab.errors import UsageError
from lab.specs import NamedMetric, OwnTaskSpec
from lab.words import Direction, Metric, Task

LABELS = np.array([0, 1, 2, 1])
FLOATS = np.arange(12, dtype=np.float64).reshape(4, 3)
PICTURES = np.zeros((4, 8, 8, 3), np.uint8)
MASKS = np.zeros((4, 8, 8), np.int64)
MASKS[:, :4] = 1
TOKENS = np.arange(24, dtype=np.int64).reshape(4, 6) % 11


def zero(outputs, targets):
    return 0.0 * outputs.sum() + targets.sum()


def task(inputs=FLOATS, targets=LABELS, loss=Task.CLASSIFICATION, **options) -> OwnTask:
    """Train and validation alike."""
    return OwnTask((inputs, targets), (inputs, targets), loss, **options)


@pytest.mark.parametrize(
    ("given", "vocabulary", "seen"),
    [
        (PICTURES, 0, np.uint8),
        (FLOATS, 0, np.float32),
        (FLOATS.astype(np.float16), 0, np.float32),
        (FLOATS > 3, 0, np.float32),
        (TOKENS, 11, np.int32),
        (TOKENS.astype(np.uint8), 11, np.int32),
    ],
)
def test_a_type_says_what_inputs_are(given, vocabulary, seen):
    converted = task(inputs=given, vocabulary=vocabulary).train[0]
    assert converted.dtype == seen
    assert_array_equal(converted, given)


@pytest.mark.parametrize(
    ("given", "seen"),
    [(FLOATS, np.float32), (LABELS, np.int32), (LABELS > 0, np.uint8), (MASKS, np.int32)],
)
def test_targets_keep_their_kind(given, seen):
    converted = task(targets=given, loss=zero).validation[1]
    assert converted.dtype == seen
    assert_array_equal(converted, given)


def test_ready_made_tasks_know_their_classes():
    assert task().classes == 3
    assert task(classes=10).classes == 10
    segmented = task(PICTURES, MASKS[..., None], Task.SEGMENTATION)
    assert segmented.classes == 2
    assert segmented.train[1].dtype == np.uint8
    assert segmented.train[1].shape == (4, 8, 8)
    assert task(FLOATS, FLOATS[:, 0], Task.REGRESSION).train[1].shape == (4, 1)
    assert task(FLOATS, FLOATS, Task.REGRESSION).classes == 3
    language = task(TOKENS[:, :-1], TOKENS[:, 1:], Task.LANGUAGE, vocabulary=11)
    assert language.classes == 11
    assert language.measured[0] is Metric.LOSS


def test_a_task_is_resolved_into_what_it_measures_and_loaded():
    spec = resolve_task("user_tasks:points", '{"spread": 0.5}')
    accuracy = NamedMetric("accuracy", Direction.MAXIMIZE)
    assert spec == OwnTaskSpec(
        "user_tasks:points", '{"spread": 0.5}', (Metric.LOSS, accuracy), ("accuracy", 0.9)
    )
    data = load_own(spec)
    assert data.train.inputs.dtype == np.float32
    assert (len(data.train.inputs), len(data.validation.targets)) == (40, 23)
    assert data.classes == 2
    assert_array_equal(data.train.targets, user_tasks.blobs(40, 1, 0.5)[1])
    recall = NamedMetric("recall", Direction.MAXIMIZE)
    segmentation = (Metric.LOSS, Metric.IOU, Metric.DICE, recall)
    assert resolve_task("user_tasks:squares").metrics == segmentation


REFUSED = {
    "no pair": (
        lambda: OwnTask(FLOATS, (FLOATS, LABELS), zero),
        "train is a ndarray; a split is a pair of arrays: pass train=(inputs, targets)",
    ),
    "lengths": (
        lambda: task(targets=LABELS[:3]),
        "train has 4 inputs and 3 targets; each input has one: pass arrays of one length",
    ),
    "empty": (
        lambda: task(FLOATS[:0], LABELS[:0]),
        "train inputs are empty; a split needs one example or more: pass some",
    ),
    "ragged": (
        lambda: task([[1.0], [1.0, 2.0]], LABELS[:2]),
        "train inputs are a list of rows that differ in shape; all examples must have one: pad or "
        "resize them",
    ),
    "words": (
        lambda: task(np.array(["a", "b"]), LABELS[:2]),
        "train inputs are str32 of 1 axes; they must be numbers, with an axis of examples first: "
        "pass a numpy array of these",
    ),
    "nan": (
        lambda: task(np.where(FLOATS == 5, np.nan, FLOATS)),
        "train inputs are not finite in 1 of 4 examples, the first of which is 1; no member can "
        "learn from nan or inf: leave those examples out",
    ),
    "alike": (
        lambda: OwnTask((FLOATS, LABELS), (FLOATS[:, :2], LABELS), Task.CLASSIFICATION),
        "train inputs are float32[3] and validation inputs float32[2] an example; both splits must "
        "have one shape and type: resize or cast one of them",
    ),
    "integers": (
        lambda: task(TOKENS),
        "train inputs are int64; uint8 are pictures, and other integers tokens: pass vocabulary=, "
        "or cast them to float32",
    ),
    "vocabulary": (
        lambda: task(TOKENS, vocabulary=10),
        "train inputs are int64 from 0 to 10; tokens of a vocabulary of 10 are integers from 0 to "
        "9: pass the vocabulary that they have",
    ),
    "large": (
        lambda: task(targets=LABELS + 2**40, loss=zero),
        "train targets run to 1099511627778, beyond int32, which devices count in: pass smaller "
        "numbers, or floats",
    ),
    "one-hot": (
        lambda: task(targets=np.eye(4)),
        "train targets of classification are float32[4] an example, from 0; a label is one whole "
        "number from 0: pass the class's number, not a vector of them",
    ),
    "classes": (
        lambda: task(classes=2),
        "a label is 2, but there are 2 classes; labels run from 0 to classes - 1: pass classes=3, "
        "or other labels",
    ),
    "mask's size": (
        lambda: task(PICTURES, MASKS[:, :4], Task.SEGMENTATION),
        "train targets of segmentation are int32[4, 8] an example, and inputs uint8[8, 8, 3]; a "
        "mask has one number a pixel of its image: resize it",
    ),
    "mask's values": (
        lambda: task(PICTURES, MASKS * 255, Task.SEGMENTATION),
        "train targets of segmentation hold 0, 255; a mask is 1 where foreground and 0 elsewhere, "
        "and a split has both: pass masks > 0, or so",
    ),
    "next tokens": (
        lambda: task(TOKENS, TOKENS[:, 1:], Task.LANGUAGE, vocabulary=11),
        "train targets of language are int32[5] an example, and there is a vocabulary of 11; each "
        "is the token after the input's, as many as inputs: pass vocabulary=, and "
        "(tokens[:, :-1], tokens[:, 1:])",
    ),
    "numbers": (
        lambda: task(PICTURES, PICTURES, Task.REGRESSION),
        "train targets of regression are uint8[8, 8, 3] an example; they must be a number or a "
        "vector: flatten them, or pass a loss of your own",
    ),
    "loss": (
        lambda: task(loss="mse"),
        "the loss of a task is 'mse'; it must be a Task, as Task.SEGMENTATION, or a function of "
        "outputs and targets: pass one of these",
    ),
    "direction": (
        lambda: task(metrics={"f1": (max, "up")}),
        "metric 'f1' is (<built-in function max>, 'up'); it must be a function and a direction, "
        "which is maximize or minimize: pass f1=(function, 'maximize') as an item of metrics",
    ),
    "name": (
        lambda: task(metrics={"step": (zero, "maximize")}),
        "metric 'step' of a task cannot name a column of a table; use letters, digits and _, and "
        "none of member, evaluation, step, loss",
    ),
    "twice": (
        lambda: task(metrics={"accuracy": (zero, "maximize")}),
        "a task measures accuracy twice: give each metric its own name",
    ),
    "no function": (
        lambda: resolve_task("user_tasks:COUNT"),
        "user_tasks:COUNT is a dict; a task is a function that returns an OwnTask: name the "
        "function",
    ),
    "another type": (
        lambda: resolve_task("user_tasks:number"),
        "user_tasks:number returned a int; a task is a function that returns an OwnTask: see "
        "lab.data.own",
    ),
    "raises": (
        lambda: resolve_task("user_tasks:failing"),
        "calling user_tasks:failing failed with FileNotFoundError (cells/train.npz); mend it, or "
        "pass --task_kwargs",
    ),
    "arguments": (
        lambda: resolve_task("user_tasks:points", '{"spred": 1}'),
        "user_tasks:points: got an unexpected keyword argument 'spred'; it takes spread, loss: "
        "pass a --task_kwargs that fits",
    ),
    "measures": (
        lambda: load_own(OwnTaskSpec("user_tasks:points")),
        "user_tasks:points measures loss, accuracy, and measured loss when the study was made: let "
        "it measure the same again, or pass another --out",
    ),
    "module": (
        lambda: resolve_task("no_such_package.data:cells"),
        "there is no module no_such_package for no_such_package.data:cells; modules are looked for "
        f"on PYTHONPATH and in the folder you stand in, {Path.cwd()}: stand in the folder that "
        "holds no_such_package, or put that folder on PYTHONPATH",
    ),
    "attribute": (
        lambda: resolve_task("user_tasks:pionts"),
        "user_tasks has no pionts; it defines accuracy, blobs, failing, impure, in_numpy, "
        "logarithmic, mean_cross_entropy, number, points, satisfied, shapeless, squares: name what "
        "it has",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_mistake_is_one_line_with_its_rule(case):
    build, line = REFUSED[case]
    with pytest.raises(UsageError) as refused:
        build()
    assert str(refused.value) == line


def test_a_module_is_found_in_the_folder_one_stands_in(tmp_path, monkeypatch):
    (tmp_path / "cells_of_mine.py").write_text("import user_tasks\ncells = user_tasks.points\n")
    (tmp_path / "needs_more.py").write_text("import no_such_dependency\n")
    (tmp_path / "breaks.py").write_text("raise SystemExit(3)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [one for one in __import__("sys").path if one])
    assert resolve_task("cells_of_mine:cells").target == ("accuracy", 0.9)
    with pytest.raises(UsageError, match="it imports no_such_dependency, which is not there: inst"):
        resolve_task("needs_more:cells")
    with pytest.raises(UsageError, match=r"failed with SystemExit \(3\); it must import without"):
        resolve_task("breaks:cells")


def write_pictures(folder: Path, side: int = 6) -> None:
    from PIL import Image

    for split in ("train", "validation"):
        for number, name in enumerate(("cat", "dog")):
            (folder / split / name).mkdir(parents=True)
            for index in range(3):
                pixels = np.full((side, side, 3), 100 * number + index, np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{index}.png")


def test_a_folder_of_classes(tmp_path):
    write_pictures(tmp_path)
    read = OwnTask.from_folder(tmp_path)
    assert read.loss is Task.CLASSIFICATION
    assert read.classes == 2
    assert_array_equal(read.train[1], [0, 0, 0, 1, 1, 1])
    assert_array_equal(read.train[0][:, 0, 0, 0], [0, 1, 2, 100, 101, 102])
    assert OwnTask.from_folder(tmp_path, image_size=3).train[0].shape == (6, 3, 3, 3)


def test_a_folder_of_images_and_masks(tmp_path):
    from PIL import Image

    mask = np.zeros((6, 6), np.uint8)
    mask[2:4] = 200
    mask[4:] = 7
    for split in ("train", "validation"):
        for kind, pixels in (("images", np.zeros((6, 6, 3), np.uint8)), ("masks", mask)):
            (tmp_path / split / kind).mkdir(parents=True)
            Image.fromarray(pixels).save(tmp_path / split / kind / "a.png")
    read = OwnTask.from_folder(tmp_path)
    assert read.loss is Task.SEGMENTATION
    assert_array_equal(read.train[1][0], mask > 0)
    chosen = OwnTask.from_folder(tmp_path, foreground=(7,))
    assert_array_equal(chosen.train[1][0], mask == 7)
    (tmp_path / "train/masks/a.png").rename(tmp_path / "train/masks/b.png")
    with pytest.raises(UsageError, match=r"a\.png has no mask in .*masks; each image has one"):
        OwnTask.from_folder(tmp_path)


def test_a_folder_of_arrays(tmp_path):
    for split in ("train", "validation"):
        np.savez(tmp_path / f"{split}.npz", inputs=FLOATS, targets=LABELS)
    assert OwnTask.from_folder(tmp_path, loss=Task.CLASSIFICATION).classes == 3
    with pytest.raises(UsageError, match="does not say what is to be learned from it: pass loss="):
        OwnTask.from_folder(tmp_path)
    np.savez(tmp_path / "train.npz", inputs=FLOATS)
    with pytest.raises(UsageError, match="lacks an array; it must hold inputs and targets"):
        OwnTask.from_folder(tmp_path, loss=zero)
    np.savez(tmp_path / "train.npz", inputs=FLOATS, targets=np.array([{}], object))
    with pytest.raises(UsageError, match=r"cannot be read .*np\.savez with plain numbers"):
        OwnTask.from_folder(tmp_path, loss=zero)
    (tmp_path / "train.npz").unlink()
    with pytest.raises(UsageError, match=r"has neither train\.npz nor a folder train"):
        OwnTask.from_folder(tmp_path, loss=zero)


def test_a_builder_is_read_without_tensorflow(known_folder):
    import tensorflow_datasets as tfds

    digits = tfds.builder_from_directory(str(known_folder / "mnist" / "3.0.1"))
    read = OwnTask.from_builder(digits, splits=("train", "test"))
    assert (read.loss, read.classes) == (Task.CLASSIFICATION, 10)
    assert read.train[0].shape == (40, 28, 28, 1)
    pets = tfds.builder_from_directory(str(known_folder / "oxford_iiit_pet" / "4.0.0"))
    read = OwnTask.from_builder(
        pets,
        targets="segmentation_mask",
        splits=("train", "test"),
        image_size=16,
        foreground=(1,),
    )
    assert read.loss is Task.SEGMENTATION
    assert read.train[0].shape == (20, 16, 16, 3)
    assert set(np.unique(read.train[1])) == {0, 1}
    with pytest.raises(UsageError, match="share 40 examples: pass splits= that share none"):
        OwnTask.from_builder(digits, splits=("train", "train"))
    with pytest.raises(UsageError, match="has no feature 'mask'; it has image, label: pass inputs"):
        OwnTask.from_builder(digits, targets="mask", splits=("train", "test"))
    with pytest.raises(UsageError, match=r"differ in shape.*pass image_size="):
        OwnTask.from_builder(pets, splits=("train", "test"))


def test_a_task_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        task().classes = 4
