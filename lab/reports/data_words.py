"""What is learned from, in words."""

from lab.reports import formatting
from lab.specs import DataSpec, DifficultySpec, TextSpec
from lab.words import Task, Tokens


def text_words(spec: TextSpec) -> str:
    """What a text is cut into."""
    if spec.tokens is Tokens.CHARACTERS:
        return f"characters in windows of {spec.window}"
    size = "" if spec.vocabulary is None else f"{formatting.count(spec.vocabulary)} "
    return f"{size}byte pairs in windows of {spec.window}"


def difficulty_words(data: DataSpec) -> list[str]:
    """Each dial of difficulty that is turned; none, where the set is as it is."""
    hard, parts = data.difficulty, []
    if hard.classes is not None:
        parts.append(f"classes {formatting.joined([str(one) for one in hard.classes])} alone")
    if hard.train_fraction < 1:
        parts.append(f"{_share(hard.train_fraction)} of the training examples")
    if hard.imbalance > 1:
        parts.append(f"the most frequent training class {hard.imbalance:g} times the rarest")
    if hard.label_noise > 0:
        parts.append(_label_noise(data.task, hard))
    if hard.input_noise > 0:
        parts.append(f"noise of deviation {hard.input_noise:g} on the inputs")
    return parts


def _label_noise(task: Task, hard: DifficultySpec) -> str:
    match task:
        case Task.REGRESSION:
            return f"noise of {hard.label_noise:g} deviations on the training targets"
        case Task.SEGMENTATION:
            return f"{_share(hard.label_noise)} of the pixels of training masks flipped"
        case _:
            return f"{_share(hard.label_noise)} of the training labels wrong"


def _share(value: float) -> str:
    return f"{100 * value:g}%"
