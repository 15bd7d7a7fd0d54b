"""The flags of what is learned from, and how they become specs."""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from experiments._unused import require_unused
from lab.errors import UsageError
from lab.records.files import given_path
from lab.specs import DataSpec, DifficultySpec, TextSpec
from lab.words import Residence, Task, Tokens

_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "TFDS data folder; by default $TFDS_DATA_DIR or ~/tensorflow_datasets."
)
_IMAGE_SIZE = flags.DEFINE_integer(
    "image_size", None, "Resize images to this many pixels square; by default their own size."
)
_TRAIN_SPLIT = flags.DEFINE_string(
    "train_split", None, "TFDS split expression, as train[:80%]; by default the set's train split."
)
_VALIDATION_SPLIT = flags.DEFINE_string(
    "validation_split",
    None,
    "TFDS split expression; by default the set's validation split, or 15% of train held out.",
)
_TOKENS = flags.DEFINE_enum_class("tokens", Tokens.CHARACTERS, Tokens, "What a text is cut into.")
_WINDOW = flags.DEFINE_integer("window", 64, "Tokens of a text that a model reads at once.")
_VOCABULARY = flags.DEFINE_integer("vocabulary", None, "Tokens that bpe learns; 512 by default.")
_CLASSES = flags.DEFINE_list(
    "classes", None, "Keep the examples of these classes alone, by their numbers."
)
_TRAIN_FRACTION = flags.DEFINE_float(
    "train_fraction", 1.0, "Share of the training examples that is kept."
)
_IMBALANCE = flags.DEFINE_float(
    "imbalance", 1.0, "How many times the most frequent training class outnumbers the rarest."
)
_LABEL_NOISE = flags.DEFINE_float(
    "label_noise",
    0.0,
    "Share of training labels that are another class, or of mask pixels that are flipped; of "
    "regression, noise in deviations of the targets.",
)
_INPUT_NOISE = flags.DEFINE_float(
    "input_noise", 0.0, "Deviation of noise on inputs: 1 is an image's range, a vector's deviation."
)
_DIFFICULTY_SEED = flags.DEFINE_integer(
    "difficulty_seed", 0, "Which examples, labels and noise those draw; the same for all members."
)
_RESIDENCE = flags.DEFINE_enum_class(
    "residence",
    Residence.AUTO,
    Residence,
    "Where the training split lies: on the device, or on disk, from where it is streamed; all "
    "members then see it in one order, which --cross=order:1 agrees to.",
)
_TEXT_FLAGS = ("tokens", "window", "vocabulary")
_DRAWN = ("train_fraction", "imbalance", "label_noise", "input_noise")
OF_TFDS = (
    *_TEXT_FLAGS,
    "image_size",
    "train_split",
    "validation_split",
    "residence",
    "classes",
    "train_fraction",
    "imbalance",
    "label_noise",
    "input_noise",
    "difficulty_seed",
)
"""What a task of the user's own, which brings its data, has no use for."""


def data_dir() -> Path | None:
    """Where TFDS keeps its data; None is TFDS's own default."""
    return None if _DATA_DIR.value is None else given_path("data_dir", _DATA_DIR.value)


def data_spec(
    name: str, task: Task, foreground: Sequence[str] = ("1",), draws: bool = False
) -> DataSpec:
    """The data set of the flags; UsageError for a flag that would do nothing.

    Args:
        name: as TFDS has it.
        task: what is learned from it.
        foreground: mask values, of segmentation.
        draws: whether the experiment makes data harder itself, by draws.
    """
    if "foreground" in flags.FLAGS and task is not Task.SEGMENTATION:
        require_unused(["foreground"], f"{task.value} has no masks")
    if not draws and not any(flags.FLAGS[name].present for name in _DRAWN):
        require_unused(
            ["difficulty_seed"],
            "nothing is drawn to make the data harder",
            f"pass one of {', '.join(f'--{name}' for name in _DRAWN)}",
        )
    return DataSpec(
        name=name,
        task=task,
        image_size=_IMAGE_SIZE.value,
        train_split=_TRAIN_SPLIT.value,
        validation_split=_VALIDATION_SPLIT.value,
        foreground=_whole_numbers("foreground", foreground, "mask values", "1"),
        text=_text(task),
        difficulty=DifficultySpec(
            classes=None
            if _CLASSES.value is None
            else _whole_numbers("classes", _CLASSES.value, "numbers of classes", "0,1"),
            train_fraction=_TRAIN_FRACTION.value,
            imbalance=_IMBALANCE.value,
            label_noise=_LABEL_NOISE.value,
            input_noise=_INPUT_NOISE.value,
            seed=_DIFFICULTY_SEED.value,
        ),
        residence=_RESIDENCE.value,
    )


def _text(task: Task) -> TextSpec | None:
    """None where nothing is a text and no flag asks for one; a spec refuses the rest."""
    if task is not Task.LANGUAGE and not any(flags.FLAGS[name].present for name in _TEXT_FLAGS):
        return None
    return TextSpec(_TOKENS.value, _WINDOW.value, _VOCABULARY.value)


def _whole_numbers(flag: str, texts: Sequence[str], what: str, example: str) -> tuple[int, ...]:
    try:
        return tuple(int(text) for text in texts)
    except ValueError:
        raise UsageError(
            f"{flag} is {','.join(texts)!r}; it must be {what}: pass --{flag}={example}"
        ) from None
