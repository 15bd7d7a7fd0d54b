"""What training cost, from environment.json alone."""

import csv
import io

import pytest

from lab.quantities import seconds, size
from lab.records.costs import SoloSeconds
from lab.reports.costs import cohort_costs, costs_csv, costs_table, text

SOLO = SoloSeconds(1.5e-3, 1.4e-3, 1.7e-3, 0.985, 15, 40, 2.5, "made up")


def of_session(ended: int, device: float, compiling: float) -> dict[str, float]:
    return {
        "members_ended": ended,
        "device_seconds": device,
        "compile_device_seconds": compiling,
        "useful_fraction": 0.9,
    }


ENVIRONMENT = {
    "cohorts": {
        "small": {
            "parameters": 2903,
            "flops_per_step": 2.1e6,
            "moved_bytes_per_step": 4.5e6,
            "state_bytes": 34_900,
            "solo_seconds": SOLO.facts(),
        },
        "old": {"parameters": 5012, "flops_per_step": 3.3e6},
    },
    "sessions": [
        {"throughput": {"small": of_session(10, 30.0, 8.0), "old": {"useful_fraction": 0.9}}},
        {},  # Killed: nobody knows how many members it ended in what time.
        {"throughput": {"small": of_session(6, 18.0, 4.0)}},
    ],
}


def test_the_ensemble_s_share_is_over_all_sessions_with_compilation_in_and_out() -> None:
    small, old = cohort_costs(ENVIRONMENT)
    assert small.device_seconds_per_member == 48 / 16
    assert small.device_seconds_per_member_with_compilation == 60 / 16
    assert small.solo == SOLO
    assert old.solo is None
    assert old.device_seconds_per_member is None


def test_all_is_told_and_what_nobody_knows_is_a_dash() -> None:
    told = text(ENVIRONMENT)
    for words in (
        "2.1 MFLOPs",
        "4.5 MB",
        "34.9 kB",
        "1.5 ms (1.4 ms to 1.7 ms)",
        "2.5 s",
        "3 s",
        "3.75 s",
        "(made up) to itself",
    ):
        assert words in " ".join(told.split())
    rows = costs_table(cohort_costs(ENVIRONMENT)).rows
    assert [row[2] for row in rows] == ["5,012", "3.3 MFLOPs", *["–"] * 6]


def test_cohorts_stand_three_abreast() -> None:
    many = {f"cohort-{number}": ENVIRONMENT["cohorts"]["small"] for number in range(4)}
    told = text({"cohorts": many, "sessions": []})
    assert max(map(len, told.splitlines())) <= 110
    assert told.count("parameters") == 2


def test_the_table_for_programs_is_unrounded() -> None:
    rows = list(csv.DictReader(io.StringIO(costs_csv(cohort_costs(ENVIRONMENT)))))
    assert [row["name"] for row in rows] == ["small", "old"]
    assert float(rows[0]["solo_lower"]) == 1.4e-3
    assert float(rows[0]["solo_compile_seconds"]) == 2.5
    assert float(rows[0]["device_seconds_per_member"]) == 3
    assert rows[1]["solo_estimate"] == rows[1]["state_bytes"] == ""


@pytest.mark.parametrize(
    ("number", "words"), [(4.56e-5, "45.6 µs"), (0.5, "500 ms"), (99, "99 s"), (1e4, "10,000 s")]
)
def test_seconds_in_words(number: float, words: str) -> None:
    assert seconds(number) == words


def test_bytes_in_words() -> None:
    assert [size(number) for number in (12, 1234, 5.678e9)] == ["12 B", "1.23 kB", "5.68 GB"]
