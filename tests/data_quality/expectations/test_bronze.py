from collections.abc import Callable
from datetime import timedelta
from typing import Any

from etl.tables import BRONZE_FILES, BRONZE_LINES

Plant = Callable[..., Any]

SHA = "0123456789abcdef" * 4


def test_each_fault_of_a_file_is_caught_with_an_example(plant: Plant) -> None:
    good = {"sha256": SHA, "landing_date": str, "num_bytes": 10}
    faults = {
        "something arrived": lambda rows: [],
        "source is not empty": {"source": ""},
        "file_name is not empty": {"file_name": ""},
        "num_bytes is in 0 … ∞": {"num_bytes": -1},
        "the file is not empty": {"num_bytes": 0},
        "sha256 is 64 hex digits": {"sha256": SHA.upper()},
        "landing_date is not after the day": {
            "landing_date": lambda day: str(day + timedelta(days=1))
        },
        "arrival_at is on landing_date": {"landing_date": lambda day: str(day - timedelta(days=1))},
    }

    planted = plant(BRONZE_FILES, faults, good=good)

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example(but=("something arrived",))


def test_a_landing_date_that_is_no_date_is_caught(plant: Plant) -> None:
    faults = {"landing_date is not after the day": {"landing_date": "yesterday"}}

    planted = plant(BRONZE_FILES, faults, good={"sha256": SHA, "landing_date": str})

    assert planted.of_fault["landing_date is not after the day"].is_met is False


def test_each_fault_of_a_line_is_caught_with_an_example(plant: Plant) -> None:
    faults = {
        "line_number is in 1 … ∞": {"line_number": 0},
        "line has no newline within": {"line": bytearray(b"a\nb")},
        "its file was sealed": {"file_name": "unsealed"},
    }

    planted = plant(BRONZE_LINES, faults)

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()
