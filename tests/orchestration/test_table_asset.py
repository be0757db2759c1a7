"""What a step says of a table that it wrote."""

from datetime import date

from orchestration.table_asset import num_rows

FIRST, SECOND = date(2026, 1, 1), date(2026, 1, 2)


def test_the_rows_of_one_day_are_its_partitions() -> None:
    assert num_rows({FIRST: 3}) == {"dagster/partition_row_count": 3}


def test_a_day_without_rows_says_so() -> None:
    assert num_rows({FIRST: 0}) == {"dagster/partition_row_count": 0}


def test_a_range_does_not_give_its_sum_for_the_rows_of_each_day() -> None:
    said = num_rows({FIRST: 3, SECOND: 1400})

    assert said["num_rows"] == 1403
    assert said["num_rows_by_day"].value.splitlines()[2:] == [
        "| 2026-01-01 | 3 |",
        "| 2026-01-02 | 1,400 |",
    ]
    assert "dagster/partition_row_count" not in said
