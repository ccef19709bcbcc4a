"""Into how many tasks a read is divided."""

from collections.abc import Sequence

import pytest

from spark_jobs.readings.messages import Tasks, tasks_for


@pytest.mark.parametrize(
    ("spans", "cores", "expected"),
    [
        pytest.param([1], 2, Tasks(100_000, None), id="one record"),
        pytest.param([520_000] * 4, 2, Tasks(1_040_000, None), id="as many on each as always"),
        pytest.param([5_000_000] * 4, 100, Tasks(200_000, None), id="each on many cores"),
        pytest.param([2_000_000], 2, Tasks(1_000_000, None), id="all on one partition"),
        pytest.param([1_900_000, 70_000, 60_000], 2, Tasks(1_015_000, None), id="most on one partition"),
        pytest.param([4_000] * 512, 2, Tasks(100_000, 21), id="little on each of many"),
        pytest.param([1_900_000, *[1_600] * 63], 2, Tasks(100_000, 21), id="most on one of many"),
        pytest.param([10] * 5, 2, Tasks(100_000, 4), id="next to nothing on each of five"),
        pytest.param([10] * 5, 8, Tasks(100_000, None), id="next to nothing, but cores enough"),
        pytest.param([10] * 4, 1, Tasks(100_000, 2), id="one core"),
    ],
)
def test_a_read_is_divided_by_what_there_is_to_read(spans: Sequence[int], cores: int, expected: Tasks) -> None:
    assert tasks_for(spans, cores) == expected
