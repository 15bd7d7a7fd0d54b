"""What is this model made of, and which one of its family has so many parameters?

    scripts/layers --model=unet --model_kwargs='{"width": 0.5}' --dataset=digits_on_photographs
    scripts/layers --model=mlp --inputs=8x8x1 --outputs=10 --match_parameters=5000
    scripts/layers runs/unet_size-1a2b3c4d --cohort=small

Prints each layer's shape, parameters and FLOPs, for a model on a data set, on inputs of a shape, or
of a run. With --match_parameters a dial is turned until the model has that number, as nearly as it
can. Shapes alone are traced: it takes seconds, whatever the model's size.
"""

import csv
import dataclasses
import io
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

from absl import flags

from experiments import _data
from experiments._analysis import run_analysis
from experiments._trust import TRUST
from experiments._unused import require_only, require_unused
from lab.data.catalogue import own_set
from lab.errors import UsageError
from lab.models import Signature, build_network, match_parameters
from lab.models.layers import LayerTable, layer_table
from lab.quantities import flops, percent
from lab.races import open_data
from lab.records.environment import cohort_facts, read_environment
from lab.records.files import given_path
from lab.records.paths import RunPaths
from lab.records.reader import read_study
from lab.reports.formatting import NONE
from lab.reports.tables import Table
from lab.reports.text import WIDTH
from lab.reports.typeset import markdown
from lab.specs import AnyDataSpec, ModelSpec, OwnModelSpec, OwnTaskSpec, json_converter
from lab.specs.families import FAMILIES, model_spec, read_dials
from lab.training.problem import make_problem
from lab.trust import require_harmless
from lab.words import Task

_MODEL = flags.DEFINE_string("model", None, f"A family: one of {', '.join(FAMILIES)}.")
_DIALS = flags.DEFINE_string("model_kwargs", "{}", "The family's dials, as a JSON object.")
_DATASET = flags.DEFINE_string("dataset", None, "TFDS name of the data that the model is for.")
_TASK = flags.DEFINE_enum_class(
    "task", None, Task, "What is learned; by default what one of the lab's own sets is for."
)
_INPUTS = flags.DEFINE_string(
    "inputs", None, "In place of data: the shape of an example, as 32x32x3; of a text its length."
)
_OUTPUTS = flags.DEFINE_integer(
    "outputs", None, "With --inputs: classes, values or, of a language, tokens that there are."
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 16, "Examples of a training step.")
_MATCH = flags.DEFINE_integer(
    "match_parameters", None, "Turn a dial until the model has so many parameters."
)
_DIAL = flags.DEFINE_string("dial", "width", "With --match_parameters: which dial is turned.")
_TOLERANCE = flags.DEFINE_float(
    "tolerance", 0.02, "With --match_parameters: how far off the nearest model may be, as a share."
)
_COHORT = flags.DEFINE_string("cohort", None, "Of a run: one cohort only; by default all.")
_CSV = flags.DEFINE_bool("csv", False, "Print the table alone, as CSV.")
_MARKDOWN = flags.DEFINE_bool("markdown", False, "Print the table alone, in Markdown.")
# Of the flags of data those that a model's shapes depend on.
_SHAPING = ("data_dir", "image_size", "train_split", "tokens", "window", "vocabulary", "classes")
for _name in _SHAPING:
    flags.declare_key_flag(_name)

_OF_A_MODEL = (
    *("model", "model_kwargs", "dataset", "task", "inputs", "outputs", "batch_size"),
    *("match_parameters", "dial", "tolerance"),
    *(name for name in _SHAPING if name != "data_dir"),
)
flags.declare_key_flag("trust")

_COUNTED = (
    "FLOPs are those of one example's evaluation: a multiply-add is 2, any other arithmetic on "
    "floats 1; padding costs nothing. A layer's row leaves out the layers within it."
)


def main(arguments: list[str]) -> None:
    """Finds the models, traces, prints."""
    require_only(_SHAPING, [_data.__name__])
    if _CSV.value and _MARKDOWN.value:
        raise UsageError("both --csv and --markdown are given; a table is printed once: drop one")
    if len(arguments) > 1:
        raise UsageError(f"{len(arguments)} run folders were given, it takes one: drop the others")
    if _CSV.value or _MARKDOWN.value:
        require_unused(["batch_size"], "the table alone has no training step in it")
    if _BATCH_SIZE.value <= 0:
        raise UsageError(f"batch_size is {_BATCH_SIZE.value}; it must be positive: pass 16")
    parts = _of_run(given_path("the run folder", arguments[0])) if arguments else [_of_flags()]
    print("\n\n\n".join(parts), flush=True)


def _of_flags() -> str:
    if _MODEL.value is None:
        raise UsageError(
            "--model is missing: scripts/layers --model=NAME --dataset=NAME, or scripts/layers RUN"
        )
    require_unused(["cohort", "trust"], "no run is looked at", "pass scripts/layers RUN")
    wanted = _MATCH.value
    if wanted is None:
        require_unused(
            ["dial", "tolerance"], "no parameters are matched", "pass --match_parameters=5000"
        )
    free = None if wanted is None else _DIAL.value
    spec = model_spec(_MODEL.value, read_dials(_DIALS.value), free)
    signature = _signature()
    if wanted is None:
        return _told(spec, signature, _BATCH_SIZE.value, [])
    match = match_parameters(spec, wanted, signature, _DIAL.value, _TOLERANCE.value)
    return _told(match.spec, signature, _BATCH_SIZE.value, [str(match)])


def _of_run(root: Path) -> Iterator[str]:
    require_unused(_OF_A_MODEL, "a run has models and data of its own")
    cohorts = {cohort.name: cohort for cohort in read_study(root).cohorts}
    if _COHORT.value is not None and _COHORT.value not in cohorts:
        raise UsageError(
            f"{root} has no cohort {_COHORT.value!r}; pass one of {', '.join(cohorts)}"
        )
    paths = RunPaths(root)
    environment = read_environment(paths)
    for name in cohorts if _COHORT.value is None else [_COHORT.value]:
        cohort = cohorts[name]
        recorded = cohort_facts(paths, environment, name)
        if not TRUST.value:
            require_harmless(cohort, root)
        notes = [
            f"its record has {flops(recorded['flops_per_step'])} a training step, with loss "
            "and optimizer, in the forms of operations that it was computed in"
        ]
        signature = _signature_of(cohort.data)
        text = _told(cohort.model, signature, cohort.batch_size, notes)
        yield text if _CSV.value or _MARKDOWN.value else f"cohort {name}\n{text}"


def _signature() -> Signature:
    dataset, inputs = _DATASET.value, _INPUTS.value
    if (dataset is None) == (inputs is None):
        raise UsageError(
            "a model is for data: pass one of --dataset=NAME and --inputs=32x32x3 --outputs=10"
        )
    if dataset is not None:
        require_unused(["outputs"], "a data set says what is asked of a model")
        return _signature_of(_data.data_spec(dataset, _task(dataset)))
    require_unused(_SHAPING, "shapes are given in place of data", "pass --dataset=NAME")
    return _shaped(_shape(inputs or ""), _TASK.value or Task.CLASSIFICATION)


def _signature_of(spec: AnyDataSpec) -> Signature:
    if isinstance(spec, OwnTaskSpec):
        require_unused(["data_dir"], f"the task {spec.path} brings its own data")
    return make_problem(*open_data(spec, _data.data_dir())).signature


def _task(dataset: str) -> Task:
    if _TASK.value is not None:
        return Task(_TASK.value)
    own = own_set(dataset)
    if own is None:
        raise UsageError(
            f"what is learned from {dataset} is not said: pass --task, one of "
            f"{', '.join(task.value for task in Task)}"
        )
    return own.task


def _shape(text: str) -> tuple[int, ...]:
    sizes = text.split("x")
    if not all(size.isdecimal() and int(size) > 0 for size in sizes):
        raise UsageError(
            f"inputs is {text!r}; it must be the shape of an example: pass --inputs=32x32x3"
        )
    return tuple(map(int, sizes))


def _shaped(inputs: tuple[int, ...], task: Task) -> Signature:
    outputs = _OUTPUTS.value
    if task is Task.SEGMENTATION:
        if outputs is not None or len(inputs) != 3:
            raise UsageError(
                "segmentation says one number of each pixel: pass --inputs=32x32x3, and drop "
                "--outputs"
            )
        return Signature(inputs, inputs[:2])
    if outputs is None or outputs <= 0:
        raise UsageError(
            f"outputs is {outputs}; of {task.value} it must be a positive number: pass --outputs=10"
        )
    if task is not Task.LANGUAGE:
        return Signature(inputs, (outputs,))
    if len(inputs) != 1:
        raise UsageError("inputs of a language are a number of tokens: pass --inputs=64")
    return Signature(inputs, (*inputs, outputs), vocabulary=outputs)


def _told(spec: ModelSpec, signature: Signature, batch_size: int, notes: list[str]) -> str:
    table = layer_table(build_network(spec, signature), signature, batch_size)
    if _CSV.value:
        return _as_csv(table)
    if _MARKDOWN.value:
        return markdown(_as_table(table)).rstrip("\n")
    inputs, outputs = map(_sizes, (signature.inputs, signature.outputs))
    lines = [
        f"{_called(spec)}: {inputs} to {outputs}",
        *(textwrap.fill(note, WIDTH) for note in notes),
        "",
        _as_table(table).text(),
        "",
        textwrap.fill(_COUNTED, WIDTH),
        textwrap.fill(
            f"A training step on {batch_size} examples: {flops(table.training_flops)} forward and "
            "backward, loss and optimizer aside.",
            WIDTH,
        ),
    ]
    return "\n".join(lines)


def _called(spec: ModelSpec) -> str:
    """As --model and --model_kwargs would say it: dials at their defaults need none."""
    if isinstance(spec, OwnModelSpec):
        return f"{spec.path} {spec.kwargs}"
    name = next(name for name, family in FAMILIES.items() if isinstance(spec, family))
    stored = json_converter().unstructure(spec)
    turned = {
        field.name: stored[field.name]
        for field in dataclasses.fields(spec)
        if getattr(spec, field.name) != field.default
    }
    return f"{name} {json.dumps(turned)}"


def _as_table(table: LayerTable) -> Table:
    """Formatted for a reader, with a row of sums."""
    rows = [
        (
            layer.name or "(outside of layers)",
            layer.kind or NONE,
            _sizes(layer.output),
            f"{layer.parameters:,}",
            f"{layer.flops:,}",
            percent(layer.flops / max(1, table.flops)),
        )
        for layer in table.layers
    ]
    total = ("total", "", "", f"{table.parameters:,}", f"{table.flops:,}", "")
    header = ("layer", "kind", "output", "parameters", "FLOPs", "share")
    return Table(header, (*rows, total), frozenset({3, 4, 5}))


def _as_csv(table: LayerTable) -> str:
    """Raw, a row a layer; the model itself has no name."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("layer", "kind", "output", "parameters", "flops"))
    for one in table.layers:
        writer.writerow((one.name, one.kind, _sizes(one.output), one.parameters, one.flops))
    return text.getvalue().rstrip("\n")


def _sizes(shape: tuple[int, ...] | None) -> str:
    return NONE if shape is None else "x".join(map(str, shape)) or "1"


if __name__ == "__main__":
    run_analysis(main)
