"""verdict.json, schema 1: a study's verdict as text and back.

The keys are the contract of DESIGN.md: the fields of the dataclasses, a contrast's decision laid
flat among its names. Numbers are finite; what was not reached or not measured is null.
"""

import dataclasses
import json
from typing import Any

import cattrs
from cattrs.gen import make_dict_structure_fn

from lab.documents import parsed_object, reasons, strict_converter
from lab.errors import UsageError
from lab.records.cohort import AnyMetric
from lab.specs import NamedMetric
from lab.statistics.intervals import OrderCertain
from lab.verdicts.decision import Decision
from lab.verdicts.judge import StudyVerdict
from lab.words import Metric

VERDICT_SCHEMA = 1


def _converter() -> cattrs.Converter:
    converter = strict_converter(forbid_extra_keys=True)

    def metric(value: Any, _: Any) -> AnyMetric:
        return Metric(value) if isinstance(value, str) else converter.structure(value, NamedMetric)

    converter.register_structure_hook(AnyMetric, metric)
    certain = make_dict_structure_fn(OrderCertain, converter, _cattrs_forbid_extra_keys=True)

    def order_certain(value: Any, kind: Any) -> OrderCertain:
        # Before ratios of means had them, their times were taken as seen.
        as_seen = {"lowest": value["estimate"], "highest": value["estimate"]}
        return certain({**as_seen, **value}, kind)

    converter.register_structure_hook(OrderCertain, order_certain)
    return converter


_CONVERTER = _converter()
_DECISION_KEYS = [field.name for field in dataclasses.fields(Decision)]


def to_json(verdict: StudyVerdict) -> str:
    """Indented JSON; ValueError if a number is not finite."""
    document: dict[str, Any] = {"schema": VERDICT_SCHEMA, **_CONVERTER.unstructure(verdict)}
    document["contrasts"] = [_flattened(contrast) for contrast in document["contrasts"]]
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(text: str) -> StudyVerdict:
    """What `to_json` wrote, equal to the verdict; UsageError on anything else."""
    try:
        document = parsed_object(text)
    except UsageError as error:
        raise UsageError(f"this is not a verdict.json: {error}") from error
    try:
        if document.pop("schema") != VERDICT_SCHEMA:
            raise UsageError(f"the verdict's schema is not {VERDICT_SCHEMA}, which this lab reads")
        document["contrasts"] = [_nested(contrast) for contrast in document["contrasts"]]
        return _CONVERTER.structure(document, StudyVerdict)
    except cattrs.BaseValidationError as error:
        raise UsageError(f"the verdict does not fit its schema: {reasons(error)}") from error
    except (AttributeError, KeyError, TypeError) as error:
        raise UsageError(f"this is not a verdict.json: {error}") from error


def _flattened(contrast: dict[str, Any]) -> dict[str, Any]:
    names = {key: value for key, value in contrast.items() if key != "decision"}
    return names | contrast["decision"]


def _nested(contrast: dict[str, Any]) -> dict[str, Any]:
    # Verdicts of before a key was added are without it.
    decision = {key: contrast[key] for key in _DECISION_KEYS if key in contrast}
    rest = {key: value for key, value in contrast.items() if key not in _DECISION_KEYS}
    return {**rest, "decision": decision}
